// Jobs: all jobs by their names, in pages, with when each fires next and how its last run went.

import type { Instant } from "../../time.ts";
import { type HeldView, type JobView, jobViews } from "../../view/overview.ts";
import { describeRun } from "../../view/runs.ts";
import { jobLink, moment, pager, stateWord, table, withQuery } from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import { type Page, pageOf, ROWS } from "./page.ts";

interface Data {
  /** What their names must hold. */
  readonly text: string;
  /** How many jobs that is. */
  readonly count: number;
  readonly jobs: readonly JobView[];
  /** The name behind which the next page begins; null after the last. */
  readonly next: string | null;
}

/** All jobs. */
export function jobsPage(): Page {
  return pageOf<Data>({
    path: "/jobs",
    async load({ reading, states, blackouts, now }, asked) {
      const text = asked.word("text");
      const after = asked.word("after");
      const found = states.filter(({ job }) => job.includes(text));
      const shown = found.filter(({ job }) => job > after).slice(0, ROWS + 1);
      const jobs = await jobViews({ reading, states: shown.slice(0, ROWS), blackouts, now });
      const next = shown.length > ROWS ? (jobs.at(-1)?.job ?? null) : null;
      return { text, count: found.length, jobs, next };
    },
    draw: (data, seen) => ({
      title: "Jobs",
      place: "/jobs",
      body: body(data, seen.now, seen.jobsAt === null ? "The jobs are being read." : "No jobs."),
    }),
  });
}

function body({ text, count, jobs, next }: Data, now: Instant, empty: string): Markup {
  return markup`<form method="get" action="/jobs">
<label>Name holds <input type="search" name="text" value="${text}" autocomplete="off"></label>
<button type="submit">Show</button> <span class="soft">${count} found</span>
</form>
${table(
  [
    "Job",
    { name: "Fires next", kind: "time" },
    { name: "Schedule", kind: "time" },
    "State",
    { name: "Last run", kind: "text" },
  ],
  jobs.map((job) => jobRow(job, now)),
  empty,
)}
${pager(null, next === null ? null : withQuery("/jobs", { text, after: next }))}`;
}

/** What holds a job now, and until when. */
export function heldText({ reason, untilAt, action }: HeldView, now: Instant): Markup {
  const until = untilAt === null ? "until somebody ends it" : ["until ", moment(untilAt, now)];
  const done = action === "skip" ? "skips its fire times" : "delays its fire times";
  return markup`<span class="wait">${reason}: ${done} ${until}</span>`;
}

function jobRow(
  { job, schedule, timezone, nextAt, errors, lastRun, calendar, held }: JobView,
  now: Instant,
): Piece[] {
  const [first = ""] = errors;
  return [
    jobLink(job),
    errors.length > 0 ? null : moment(nextAt, now),
    [
      schedule === null ? null : markup`<code>${schedule}</code>`,
      timezone === null ? null : ` ${timezone}`,
    ],
    errors.length > 0 ? stateWord("broken") : lastRun !== null && stateWord(lastRun.state),
    [
      errors.length > 0 ? markup`<span class="bad">${first}</span>; ` : null,
      held !== null && [heldText(held, now), "; "],
      lastRun === null ? "never ran" : describeRun(lastRun, now),
      calendar?.warning == null
        ? null
        : markup` <span class="wait">calendar: ${calendar.warning}</span>`,
    ],
  ];
}
