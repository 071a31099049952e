// Profile: what a seed makes of a world: its jobs, its manners and the faults that it suffers.
//
// Every seed takes some kinds of faults and leaves others, so that each is seen alone, with every
// other, and at rates where it happens once or nearly always.
import type { ApiManners } from "./api.ts";
import type { Dice } from "./random.ts";
import {
  atMinutes,
  between,
  everySeconds,
  type KnownSchedule,
  ODD_SCHEDULES,
} from "./schedules.ts";
import { watched } from "./watched.ts";
import type { WorkflowKind } from "./workflows.ts";

/** What can happen to one HTTP exchange. The first four leave the API without effect. */
export type HttpFault =
  | "refused"
  | "lost"
  | "unauthorized"
  | "tooMany"
  | "htmlBefore"
  | "serverBefore"
  | "strange404"
  | "hangBefore"
  | "cutAfter"
  | "serverAfter"
  | "refusedAfter"
  | "htmlAfter"
  | "hangAfter"
  | "garbageAfter"
  | "tornBody"
  | "stalledBody";

export const HTTP_FAULTS: readonly HttpFault[] = [
  "refused",
  "lost",
  "unauthorized",
  "tooMany",
  "htmlBefore",
  "serverBefore",
  "strange404",
  "hangBefore",
  "cutAfter",
  "serverAfter",
  "refusedAfter",
  "htmlAfter",
  "hangAfter",
  "garbageAfter",
  "tornBody",
  "stalledBody",
];

export interface SimulatedJob {
  readonly job: string;
  readonly schedule: KnownSchedule;
  readonly expirySeconds: number;
  readonly plugins: readonly string[];
  readonly sendOnly: boolean;
  readonly spreadSeconds: number;
  readonly onMissed: "skip" | "last" | "all";
  readonly overlap: "skip" | "queue" | "allow";
  readonly early: boolean;
  readonly lateSeconds: number;
  /** Null: never. */
  readonly deadlineSeconds: number | null;
  /** How long it may be without a success before people are told. Null: for ever. */
  readonly expectSeconds: number | null;
  /** Null: a table without a body. */
  readonly workflow: WorkflowKind | null;
  /** Null: it signs live. */
  readonly calendar: CalendarManners | null;
}

/** How a job is signed ahead. */
export interface CalendarManners {
  /** `postahead` of the job. */
  readonly postAheadSeconds: number;
  /** So long before its fire time a window begins. */
  readonly leadSeconds: number;
  /** The share of its fire times for which nobody has signed. */
  readonly gaps: number;
  /** Installed when the world begins. */
  readonly isInstalled: boolean;
  /** It reaches so far that nobody has to sign the next one. */
  readonly isLong: boolean;
}

/** Rates are probabilities a port call; 0 draws nothing. */
export interface Rates {
  readonly crash: number;
  readonly latency: number;
  readonly http: Readonly<Partial<Record<HttpFault, number>>>;
  readonly chunks: number;
  readonly spoolBefore: number;
  readonly spoolAfter: number;
  readonly scan: number;
  readonly journalFull: number;
  readonly journalSync: number;
  readonly busy: number;
  readonly sign: number;
  readonly pluginFails: number;
  readonly pluginHangs: number;
  readonly pluginTakesAndFails: number;
  readonly step: number;
}

/** Things that happen at a time of their own. */
export type Happening =
  | { readonly kind: "jump"; readonly byMs: number }
  /** A clock that is far from right for a while. */
  | { readonly kind: "glitch"; readonly byMs: number; readonly forMs: number }
  | { readonly kind: "diskFull"; readonly forMs: number }
  | { readonly kind: "outage"; readonly forMs: number; readonly fault: HttpFault }
  | { readonly kind: "terminate" }
  | { readonly kind: "kill"; readonly power: boolean }
  | { readonly kind: "request" }
  | { readonly kind: "redeliver" }
  | { readonly kind: "drop" }
  | { readonly kind: "pause"; readonly job: string; readonly forMs: number | null }
  | { readonly kind: "unpause"; readonly job: string }
  | { readonly kind: "install" }
  | { readonly kind: "withdraw" }
  | { readonly kind: "touch" }
  | { readonly kind: "reschedule" }
  | { readonly kind: "breakEntity" }
  | { readonly kind: "breakTemplate" }
  | { readonly kind: "remove" }
  | { readonly kind: "removePlugin" };

/** A record of the original in an inflight/ folder. */
export type Legacy = "good" | "misnamed" | "empty" | "torn" | "noise" | "forgotten";

export interface Profile {
  readonly beginsAt: number;
  readonly chaosMs: number;
  readonly jobs: readonly SimulatedJob[];
  readonly manners: ApiManners;
  readonly rates: Rates;
  readonly happenings: readonly { readonly atMs: number; readonly what: Happening }[];
  /** Times in which fire times of all jobs are held, from the beginning on. */
  readonly blackouts: readonly {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly action: "skip" | "delay";
  }[];
  /** Whether people are told of alarms. */
  readonly alarms: boolean;
  readonly legacy: readonly { readonly job: string; readonly kind: Legacy }[];
  readonly checkDirectoryMs: number;
  readonly limits: {
    readonly pageSize: number;
    readonly dispatchesMax: number;
    readonly collectsMax: number;
    readonly deliveriesMax: number;
    readonly delayResultsMs: number;
  };
  /** The process is started again this late after it ended. */
  readonly downMaxMs: number;
}

const HOUR_MS = 3_600_000;

/** By how many hours a clock is wrong: a zone, half a day, days, a week. */
const GLITCHES = [1, 2, 12, 27, 168] as const;

export const PLUGINS = ["alpha", "beta", "gamma"] as const;

/** The world of a seed. Most are small, so that there are many; a few are large. */
export function makeProfile(dice: Dice): Profile {
  const size = dice.weighted({ small: 18, middle: 5, large: 1 });
  const chaosSeconds = { small: [15, 90], middle: [60, 240], large: [240, 600] } as const;
  const jobsMax = { small: 2, middle: 3, large: 5 } as const;
  const [least, most] = chaosSeconds[size];
  const chaosMs = dice.int(least, most) * 1_000;
  const aside = dice.beside();
  const jobs = Array.from({ length: dice.int(1, jobsMax[size]) }, (_, index) =>
    signed(makeJob(dice, index), aside),
  );
  // Anywhere in a year, often at a change of clocks.
  const beginsAt = dice.chance(0.2)
    ? Date.UTC(2026, 2, 29, 0, 50) + dice.int(0, 600_000)
    : Date.UTC(2026, 0, 1) + dice.int(0, 365 * 86_400_000);
  const ends = dice.beside();
  const within = jobs.map((job) => bounded(job, ends, { beginsAt, chaosMs }));
  const alarms = ends.chance(0.25);
  const profile: Profile = {
    beginsAt,
    chaosMs,
    jobs: within,
    alarms,
    manners: makeManners(dice, jobs),
    rates: makeRates(dice),
    happenings: [
      ...makeHappenings(dice, chaosMs),
      ...makeCeremonies(aside, jobs, chaosMs),
      ...makePauses(aside, jobs, chaosMs),
    ],
    blackouts: makeBlackouts(aside, chaosMs),
    legacy: dice.chance(0.2) ? makeLegacy(dice, jobs) : [],
    checkDirectoryMs: dice.pick([5_000, 20_000, 90_000]),
    limits: {
      pageSize: dice.pick([2, 5, 1_000, 1_000]),
      dispatchesMax: dice.pick([1, 2, 4]),
      collectsMax: dice.pick([1, 2, 16]),
      deliveriesMax: dice.pick([1, 2, 4]),
      delayResultsMs: dice.pick([0, 0, 3_000, 30_000]),
    },
    downMaxMs: dice.pick([100, 5_000, 60_000, 300_000]),
  };
  return alarms ? watched(profile, ends.beside()) : profile;
}

/** A job of any kind. */
export function makeJob(dice: Dice, index: number): SimulatedJob {
  const schedule = dice.chance(0.1)
    ? dice.pick(ODD_SCHEDULES)
    : dice.chance(0.6)
      ? everySeconds(dice.pick([15, 20, 30, 60, 60, 120]))
      : atMinutes([...new Set(Array.from({ length: dice.int(2, 20) }, () => dice.int(0, 59)))]);
  const workflow = dice.chance(0.25) ? dice.pick(["chain", "chain", "fork"] as const) : null;
  return {
    job: `job${index + 1}`,
    schedule,
    expirySeconds: dice.pick([5, 10, 20, 30, 60, 60, 120, 300]),
    plugins: dice.shuffled(PLUGINS).slice(0, dice.int(0, 3)),
    sendOnly: workflow === null && dice.chance(0.1),
    spreadSeconds: dice.chance(0.2) ? dice.pick([10, 45, 120]) : 0,
    onMissed: dice.pick(["skip", "skip", "last", "all"]),
    overlap: dice.pick(["allow", "allow", "skip", "queue"]),
    early: dice.chance(0.15),
    lateSeconds: dice.chance(0.1) ? dice.pick([5, 60]) : 0,
    deadlineSeconds: dice.chance(0.1) ? dice.pick([5, 30, 120]) : null,
    expectSeconds: null,
    workflow,
    calendar: null,
  };
}

/** Makes some of the jobs that may be signed ahead so. */
function signed(job: SimulatedJob, dice: Dice): SimulatedJob {
  const isFit = job.workflow === null && job.schedule.fires !== null;
  if (!dice.chance(0.2) || !isFit) return job;
  const calendar = {
    postAheadSeconds: dice.pick([0, 0, 10, 60]),
    leadSeconds: dice.pick([0, 5, 120]),
    gaps: dice.pick([0, 0, 0.2]),
    isInstalled: dice.chance(0.9),
    isLong: false,
  };
  return { ...job, calendar };
}

/** Bounds the schedules of some jobs. */
function bounded(
  job: SimulatedJob,
  dice: Dice,
  { beginsAt, chaosMs }: Pick<Profile, "beginsAt" | "chaosMs">,
): SimulatedJob {
  if (!dice.chance(0.1)) return job;
  const from = beginsAt + dice.int(-chaosMs, chaosMs);
  const until = from + dice.int(1, 2 * chaosMs);
  return { ...job, schedule: between(job.schedule, from, until) };
}

/** People install other calendars, or take one back. */
function makeCeremonies(
  dice: Dice,
  jobs: readonly SimulatedJob[],
  chaosMs: number,
): Profile["happenings"] {
  if (jobs.every(({ calendar }) => calendar === null)) return [];
  return Array.from({ length: dice.int(0, 3) }, () => ({
    atMs: dice.int(0, chaosMs),
    what: { kind: dice.pick(["install", "install", "withdraw"] as const) },
  }));
}

/** People pause jobs, for a while or until they let them fire again. */
function makePauses(
  dice: Dice,
  jobs: readonly SimulatedJob[],
  chaosMs: number,
): Profile["happenings"] {
  if (!dice.chance(0.3)) return [];
  return Array.from({ length: dice.int(1, 3) }, () => {
    const { job } = dice.pick(jobs);
    const atMs = dice.int(0, chaosMs);
    const forMs = dice.chance(0.5) ? dice.int(1_000, 90_000) : null;
    return [
      { atMs, what: { kind: "pause", job, forMs } as const },
      { atMs: dice.int(atMs, chaosMs), what: { kind: "unpause", job } as const },
    ];
  }).flat();
}

function makeBlackouts(dice: Dice, chaosMs: number): Profile["blackouts"] {
  if (!dice.chance(0.2)) return [];
  return Array.from({ length: dice.int(1, 2) }, () => {
    const fromMs = dice.int(0, chaosMs);
    const untilMs = dice.int(fromMs, chaosMs);
    return { fromMs, untilMs, action: dice.pick(["skip", "delay", "delay"] as const) };
  });
}

/** An API of any manners. */
export function makeManners(dice: Dice, jobs: readonly SimulatedJob[]): ApiManners {
  const honest = dice.chance(0.6);
  const refused = dice.chance(0.1) ? [`mig-runner: ${dice.pick(jobs).job}`] : [];
  return {
    counters: honest ? ["honest"] : ["honest", "absent", "low", "high"],
    pages: dice.pick(["stable", "ties", "ties", "shuffled"]),
    listedLateMaxMs: dice.chance(0.3) ? 3_000 : 0,
    agentsMax: dice.pick([0, 3, 3, 12, 30]),
    refused: new Set(refused),
  };
}

/** How often what goes wrong. */
export function makeRates(dice: Dice): Rates {
  const rate = (share: number, ...rates: readonly number[]): number =>
    dice.chance(share) ? dice.pick(rates) : 0;
  const http: Partial<Record<HttpFault, number>> = {};
  if (dice.chance(0.7)) {
    for (const fault of dice.shuffled(HTTP_FAULTS).slice(0, dice.int(1, 4))) {
      http[fault] = dice.pick([0.03, 0.1, 0.3]);
    }
  }
  return {
    crash: rate(0.4, 0.002, 0.01, 0.04),
    latency: rate(0.6, 0.1, 0.5),
    http,
    chunks: rate(0.3, 0.5),
    spoolBefore: rate(0.3, 0.02, 0.2),
    spoolAfter: rate(0.25, 0.02, 0.2),
    scan: rate(0.15, 0.05, 0.3),
    journalFull: rate(0.3, 0.02, 0.2),
    journalSync: rate(0.15, 0.01, 0.05),
    busy: rate(0.15, 0.05),
    sign: rate(0.15, 0.05, 0.3),
    pluginFails: rate(0.4, 0.1, 0.5, 0.9),
    pluginHangs: rate(0.2, 0.05, 0.3),
    pluginTakesAndFails: rate(0.2, 0.1, 0.4),
    step: rate(0.3, 0.1, 0.4),
  };
}

function makeHappenings(dice: Dice, chaosMs: number): Profile["happenings"] {
  const happenings: { atMs: number; what: Happening }[] = [];
  const add = (share: number, most: number, make: () => Happening): void => {
    if (!dice.chance(share)) return;
    for (let left = dice.int(1, most); left > 0; left--) {
      happenings.push({ atMs: dice.int(0, chaosMs), what: make() });
    }
  };
  const outages = [
    "refused",
    "lost",
    "htmlBefore",
    "hangBefore",
    "serverBefore",
    "cutAfter",
  ] as const;
  const jumps = [1, 5, 30, 61, 61, 300, 300, 3_600] as const;
  add(0.2, 3, () => ({ kind: "jump", byMs: dice.pick(jumps) * dice.pick([1_000, -1_000]) }));
  add(0.15, 2, () => ({
    kind: "glitch",
    byMs: dice.pick(GLITCHES) * dice.pick([HOUR_MS, HOUR_MS, -HOUR_MS]),
    forMs: dice.int(100, 90_000),
  }));
  add(0.2, 2, () => ({ kind: "diskFull", forMs: dice.int(1_000, 200_000) }));
  add(0.25, 2, () => {
    return { kind: "outage", forMs: dice.int(1_000, 300_000), fault: dice.pick(outages) };
  });
  add(0.25, 3, () => ({ kind: "terminate" }));
  add(0.3, 4, () => ({ kind: "kill", power: dice.chance(0.5) }));
  add(0.3, 4, () => ({ kind: "request" }));
  add(0.15, 3, () => ({ kind: "redeliver" }));
  add(0.1, 2, () => ({ kind: "drop" }));
  add(0.1, 2, () => ({ kind: "touch" }));
  add(0.1, 2, () => ({ kind: "reschedule" }));
  add(0.1, 2, () => ({ kind: "breakEntity" }));
  add(0.1, 2, () => ({ kind: "breakTemplate" }));
  add(0.1, 1, () => ({ kind: "remove" }));
  add(0.1, 2, () => ({ kind: "removePlugin" }));
  return happenings;
}

function makeLegacy(dice: Dice, jobs: readonly SimulatedJob[]): Profile["legacy"] {
  const kinds = ["good", "good", "misnamed", "empty", "torn", "noise", "forgotten"] as const;
  return Array.from({ length: dice.int(1, 5) }, () => ({
    job: dice.pick(jobs).job,
    kind: dice.pick(kinds),
  }));
}
