// Changes: which hosts of a result are not as they were in the run before, or in another result.
import { messageOf } from "../../errors.ts";
import type { Reading, RunRecord } from "../../journal/reading.ts";
import { CHANGE_KINDS, type ChangeKind } from "../../mig/result-difference.ts";
import { plural } from "../../view/text.ts";
import { type ChangesPage, changedLines, changesOf, type HostChange } from "../changes.ts";
import { facts, jobLink, runLink, stateWord, table, withQuery } from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import type { HostLists } from "../results.ts";
import type { Seen } from "../site.ts";
import { type Asked, idOf, type Page, pageOf, ROWS } from "./page.ts";
import { type Owned, ownedBy } from "./result.ts";

interface Side {
  readonly run: number;
  readonly actionId: number | null;
}

interface Data extends Omit<ChangesPage, "changes"> {
  readonly job: string;
  readonly after: Side;
  /** Null: there is no earlier result of the same job and step. */
  readonly before: Side | null;
  readonly kind: ChangeKind | null;
  readonly from: number;
  /** How many are asked for altogether. */
  readonly total: number;
  /** Why there is nothing to compare; null: there is. */
  readonly problem: string | null;
  readonly changes: readonly HostChange[];
}

/** What differs from the run before; `with` names the action of another to compare with. */
export function changesPage(results: HostLists): Page {
  return pageOf<Data>({
    path: "/results/:name/changes",
    load: (seen, asked) => load(seen, asked, results),
    draw: (data) => ({
      title: `Changes in action ${data.after.actionId}`,
      place: "/runs",
      isStill: true,
      body: body(data),
    }),
  });
}

async function load(seen: Seen, asked: Asked, results: HostLists): Promise<Data | null> {
  const { reading } = seen;
  const after = await ownedBy(reading, idOf(asked.name));
  if (reading === null || after === null) return null;
  const other = asked.number("with");
  const before =
    other === null ? await resultBefore(reading, after) : await ownedBy(reading, other);
  if (other !== null && before === null) return null;
  const kind = CHANGE_KINDS.find((each) => each === asked.word("kind")) ?? null;
  const from = Math.min(asked.number("from") ?? 0, 1e9);
  const compared = await compare(results, { before, after, kind, from });
  const { counts } = compared;
  const all = counts.appeared + counts.gone + counts.changed;
  const whole = { job: after.job, after: sideOf(after), before: before && sideOf(before) };
  return { ...whole, kind, from, total: kind === null ? all : counts[kind], ...compared };
}

function sideOf({ run, action }: Owned): Side {
  return { run, actionId: action.actionId };
}

/** Runs that are looked through for the result before. */
const RUNS_BACK = 100;

async function resultBefore(reading: Reading, after: Owned): Promise<Owned | null> {
  const { job, run, firesAt, action } = after;
  const behind = { firesAt, id: run };
  const { runs } = await reading.history({ job, behind, limit: RUNS_BACK });
  for (const one of runs) {
    const found = actionLike(one, action.step);
    if (found !== undefined) return { run: one.run, job, firesAt: one.firesAt, action: found };
  }
  return null;
}

function actionLike({ actions }: RunRecord, step: string) {
  return actions.find((one) => one.step === step && one.resultPath !== null);
}

const NOTHING = { counts: { appeared: 0, gone: 0, changed: 0 }, same: 0, changes: [] } as const;

async function compare(
  results: HostLists,
  question: {
    readonly before: Owned | null;
    readonly after: Owned;
    readonly kind: ChangeKind | null;
    readonly from: number;
  },
): Promise<ChangesPage & { readonly problem: string | null }> {
  const { kind, from } = question;
  const after = question.after.action.resultPath;
  if (after === null) return { ...NOTHING, problem: "It has not been collected yet." };
  if (question.before === null) return { ...NOTHING, problem: "No run before it has a result." };
  const before = question.before.action.resultPath;
  if (before === null) return { ...NOTHING, problem: "The other has not been collected yet." };
  try {
    const found = await changesOf(results, { before, after }, { kind, from, limit: ROWS });
    if (typeof found !== "string") return { ...found, problem: null };
    const problem = `The file is gone: ${found} was removed, as retention does, or by somebody.`;
    return { ...NOTHING, problem };
  } catch (error) {
    return { ...NOTHING, problem: `A file cannot be read: ${messageOf(error)}` };
  }
}

function body(data: Data): Markup {
  const { job, after, before, problem, counts, same, changes } = data;
  const told = [
    `${counts.appeared} appeared, ${counts.gone} gone, ${counts.changed} changed, ${same} as before`,
  ];
  return markup`${facts([
    ["Job", jobLink(job)],
    ["Result", sideText(after)],
    ["Compared with", before === null ? null : sideText(before)],
    ["Hosts", problem === null ? told : null],
  ])}
${problem !== null && markup`<p class="wait">${problem}</p>`}
${problem === null && [filters(data), changeTable(changes), pages(data)]}`;
}

function sideText({ run, actionId }: Side): Piece {
  return [markup`<a href="/results/${actionId}">action ${actionId}</a>`, " of ", runLink(run)];
}

function pathOf({ after }: Data): string {
  return `/results/${after.actionId}/changes`;
}

function filters({ after, before, kind }: Data): Markup {
  const option = (value: string, name: string): Markup =>
    markup`<option value="${value}"${value === (kind ?? "") && markup` selected`}>${name}</option>`;
  const kinds = CHANGE_KINDS.map((each) => option(each, each));
  return markup`<form method="get" action="/results/${after.actionId}/changes">
<label>Hosts that <select name="kind">${option("", "differ")}${kinds}</select></label>
<label>Compared with action
<input type="text" name="with" value="${before?.actionId ?? ""}" inputmode="numeric" autocomplete="off"></label>
<button type="submit">Show</button>
</form>
`;
}

const TONES: Readonly<Record<ChangeKind, string>> = {
  appeared: "good",
  gone: "bad",
  changed: "wait",
};

function changeTable(changes: readonly HostChange[]): Markup {
  return table(
    ["Host", "What", "Status", "Found", { name: "In what was found", kind: "text" }],
    changes.map(({ kind, host, before, after }) => [
      host,
      markup`<span class="${TONES[kind]}">${kind}</span>`,
      fromTo(before?.status, after?.status)
        .map((each) => stateWord(each))
        .flatMap(withArrow),
      fromTo(foundWord(before?.found), foundWord(after?.found)).flatMap(withArrow),
      linesCell(changedLines(before, after)),
    ]),
    "No host differs.",
  );
}

/** One value when it is the same on both sides, or there on one alone. */
function fromTo(before: string | undefined, after: string | undefined): readonly string[] {
  const both = [before, after].filter((each) => each !== undefined);
  return before === after ? both.slice(1) : both;
}

function withArrow(piece: Piece, at: number): readonly Piece[] {
  return at === 0 ? [piece] : [" → ", piece];
}

function foundWord(found: boolean | undefined): string | undefined {
  return found === undefined ? undefined : found ? "something" : "nothing";
}

/** Lines of one host that are shown of each side, and characters of a line. */
const LINES_SHOWN = 20;
const LINE_SIZE = 200;

function linesCell({ gone, come }: ReturnType<typeof changedLines>): Piece {
  if (gone.length + come.length === 0) return null;
  const shown = [
    ...gone.slice(0, LINES_SHOWN).map((line) => changedLine("bad", `− ${line}`)),
    ...come.slice(0, LINES_SHOWN).map((line) => changedLine("good", `+ ${line}`)),
  ];
  const more = Math.max(0, gone.length - LINES_SHOWN) + Math.max(0, come.length - LINES_SHOWN);
  return markup`<pre>${shown}${more > 0 && `and ${plural(more, "line")} more`}</pre>`;
}

function changedLine(tone: string, line: string): Markup {
  return markup`<span class="${tone}">${line.slice(0, LINE_SIZE)}</span><br>`;
}

function pages(data: Data): Piece {
  const { from, total, changes, kind, before } = data;
  const link = (to: number, name: string): Piece => {
    const query = { kind, with: before?.actionId ?? null, from: to === 0 ? null : to };
    return markup`<a href="${withQuery(pathOf(data), query)}">${name}</a>`;
  };
  if (changes.length === 0)
    return from > 0 && markup`<p class="pages">${link(0, "First page")}</p>`;
  const range = `${from + 1} to ${from + changes.length}, of ${total}`;
  return markup`<p class="pages"><span class="soft">${range}</span>
${from > 0 && link(Math.max(0, from - ROWS), "Before")}
${from + changes.length < total && link(from + ROWS, "Next page")}</p>`;
}
