// Missed: fire times that nobody ran, with the reason of each.
import { isAtLeast } from "../../jobs/fires.ts";
import type { MissedRow } from "../../journal/journal.ts";
import type { Instant } from "../../time.ts";
import { jobLink, moment, pager, table, withQuery } from "../layout.ts";
import { type Markup, markup } from "../markup.ts";
import { type Page, pageOf, ROWS } from "./page.ts";

interface Data {
  readonly missed: readonly MissedRow[];
  readonly next: number | null;
}

/** All missed fire times. */
export function missedPage(): Page {
  return pageOf<Data>({
    path: "/missed",
    async load({ reading }, asked) {
      const page = await reading?.missed({ before: asked.number("before"), limit: ROWS });
      return { missed: page?.rows ?? [], next: page?.next ?? null };
    },
    draw: ({ missed, next }, { now }) => ({
      title: "Missed fire times",
      place: "/missed",
      body: markup`${missedTable(missed, now)}
${pager(null, next === null ? null : withQuery("/missed", { before: next }))}`,
    }),
  });
}

/** Missed fire times as a table. */
export function missedTable(rows: readonly MissedRow[], now: Instant): Markup {
  return table(
    [
      "Job",
      { name: "First", kind: "time" } as const,
      { name: "Last", kind: "time" } as const,
      { name: "Times", kind: "number" } as const,
      { name: "Why", kind: "text" } as const,
    ],
    rows.map(({ job, firstAt, lastAt, count, reason }) => [
      jobLink(job),
      moment(firstAt, now),
      count === 1 ? null : moment(lastAt, now),
      isAtLeast(count) ? `at least ${count}` : count,
      reason,
    ]),
    "No fire time was missed.",
  );
}
