// Alarms: what was told to people, what is so now first.
import type { AlarmRow } from "../../journal/alarms.ts";
import type { Instant } from "../../time.ts";
import { jobLink, moment, pager, runLink, section, table, withQuery } from "../layout.ts";
import { type Markup, markup } from "../markup.ts";
import { type Page, pageOf, ROWS } from "./page.ts";

interface Data {
  readonly open: readonly AlarmRow[];
  readonly alarms: readonly AlarmRow[];
  readonly next: number | null;
}

const NONE_NOW = "No open alarms.";
const NONE_EVER = "None was told. [notify] of the configuration says who is told.";

/** All alarms. */
export function alarmsPage(): Page {
  return pageOf<Data>({
    path: "/alarms",
    async load({ reading }, asked) {
      const before = asked.number("before");
      const page = await reading?.alarms({ before, limit: ROWS });
      const open = before === null ? await reading?.openAlarms() : [];
      return {
        open: (open ?? []).slice(0, ROWS),
        alarms: page?.rows ?? [],
        next: page?.next ?? null,
      };
    },
    draw: ({ open, alarms, next }, { now }) => ({
      title: "Alarms",
      place: "/alarms",
      body: markup`${section("So now", alarmTable(open, now, NONE_NOW), open.length)}
${section("All", alarmTable(alarms, now, NONE_EVER))}
${pager(null, next === null ? null : withQuery("/alarms", { before: next }))}`,
    }),
  });
}

function alarmTable(rows: readonly AlarmRow[], now: Instant, empty: string): Markup {
  return table(
    [
      "Alarm",
      "Job",
      "Run",
      { name: "Since", kind: "time" } as const,
      { name: "Until", kind: "time" } as const,
      { name: "Times", kind: "number" } as const,
      { name: "What, and what to do", kind: "text" } as const,
    ],
    rows.map(({ event, job, runId, since, endedAt, count, message, hint }) => [
      event,
      jobLink(job),
      runLink(runId, `${runId}`),
      moment(since, now),
      endedAt === null ? markup`<span class="bad">so now</span>` : moment(endedAt, now),
      count,
      [message, markup` <span class="soft">${hint}</span>`],
    ]),
    empty,
  );
}
