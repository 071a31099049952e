// Runs: what has happened, the latest fire time first, in pages.
import type { HistoryPlace, RunRecord } from "../../journal/reading.ts";
import { isUnanswered, unansweredOf } from "../../mig/statuses.ts";
import { type Instant, spanText } from "../../time.ts";
import {
  jobLink,
  moment,
  pager,
  runLink,
  stateWord,
  statusesOf,
  table,
  withQuery,
} from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import { type Asked, type Page, pageOf, ROWS } from "./page.ts";
import { unansweredLink } from "./result.ts";

interface Data {
  readonly job: string | null;
  readonly failed: boolean;
  readonly runs: readonly RunRecord[];
  /** What `behind` of the next page is; null after the last. */
  readonly next: string | null;
}

/** All runs, of one job or of all, those that failed or all. */
export function runsPage(): Page {
  return pageOf<Data>({
    path: "/runs",
    async load({ reading }, asked) {
      const job = asked.word("job") === "" ? null : asked.word("job");
      const failed = asked.word("failed") !== "";
      const question = { job, failed, behind: placeOf(asked), limit: ROWS };
      const page = await reading?.history(question);
      return { job, failed, runs: page?.runs ?? [], next: placeText(page?.next ?? null) };
    },
    draw(data, { now }) {
      return { title: "Runs", place: "/runs", body: body(data, now) };
    },
  });
}

/** A place in the history as a word: the fire time and the run. */
function placeText(place: HistoryPlace | null): string | null {
  return place === null ? null : `${place.firesAt}-${place.id}`;
}

function placeOf(asked: Asked): HistoryPlace | null {
  const [, firesAt, id] = /^(-?\d{1,16})-(\d{1,16})$/.exec(asked.word("behind")) ?? [];
  const place = { firesAt: Number(firesAt), id: Number(id) };
  return Number.isSafeInteger(place.firesAt) && Number.isSafeInteger(place.id) ? place : null;
}

function body({ job, failed, runs, next }: Data, now: Instant): Markup {
  const query = { job, failed: failed ? "1" : null };
  return markup`<form method="get" action="/runs">
<label>Job <input type="search" name="job" value="${job ?? ""}" autocomplete="off"></label>
<label class="line"><input type="checkbox" name="failed" value="1"${failed && markup` checked`}>
failed, paused or undelivered</label>
<button type="submit">Show</button>
</form>
${runsTable(runs, now)}
${pager(null, next === null ? null : withQuery("/runs", { ...query, behind: next }))}`;
}

/** Runs as a table. */
export function runsTable(runs: readonly RunRecord[], now: Instant): Markup {
  return table(
    [
      "Run",
      "Job",
      { name: "Fired", kind: "time" },
      { name: "Took", kind: "time" },
      "State",
      { name: "Commands", kind: "list" },
      { name: "Note", kind: "text" },
    ],
    runs.map((run) => runRow(run, now)),
    "No runs.",
  );
}

function runRow(run: RunRecord, now: Instant): Piece[] {
  const { job, firesAt, startedAt, endedAt, state, error, note, deliveries } = run;
  const waiting = deliveries.filter((one) => one.state === "pending" || one.state === "dead");
  const plugins = [...new Set(waiting.map(({ plugin }) => plugin))].join(", ");
  const undelivered = waiting.length === 0 ? null : `not delivered to ${plugins}`;
  const told = [error ?? note, undelivered].filter((text) => text !== null).join("; ");
  return [
    runLink(run.run, `${run.run}`),
    jobLink(job),
    moment(firesAt, now),
    endedAt === null ? null : spanText(Math.max(0, endedAt - (startedAt ?? firesAt))),
    stateWord(state),
    commandsCell(run),
    told,
  ];
}

/** Commands by status; those without an answer as the way to their hosts. */
function commandsCell(run: RunRecord): Piece {
  const all = run.actions.filter(({ resultPath }) => resultPath !== null);
  const silent = all.filter(({ commands }) => unansweredOf(commands) > 0);
  return answersOf(commandsOf(run), (textOf) => {
    const [only] = silent;
    if (only === undefined) return null;
    if (silent.length === 1) return unansweredLink(only.actionId, only.commands, textOf);
    // Of a workflow its run shows which of them are of which step.
    const count = silent.reduce((sum, { commands }) => sum + unansweredOf(commands), 0);
    return runLink(run.run, textOf(count));
  });
}

/** Commands by status, such as `78 success, 2 did not answer`. */
export function answersOf(
  statuses: Readonly<Record<string, number>>,
  linkOf: (textOf: (count: number) => string) => Piece,
): Piece {
  const link = linkOf((count) => `${count} did not answer`);
  if (link === null) return statusesOf(statuses);
  const answered = Object.entries(statuses).filter(([status]) => !isUnanswered(status));
  const comma = answered.length === 0 ? null : ", ";
  return [statusesOf(Object.fromEntries(answered)), comma, link];
}

/** The commands of all actions of a run, by status. */
export function commandsOf({ actions }: RunRecord): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [status, count] of actions.flatMap(({ commands }) => Object.entries(commands))) {
    sums.set(status, (sums.get(status) ?? 0) + count);
  }
  return Object.fromEntries(sums);
}
