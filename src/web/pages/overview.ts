// Overview: the first page: what is wrong, what comes next, what is in flight, what was lately.
import { isUnbegun, type RunRecord } from "../../journal/reading.ts";
import { type Day, dayOf } from "../../view/day.ts";
import { type InFlightView, inFlightView } from "../../view/overview.ts";
import { type Trouble, troublesOf } from "../../view/troubles.ts";
import { type HeldFire, heldFire, type Upcoming, type UpcomingFires } from "../../view/upcoming.ts";
import { jobLink, moment, ofAll, runLink, section, since, table } from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import type { Seen } from "../site.ts";
import { dayPicture } from "../timeline.ts";
import { type Page, pageOf } from "./page.ts";
import { runsTable } from "./runs.ts";

interface Data {
  readonly directory: string;
  readonly holder: number | null;
  readonly troubles: readonly Trouble[];
  readonly jobs: number;
  /** By a schedule, or, with its run, because somebody has asked for it. */
  readonly next: readonly NextRow[];
  readonly inFlight: readonly InFlightView[];
  readonly day: Day;
  readonly counts: { readonly inFlight: number; readonly undelivered: number };
  readonly lately: readonly RunRecord[];
}

type NextRow = Upcoming & {
  /** A run that somebody has asked for. */
  readonly runId?: number;
  /** What holds it; null: nothing. */
  readonly held: HeldFire | null;
};

const NEXT_SHOWN = 10;
const IN_FLIGHT_SHOWN = 50;
const LATELY_SHOWN = 10;

/** The overview. */
export function overviewPage(upcoming: UpcomingFires): Page {
  return pageOf<Data>({
    path: "/",
    async load(seen) {
      const { reading, states, now, directory, holder, blackouts } = seen;
      const counts = await reading?.counts();
      const asked = ((await reading?.timedRequests(NEXT_SHOWN)) ?? []).map(
        ({ job, id: runId, notBefore }) => ({ job, nextAt: notBefore ?? now, runId, held: null }),
      );
      const fires = upcoming.next(states, now, NEXT_SHOWN);
      const holding = { states, pauses: (await reading?.pauses(now)) ?? [], blackouts };
      const lately = await reading?.history({ limit: LATELY_SHOWN });
      return {
        directory,
        holder,
        troubles: await troublesOf(seen),
        jobs: states.length,
        next: [...fires.map((one) => ({ ...one, held: heldFire(one, holding) })), ...asked]
          .sort((left, right) => left.nextAt - right.nextAt)
          .slice(0, NEXT_SHOWN),
        inFlight: ((await reading?.inFlight(IN_FLIGHT_SHOWN)) ?? []).map(inFlightView),
        day: await dayOf(reading, { states, blackouts, next: upcoming.all(states, now) }, now),
        counts: {
          inFlight: counts?.pendingActions ?? 0,
          undelivered: (counts?.pendingDeliveries ?? 0) + (counts?.deadDeliveries ?? 0),
        },
        lately: (lately?.runs ?? []).filter((run) => !isUnbegun(run)),
      };
    },
    draw: (data, seen) => ({ title: "Overview", place: "/", body: body(data, seen) }),
  });
}

function body({ troubles, next, inFlight, counts, lately, day }: Data, seen: Seen): Markup {
  const { now } = seen;
  return markup`${section("What is wrong", troubleList(troubles, seen), troubles.length)}
${section(
  "Next",
  table(
    ["Job", { name: "Fires", kind: "time" }, { name: "Held", kind: "text" }],
    next.map(({ job, nextAt, runId, held }) => [
      [jobLink(job), runId === undefined ? null : [", ", runLink(runId), " by hand"]],
      moment(nextAt, now),
      held !== null && heldCell(held, now),
    ]),
    nothingNext(seen),
  ),
)}
${section(
  "In flight",
  [
    table(
      ["Job", "Run", "Action", { name: "Expires", kind: "time" }, { name: "Next", kind: "text" }],
      inFlight.map((row) => inFlightRow(row, seen)),
      "Nothing is in flight.",
    ),
    ofAll(inFlight.length, counts.inFlight, "action"),
  ],
  counts.inFlight,
)}
${section("The day", dayPicture(day, now))}
${section("Lately", [runsTable(lately, now), markup`<p><a href="/runs">All runs</a></p>`])}`;
}

function heldCell({ action, reason, untilAt }: HeldFire, now: number): Piece {
  const then = untilAt === null ? action : [`${action} until `, moment(untilAt, now)];
  return markup`<span class="wait">${reason}: ${then}</span>`;
}

function nothingNext({ states, jobsAt }: Seen): string {
  if (jobsAt === null) return "The jobs are being read.";
  return states.length === 0 ? "There are no jobs." : "No job fires by itself.";
}

function troubleList(troubles: readonly Trouble[], { now, reading }: Seen): Piece {
  if (troubles.length === 0 && reading !== null) {
    return markup`<p class="calm">Nothing is wrong.</p>`;
  }
  return markup`<ol class="troubles">${troubles.map((row) => troubleItem(row, now))}</ol>`;
}

function troubleItem({ message, runId, job, sinceAt, todo }: Trouble, now: number): Markup {
  const links = [runLink(runId), jobLink(job)].filter((link) => link !== null);
  const more = [since(sinceAt, now), ...links].filter((piece) => piece !== null);
  return markup`<li><p class="what">${message}</p>
<p class="since">${more.map((piece, at) => [at === 0 ? null : " · ", piece])}</p>
<p class="todo">${todo}</p></li>
`;
}

function inFlightRow(row: InFlightView, { now }: Seen): Piece[] {
  const { job, runId, actionId, expireAt, nextAt, state, held, attempts, error } = row;
  const what = held === null ? (state === "planned" ? "post" : "collect") : `waits for ${held}`;
  const tries = error === null ? null : ` (${attempts}× ${error})`;
  return [
    jobLink(job),
    runLink(runId, `${runId}`),
    actionId === null ? "not posted" : `${actionId}`,
    moment(expireAt, now),
    [what, " ", nextAt === null ? null : moment(nextAt, now), tries],
  ];
}
