// Result: the hosts of one action, how each ended and what was found there; the same as CSV.
import { messageOf } from "../../errors.ts";
import type { ActionRecord, Reading } from "../../journal/reading.ts";
import { RESULT_SORTS, type ResultSort, UNANSWERED } from "../../mig/result-index.ts";
import { unansweredOf } from "../../mig/statuses.ts";
import { visible } from "../../text.ts";
import type { Instant } from "../../time.ts";
import type { HostView } from "../../view/hosts.ts";
import { plural } from "../../view/text.ts";
import {
  facts,
  jobLink,
  moment,
  runLink,
  stateWord,
  statusesOf,
  table,
  withQuery,
} from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import type { HostLists, HostsPage, HostsQuestion } from "../results.ts";
import type { Seen } from "../site.ts";
import { type Asked, idOf, type Page, pageOf, ROWS } from "./page.ts";

interface Data {
  readonly run: number;
  readonly job: string;
  readonly action: ActionRecord;
  readonly question: Omit<HostsQuestion, "limit">;
  /** Null when the file is gone, or cannot be read: `fileProblem` says why. */
  readonly hosts: readonly HostView[] | null;
  readonly fileProblem: string | null;
  /** How many are asked for; null: the file is still read. */
  readonly total: number | null;
  /** How many of all have each status. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** The result of an action, by the API's id. */
export function resultPage(results: HostLists): Page {
  return pageOf<Data>({
    path: "/results/:name",
    load: (seen, asked) => load(seen, asked, results),
    draw: (data, { now }) => ({
      title: `Result of action ${data.action.actionId}`,
      place: "/runs",
      isStill: true,
      body: body(data, now),
    }),
  });
}

/** An action with its run. */
export interface Owned {
  readonly run: number;
  readonly job: string;
  readonly firesAt: Instant;
  readonly action: ActionRecord;
}

/** The action that has an ID of the API; null: there is none. */
export async function ownedBy(reading: Reading | null, id: number | null): Promise<Owned | null> {
  const runId = id === null ? null : ((await reading?.runOfAction(id)) ?? null);
  const run = runId === null ? null : ((await reading?.run(runId)) ?? null);
  const action = run?.actions.find(({ actionId }) => actionId === id);
  if (run === null || action === undefined) return null;
  return { run: run.run, job: run.job, firesAt: run.firesAt, action };
}

async function load(seen: Seen, asked: Asked, results: HostLists): Promise<Data | null> {
  const owned = await ownedBy(seen.reading, idOf(asked.name));
  if (owned === null) return null;
  const question = questionOf(asked);
  const { resultPath, commands } = owned.action;
  const page = resultPath === null ? NOT_YET : await pageAt(results, resultPath, question);
  const { hosts, total, statuses, fileProblem } = page;
  const { run, job, action } = owned;
  return { run, job, action, question, hosts, total, statuses: statuses ?? commands, fileProblem };
}

type Read = Omit<HostsPage, "hosts" | "from"> & Pick<Data, "hosts" | "fileProblem">;

const NOTHING = { hosts: null, total: null, statuses: null } as const;

const NOT_YET: Read = { ...NOTHING, fileProblem: "It has not been collected yet." };

async function pageAt(results: HostLists, path: string, question: HostsQuestion): Promise<Read> {
  try {
    const page = await results.page(path, question);
    if (page !== null) return { ...page, fileProblem: null };
    const fileProblem = `The file is gone: ${path} was removed, as retention does, or by somebody.`;
    return { ...NOTHING, fileProblem };
  } catch (error) {
    return { ...NOTHING, fileProblem: `${path} cannot be read: ${messageOf(error)}` };
  }
}

function questionOf(asked: Asked): HostsQuestion {
  const status = asked.word("status");
  const found = asked.word("found");
  const sort = asked.word("sort");
  return {
    status: status === "" ? null : status,
    found: found === "yes" ? true : found === "no" ? false : null,
    host: asked.word("host"),
    text: asked.word("text"),
    sort: RESULT_SORTS.find((each) => each === sort) ?? "file",
    from: Math.min(asked.number("from") ?? 0, 1e9),
    limit: ROWS,
  };
}

/** The question as a query; without what is as it would be anyway. */
function queryOf(
  { status, found, host, text, sort }: Data["question"],
  from: number,
): Readonly<Record<string, string | number | null>> {
  return {
    status,
    host,
    text,
    sort: sort === "file" ? null : sort,
    found: found === null ? null : found ? "yes" : "no",
    from: from === 0 ? null : from,
  };
}

function body(data: Data, now: number): Markup {
  const { action, run, job, statuses, hosts, fileProblem } = data;
  const { actionId, resultPath, postedAt, agents } = action;
  return markup`${facts([
    ["Job", jobLink(job)],
    ["Run", runLink(run)],
    ["Posted", moment(postedAt, now)],
    ["Agents", agents],
    ["Commands", statusesOf(statuses)],
    ["Did not answer", unansweredLink(actionId, statuses, (count) => plural(count, "host"))],
    ["File", resultPath === null ? null : markup`<code>${resultPath}</code>`],
    ["Changes", resultPath === null ? null : changesLink(actionId)],
  ])}
${fileProblem !== null && markup`<p class="bad">${fileProblem}</p>`}
${hosts !== null && [filters(data), hostTable(hosts), pages(data, `/results/${actionId}`)]}`;
}

/** The hosts that did not answer, under a text that says how many; null: all did. */
export function unansweredLink(
  actionId: number | null,
  statuses: Readonly<Record<string, number>>,
  textOf: (count: number) => string,
): Piece {
  const count = unansweredOf(statuses);
  if (count === 0 || actionId === null) return null;
  const path = withQuery(`/results/${actionId}`, { status: UNANSWERED, sort: "host" });
  return markup`<a class="wait" href="${path}">${textOf(count)}</a>`;
}

function changesLink(actionId: number | null): Piece {
  return markup`<a href="/results/${actionId}/changes">What differs from the run before</a>`;
}

const SORTS: Readonly<Record<ResultSort, string>> = {
  file: "as collected",
  host: "host",
  status: "status",
  found: "found first",
};

function filters({ action, question, statuses }: Data): Markup {
  const { status, found, host, text, sort } = question;
  const chosen = (is: boolean): Piece => is && markup` selected`;
  const option = (value: string, name: string, is: boolean): Markup =>
    markup`<option value="${value}"${chosen(is)}>${name}</option>`;
  const known = Object.keys(statuses).slice(0, 64);
  const orders = RESULT_SORTS.map((each) => option(each, SORTS[each], each === sort));
  return markup`<form method="get" action="/results/${action.actionId}">
<label>Host holds <input type="search" name="host" value="${host}" autocomplete="off"></label>
<label>Status <select name="status">${option("", "any", status === null)}
${option(UNANSWERED, "did not answer", status === UNANSWERED)}
${known.map((each) => option(each, each, each === status))}</select></label>
<label>Found <select name="found">${option("", "any", found === null)}
${option("yes", "something", found === true)}${option("no", "nothing", found === false)}</select></label>
<label>Text in it <input type="search" name="text" value="${text}" autocomplete="off"></label>
<label>Order <select name="sort">${orders}</select></label>
<button type="submit">Show</button>
</form>
`;
}

function hostTable(hosts: readonly HostView[]): Markup {
  return table(
    ["Host", "Status", "Found", { name: "What", kind: "text" }],
    hosts.map((view) => [
      view.host,
      stateWord(view.status),
      view.found ? "something" : "nothing",
      whatCell(view),
    ]),
    "No host is as asked for.",
  );
}

/** Characters of what was found that stand in the table; more is behind it. */
const GLANCE_SIZE = 160;

function whatCell({ elements, errors }: HostView): Piece {
  const wrong = errors.length === 0 ? null : markup`<span class="bad">${errors.join("; ")}</span>`;
  if (elements.length === 0) return wrong;
  const text = elements.map((each) => JSON.stringify(each)).join("\n");
  if (text.length <= GLANCE_SIZE) return [wrong, markup` <code>${text}</code>`];
  const glance = `${text.slice(0, GLANCE_SIZE)}…`;
  const more = markup`<details><summary><code>${glance}</code></summary>
<pre>${lines(elements)}</pre></details>`;
  return [wrong, more];
}

/** As many lines of what was found as a person reads. */
const LINES_SHOWN = 60;

function lines(elements: readonly unknown[]): Piece {
  const all = elements.flatMap((each) => JSON.stringify(each, null, 2).split("\n"));
  const shown = all.slice(0, LINES_SHOWN).map((line) => [line.slice(0, 400), BREAK]);
  const more = all.length - LINES_SHOWN;
  return more > 0 ? [...shown, `and ${plural(more, "line")} more`] : shown;
}

const BREAK = markup`<br>`;

function pages({ question, hosts, total }: Data, path: string): Piece {
  const shown = hosts?.length ?? 0;
  const { from } = question;
  const of = total === null ? "the file is being read" : `of ${total}`;
  const range = shown === 0 ? of : `${from + 1} to ${from + shown}, ${of}`;
  const link = (to: number, name: string): Piece =>
    markup`<a href="${withQuery(path, queryOf(question, to))}">${name}</a>`;
  const hasNext = total === null ? shown === ROWS : from + shown < total;
  const csv = `${path}.csv`;
  return markup`<p class="pages"><span class="soft">${range}</span>
${from > 0 && link(Math.max(0, from - ROWS), "Before")} ${hasNext && link(from + ROWS, "Next page")}
<a href="${withQuery(csv, queryOf(question, 0))}">All of them as CSV</a></p>`;
}

/** Hosts of one part of the CSV. */
const CSV_BATCH = 200;

/** All hosts that are asked for as CSV; null when there is no such action or file. */
export async function resultCsv(
  seen: Seen,
  asked: Asked,
  results: HostLists,
): Promise<Response | null> {
  const owned = await ownedBy(seen.reading, idOf(asked.name.replace(/\.csv$/, "")));
  const path = owned?.action.resultPath ?? null;
  if (path === null) return null;
  const question = { ...questionOf(asked), from: 0, limit: CSV_BATCH };
  const parts = results.all(path, question);
  const first = await parts.next();
  if (first.done === true && (await results.page(path, question)) === null) return null;
  const encoder = new TextEncoder();
  const text = (hosts: readonly HostView[]): Uint8Array =>
    encoder.encode(hosts.map(csvRow).join(""));
  const stream = new ReadableStream<Uint8Array>({
    start(control) {
      control.enqueue(encoder.encode(HEADING));
      if (first.done !== true) control.enqueue(text(first.value));
    },
    async pull(control) {
      const { done, value } = await parts.next();
      if (done === true) control.close();
      else control.enqueue(text(value));
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
  const name = `result-${owned?.action.actionId}.csv`;
  return new Response(stream, {
    headers: {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": `attachment; filename="${name}"`,
    },
  });
}

const HEADING = "command,agent,host,status,found,errors,elements\r\n";

function csvRow({ commandId, agentId, host, status, found, errors, elements }: HostView): string {
  const what = elements.length === 0 ? "" : JSON.stringify(elements);
  const cells = [`${commandId ?? ""}`, `${agentId ?? ""}`, host, status, `${found}`];
  return `${[...cells, errors.join("; "), what].map(csvCell).join(",")}\r\n`;
}

/** Also as full-width letters, which a Japanese one takes. */
const FORMULAS = /(^|[;\t\n])([\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20])/gu;

/**
 * What a spreadsheet would take for a formula gets a quotation mark before it: at the begin, and
 * behind what some of them take for the end of a cell, whatever quotes stand around.
 */
function csvCell(text: string): string {
  const safe = visible(text, "\n").replace(FORMULAS, "$1'$2");
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
