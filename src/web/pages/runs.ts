// Runs: what has happened, the latest fire time first, in pages.
import type { HistoryPlace, RunRecord } from "../../journal/reading.ts";
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
  return firesAt === undefined ? null : { firesAt: Number(firesAt), id: Number(id) };
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
      "Commands",
      { name: "Told", kind: "text" },
    ],
    runs.map((run) => runRow(run, now)),
    "No runs.",
  );
}

function runRow(run: RunRecord, now: Instant): Piece[] {
  const { job, firesAt, startedAt, endedAt, state, error, note, deliveries } = run;
  const waiting = deliveries.filter((one) => one.state === "pending" || one.state === "dead");
  const undelivered = waiting.length === 0 ? null : `${waiting.length} undelivered`;
  const told = [error ?? note, undelivered].filter((text) => text !== null).join("; ");
  return [
    runLink(run.run, `${run.run}`),
    jobLink(job),
    moment(firesAt, now),
    endedAt === null ? null : spanText(Math.max(0, endedAt - (startedAt ?? firesAt))),
    stateWord(state),
    statusesOf(commandsOf(run)),
    told,
  ];
}

/** The commands of all actions of a run, by status. */
export function commandsOf({ actions }: RunRecord): Readonly<Record<string, number>> {
  const sums = new Map<string, number>();
  for (const [status, count] of actions.flatMap(({ commands }) => Object.entries(commands))) {
    sums.set(status, (sums.get(status) ?? 0) + count);
  }
  return Object.fromEntries(sums);
}
