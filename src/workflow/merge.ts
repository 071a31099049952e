// Merge: several results of one step as one result file.
//
// It carries the action of the first part, and has a name of its own: FIRST-LAST.json, of the ids
// of its actions. The results of the parts stay as they are. A crash between that and the journal
// does no harm: doing it again gives the same file under the same name.

import type { Edges } from "../flow/edges.ts";
import { Ids } from "../flow/ids.ts";
import type { ActionRow, Completeness } from "../journal/inflight.ts";
import { formatUtcDate } from "../lib/go/time.ts";
import { commandFacts } from "../mig/command.ts";
import { resultHead, resultTail } from "../mig/result.ts";
import { resultParts } from "../mig/result-parts.ts";
import { StatusCounts } from "../mig/statuses.ts";
import type { ResultWriter } from "../ports.ts";

/** One result file, and how whole it is. */
export interface MergedResult {
  readonly path: string;
  readonly completeness: Completeness;
}

/**
 * Puts the results of collected actions together.
 *
 * @param parts At least two actions with a result file each.
 * @param signal Gives up what takes long.
 * @throws {Error} When a file cannot be read or written.
 */
export async function mergeResults(
  edges: Edges,
  parts: readonly ActionRow[],
  signal?: AbortSignal,
): Promise<MergedResult> {
  const [first] = parts;
  if (first?.actionId == null) throw new Error("only collected actions can be merged");
  const { job } = first;
  const date = formatUtcDate(edges.clock.now());
  const ids = parts.flatMap(({ actionId }) => actionId ?? []);
  const name = { first: Math.min(...ids), last: Math.max(...ids) };
  const writer = await edges.results.create(job, date, name);
  try {
    await copyParts(writer, parts, edges);
    await writer.write(resultTail(job, first.plugins[0] ?? ""));
    const { place: path } = await writer.commit(signal);
    return { path, completeness: sumOf(parts) };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function copyParts(
  writer: ResultWriter,
  parts: readonly ActionRow[],
  { lease, results }: Pick<Edges, "lease" | "results">,
): Promise<void> {
  const known = new Ids();
  let isHead = true;
  let isFirst = true;
  for (const { actionId, resultPath, resultSha256 } of parts) {
    if (resultPath === null) throw new Error("a part has no result file");
    if (lease !== undefined && !(await results.has(resultPath, resultSha256))) {
      throw new Error(`the result of action ${actionId} is on another host: ${resultPath}`);
    }
    for await (const { kind, bytes } of resultParts(results.stream(resultPath))) {
      if (kind === "action") {
        if (isHead) await writer.write(resultHead(bytes));
        isHead = false;
        continue;
      }
      const { id } = commandFacts(bytes);
      if (id !== null && !known.add(id)) continue;
      if (!isFirst) await writer.write(COMMA);
      isFirst = false;
      await writer.write(bytes);
    }
  }
}

const COMMA = new TextEncoder().encode(",");

function sumOf(parts: readonly ActionRow[]): Completeness {
  const statuses = new StatusCounts();
  let fetched = 0;
  let strays = 0;
  let sent: number | null = 0;
  for (const { completeness } of parts) {
    fetched += completeness?.fetched ?? 0;
    strays += completeness?.strays ?? 0;
    sent = sent === null || completeness?.sent == null ? null : sent + completeness.sent;
    for (const [status, count] of Object.entries(completeness?.statuses ?? {})) {
      statuses.add(status, count);
    }
  }
  const lists = parts.flatMap(({ completeness }) => completeness?.listed ?? []);
  const listed = lists.reduce((sum, count) => sum + count, 0);
  // Counters of several actions say nothing together but how many were sent.
  const sum = { fetched, sent, counters: null, statuses: statuses.record, strays };
  return lists.length === 0 ? sum : { ...sum, listed };
}
