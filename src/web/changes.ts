// Changes: what differs between two result files, a page of hosts at a time.
import { type ChangeKind, ResultDifference } from "../mig/result-difference.ts";
import type { HostView } from "../view/hosts.ts";
import type { HostLists } from "./results.ts";

/** One host that is not as it was. */
export interface HostChange {
  readonly kind: ChangeKind;
  readonly host: string;
  /** Null: it was not there. */
  readonly before: HostView | null;
  /** Null: it is not there any more. */
  readonly after: HostView | null;
}

/** Some of the hosts that differ. */
export interface ChangesPage {
  readonly counts: Readonly<Record<ChangeKind, number>>;
  /** Hosts that are as they were. */
  readonly same: number;
  readonly changes: readonly HostChange[];
}

/** Two result files. */
export interface TwoFiles {
  readonly before: string;
  readonly after: string;
}

/**
 * The changes between two files.
 *
 * @returns The path of a file instead, when that is not there.
 */
export async function changesOf(
  results: HostLists,
  files: TwoFiles,
  page: { readonly kind: ChangeKind | null; readonly from: number; readonly limit: number },
): Promise<ChangesPage | string> {
  const before = await results.index(files.before);
  if (before === null) return files.before;
  const after = await results.index(files.after);
  if (after === null) return files.after;
  const difference = new ResultDifference(before, after);
  const chosen = difference.select(page.kind, page);
  const places = (side: "before" | "after") => chosen.flatMap((one) => one[side] ?? []);
  const was = (await results.hosts(files.before, before, places("before"))).values();
  const is = (await results.hosts(files.after, after, places("after"))).values();
  const changes = chosen.map((one) => ({
    kind: one.kind,
    host: one.after === null ? before.host(one.before ?? 0) : after.host(one.after),
    before: one.before === null ? null : (was.next().value ?? null),
    after: one.after === null ? null : (is.next().value ?? null),
  }));
  return { counts: difference.counts(), same: difference.same, changes };
}

/** What of two hosts' findings is in one of them alone, line by line as people read JSON. */
export function changedLines(
  before: HostView | null,
  after: HostView | null,
): { readonly gone: readonly string[]; readonly come: readonly string[] } {
  const was = linesOf(before);
  const is = linesOf(after);
  const wasSet = new Set(was);
  const isSet = new Set(is);
  return {
    gone: was.filter((line) => !isSet.has(line)),
    come: is.filter((line) => !wasSet.has(line)),
  };
}

function linesOf(view: HostView | null): readonly string[] {
  const { errors = [], elements = [] } = view ?? {};
  return [...errors, ...elements.flatMap((each) => JSON.stringify(each, null, 1).split("\n"))];
}
