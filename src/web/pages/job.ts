// Job: one job: when it fires, what is wrong with it, what people have signed of it, how it went.

import type { MissedRow } from "../../journal/journal.ts";
import type { RunRecord } from "../../journal/reading.ts";
import type { Instant } from "../../time.ts";
import { type JobView, jobView, nextFireOf } from "../../view/overview.ts";
import { plural } from "../../view/text.ts";
import { type HeldFire, heldFire } from "../../view/upcoming.ts";
import type { DeedForm } from "../deeds.ts";
import { facts, moment, section, table, withQuery } from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import type { Seen } from "../site.ts";
import { heldText } from "./jobs.ts";
import { missedTable } from "./missed.ts";
import { type Page, pageOf } from "./page.ts";
import { runsTable } from "./runs.ts";

interface Window {
  readonly firesAt: Instant;
  readonly validFromAt: Instant;
  readonly expireAt: Instant;
  readonly signatures: number;
}

interface Data {
  readonly job: JobView;
  /** Whether its directory is there. */
  readonly isThere: boolean;
  /** The host that has it now; null: none has. Missing: this one works alone. */
  readonly host?: string | null;
  readonly fires: readonly Instant[];
  /** What holds each of them; null: nothing. */
  readonly holds: readonly (HeldFire | null)[];
  readonly windows: readonly Window[];
  readonly runs: readonly RunRecord[];
  readonly missed: readonly MissedRow[];
}

const FIRES_SHOWN = 5;
const WINDOWS_SHOWN = 20;
const RUNS_SHOWN = 20;
const MISSED_SHOWN = 10;

/** One job. One whose directory is gone may still have a history. */
export function jobPage(): Page {
  return pageOf<Data>({ path: "/jobs/:name", load: (seen, { name }) => load(seen, name), draw });
}

async function load(seen: Seen, name: string): Promise<Data | null> {
  const { reading, states, blackouts, now } = seen;
  const state = states.find(({ job }) => job === name);
  const history = await reading?.history({ job: name, limit: RUNS_SHOWN });
  const runs = history?.runs ?? [];
  if (state === undefined && runs.length === 0) return null;
  const known = state ?? { job: name, entity: null, errors: [] };
  const missed = await reading?.missed({ job: name, limit: MISSED_SHOWN });
  const calendar = (await reading?.calendar(name, now)) ?? null;
  const windows =
    calendar === null ? [] : await reading?.windows(calendar.calendar.id, now, WINDOWS_SHOWN);
  const fires = firesOf(known, now);
  const host = seen.hostOf(name);
  const holding = { states, blackouts, pauses: (await reading?.pauses(now)) ?? [] };
  return {
    job: await jobView(reading, { ...known, blackouts }, now),
    isThere: state !== undefined,
    ...(host === undefined ? {} : { host }),
    fires,
    holds: fires.map((nextAt) => heldFire({ job: name, nextAt }, holding)),
    windows: (windows ?? []).map(({ firesAt, validFrom, expireAfter, signatures }) => ({
      firesAt,
      validFromAt: validFrom,
      expireAt: expireAfter,
      signatures: signatures.length,
    })),
    runs,
    missed: missed?.rows ?? [],
  };
}

function firesOf(state: Parameters<typeof nextFireOf>[0], now: Instant): Instant[] {
  const fires: Instant[] = [];
  let at = nextFireOf(state, now);
  while (at !== null && fires.length < FIRES_SHOWN) {
    fires.push(at);
    at = nextFireOf(state, at);
  }
  return fires;
}

function draw({ job, isThere, host, fires, holds, windows, runs, missed }: Data, { now }: Seen) {
  const all = markup`<p><a href="${withQuery("/runs", { job: job.job })}">All its runs</a></p>`;
  const gone = markup`<p class="bad">Its directory is gone: this is what it did.</p>`;
  const body = markup`${!isThere && gone}
${job.errors.map((text) => markup`<p class="bad">${text}</p>`)}
${heldPiece(job, now)}${facts(jobFacts({ job, host, fires, holds, now }))}
${job.calendar !== null && section("Signed ahead", calendarBody({ job, windows, now }))}
${section("Runs", [runsTable(runs, now), all])}
${missed.length > 0 && section("Missed", missedTable(missed, now))}`;
  return { title: job.job, place: "/jobs", body, deeds: isThere ? deedsOf(job) : [] };
}

/** A job that is signed ahead has no action for a run by hand. */
function deedsOf({ job, calendar, errors, held }: JobView): readonly DeedForm[] {
  const known = { job };
  const isRun = calendar === null && errors.length === 0;
  return [
    ...(isRun ? [{ verb: "run", known } as const] : []),
    { verb: "pause", known },
    ...(held?.reason.startsWith("paused by") ? [{ verb: "unpause", known } as const] : []),
  ];
}

/** What holds it, as the first page says what is wrong; nothing for a job that fires. */
function heldPiece({ job, held }: JobView, now: Instant): Piece {
  if (held === null) return null;
  const isPaused = held.reason.startsWith("paused by");
  const todo = isPaused
    ? markup`<code>mig-runner unpause ${job}</code> ends it`
    : "It ends by itself: the configuration says so";
  return markup`<ol class="troubles"><li class="held"><p class="what">${heldText(held, now)}</p>
<p class="todo">${todo}</p></li></ol>
`;
}

function firesPiece(fires: readonly Instant[], holds: Data["holds"], now: Instant): Piece {
  return fires.map((at, index) => {
    const hold = holds[index] ?? null;
    const until = hold?.untilAt ?? null;
    const what = until === null ? "skipped" : ["runs at ", moment(until, now)];
    const held = hold !== null && markup` <span class="wait">${what}</span>`;
    return [index === 0 ? null : ", ", moment(at, now), held];
  });
}

function jobFacts({
  job,
  host,
  fires,
  holds,
  now,
}: Pick<Data, "job" | "fires" | "holds"> & {
  readonly host: string | null | undefined;
  readonly now: Instant;
}) {
  const { schedule, timezone, plugins } = job;
  const none = schedule === null ? "by hand only" : "never";
  return [
    ["Schedule", schedule === null ? null : markup`<code>${schedule}</code>`],
    ["Time zone", timezone],
    ["Ended", job.endedAt === null ? null : moment(job.endedAt, now)],
    ["Fires", fires.length === 0 ? none : firesPiece(fires, holds, now)],
    ["Signed", signedText(job)],
    ["Host", host === null ? "no host has it now" : (host ?? null)],
    ["Plugins", plugins.join(", ")],
  ] as const satisfies readonly (readonly [string, Piece])[];
}

/** Whether its next action will be signed, and by whom. */
function signedText({ calendar, errors }: JobView): Piece {
  if (errors.length > 0) return null;
  if (calendar === null) return "when it fires, with the key of this host";
  const { sequence, left } = calendar;
  if (sequence === null || left === 0) {
    return markup`<span class="bad">ahead, and nothing is left: it will not be posted</span>`;
  }
  return `ahead, ${plural(left, "fire time")} to come`;
}

function calendarBody({
  job,
  windows,
  now,
}: {
  job: JobView;
  windows: readonly Window[];
  now: Instant;
}): Markup {
  const { calendar } = job;
  if (calendar === null) return markup``;
  const { sequence, signers, left, all, lastAt, warning } = calendar;
  return markup`${warning !== null && markup`<p class="wait">${warning}</p>`}
${facts([
  ["Calendar", sequence === null ? "none is installed" : `number ${sequence}`],
  [
    "Signed by",
    signers.map((signer, at) => [at === 0 ? null : ", ", markup`<code>${signer}</code>`]),
  ],
  ["Windows", sequence === null ? null : `${left} of ${all} to come`],
  ["Until", lastAt === null ? null : moment(lastAt, now)],
])}
${table(
  [
    { name: "Fires", kind: "time" },
    { name: "Valid from", kind: "time" },
    { name: "Expires", kind: "time" },
    { name: "Signatures", kind: "number" },
  ],
  windows.map(({ firesAt, validFromAt, expireAt, signatures }) => [
    moment(firesAt, now),
    moment(validFromAt, now),
    moment(expireAt, now),
    signatures,
  ]),
  "No window is to come.",
)}`;
}
