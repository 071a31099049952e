// Profile: what a seed makes of a cluster: its hosts, jobs and manners, and the faults it suffers.
import type { ApiManners } from "../api.ts";
import {
  type HttpFault,
  makeJob,
  makeManners,
  makeRates,
  type Rates,
  type SimulatedJob,
} from "../profile.ts";
import type { Dice } from "../random.ts";
import { everySeconds } from "../schedules.ts";

/** What happens to a call to PostgreSQL, as probabilities. */
export interface StoreRates {
  /** It takes some time each way. */
  readonly slow: number;
  /** The connection breaks before it arrives. */
  readonly lostBefore: number;
  /** The connection breaks after its effect. */
  readonly lostAfter: number;
  /** It arrives after its caller has given it up. */
  readonly late: number;
}

/** Things that happen at a time of their own. */
export type ClusterHappening =
  | { readonly kind: "kill" | "kill all" }
  | { readonly kind: "terminate" }
  /** SIGSTOP and SIGCONT, or a machine that sleeps: then its monotonic clock stands still, too. */
  | { readonly kind: "pause" | "sleep" }
  /** Nothing goes between a host and PostgreSQL, or between it and the API. */
  | { readonly kind: "cut"; readonly forMs: number }
  | { readonly kind: "cut off API"; readonly forMs: number; readonly fault: HttpFault }
  | { readonly kind: "outage"; readonly forMs: number; readonly fault: HttpFault }
  | { readonly kind: "restart PostgreSQL" }
  | { readonly kind: "PostgreSQL down"; readonly forMs: number }
  | { readonly kind: "jump"; readonly byMs: number }
  | { readonly kind: "drain"; readonly forMs: number }
  | { readonly kind: "disk full"; readonly forMs: number }
  | { readonly kind: "request" | "drop" }
  /** `pause` and `unpause` on any host. Null: until it is ended. */
  | { readonly kind: "pause job"; readonly job: string; readonly forMs: number | null }
  | { readonly kind: "unpause job"; readonly job: string };

export interface ClusterProfile {
  readonly beginsAt: number;
  readonly chaosMs: number;
  readonly hosts: number;
  readonly shards: number;
  readonly leaseMs: number;
  /** Wall time of each host, minus true time. */
  readonly offsets: readonly number[];
  readonly jobs: readonly SimulatedJob[];
  readonly manners: ApiManners;
  readonly rates: Rates;
  readonly store: StoreRates;
  readonly happenings: readonly { readonly atMs: number; readonly what: ClusterHappening }[];
  readonly checkDirectoryMs: number;
  readonly limits: {
    readonly pageSize: number;
    readonly dispatchesMax: number;
    readonly collectsMax: number;
    readonly deliveriesMax: number;
    readonly delayResultsMs: number;
  };
  /** A process is started again this late after it ended. */
  readonly downMaxMs: number;
  /** How often a process is stopped right where it calls a port. */
  readonly stops: number;
  /** Whether all hosts have one disk for their results, as workflows need it. */
  readonly sharesDisk: boolean;
  /** The share of starts at which another host comes in place of the one that was. */
  readonly replaced: number;
  /** Whether people are told of alarms. */
  readonly alarms: boolean;
}

const MINUTE_MS = 60_000;

/** Ways in which requests end that do not get through. */
const OUTAGES = [
  "refused",
  "lost",
  "htmlBefore",
  "hangBefore",
  "serverBefore",
  "cutAfter",
] as const;

/** The cluster of a seed. @param hosts How many, where that is not the seed's to say. */
export function makeCluster(dice: Dice, hosts: number | null): ClusterProfile {
  const chaosMs = dice.int(30, 150) * 1_000;
  const count = hosts ?? dice.pick([2, 2, 3, 3, 4]);
  const leaseMs = dice.pick([3_000, 5_000, 10_000]);
  const jobs = Array.from({ length: dice.int(1, 4) }, (_, index) => ({
    ...makeJob(dice, index),
    ...(dice.chance(0.7) ? { schedule: everySeconds(dice.pick([10, 15, 20, 30])) } : {}),
    expirySeconds: dice.pick([5, 10, 20, 30, 60]),
  }));
  const aside = dice.beside();
  const profile: ClusterProfile = {
    beginsAt: Date.UTC(2026, 0, 1) + dice.int(0, 365 * 86_400_000),
    chaosMs,
    hosts: count,
    jobs,
    leaseMs,
    shards: dice.int(2, 8),
    offsets: Array.from({ length: count }, makeOffset(dice)),
    manners: makeManners(dice, jobs),
    rates: makeFaults(dice),
    store: makeStore(dice),
    happenings: [
      ...makeHappenings(dice, { chaosMs, leaseMs }),
      ...makePauses(aside, { jobs, chaosMs }),
    ],
    checkDirectoryMs: dice.pick([5_000, 20_000]),
    limits: {
      pageSize: dice.pick([2, 5, 1_000]),
      dispatchesMax: dice.pick([1, 2, 4]),
      collectsMax: dice.pick([1, 2, 16]),
      deliveriesMax: dice.pick([1, 2, 4]),
      delayResultsMs: dice.pick([0, 0, 3_000]),
    },
    downMaxMs: dice.pick([100, 5_000, 30_000]),
    stops: dice.chance(0.4) ? dice.pick([0.002, 0.01, 0.03]) : 0,
    sharesDisk: dice.chance(0.3) || jobs.some(({ workflow }) => workflow !== null),
    replaced: dice.chance(0.3) ? 0.5 : 0,
    alarms: aside.chance(0.3),
  };
  return profile.alarms && aside.chance(0.15) ? cutOff(profile, aside) : profile;
}

/** People pause jobs on one host, for a while or until somebody on another lets them fire again. */
function makePauses(
  dice: Dice,
  { chaosMs, jobs }: Pick<ClusterProfile, "chaosMs" | "jobs">,
): ClusterProfile["happenings"] {
  if (!dice.chance(0.35)) return [];
  return Array.from({ length: dice.int(1, 3) }, () => {
    const { job } = dice.pick(jobs);
    const atMs = dice.int(0, chaosMs);
    const forMs = dice.chance(0.4) ? dice.int(1_000, 90_000) : null;
    const begin = { atMs, what: { kind: "pause job", job, forMs } } as const;
    const endAt = dice.int(atMs, chaosMs);
    const end = { atMs: endAt, what: { kind: "unpause job", job } } as const;
    return dice.chance(0.8) ? [begin, end] : [begin];
  }).flat();
}

/**
 * A world of one long outage of the API, in which hosts come and go. Whether people had to be told
 * is certain only with clocks that are right and a journal that can be written.
 */
function cutOff(profile: ClusterProfile, dice: Dice): ClusterProfile {
  const atMs = dice.int(10_000, MINUTE_MS);
  const forMs = dice.int(13 * MINUTE_MS, 16 * MINUTE_MS);
  const fault = dice.pick(["refused", "lost", "htmlBefore"] as const);
  const come = Array.from({ length: dice.int(0, 4) }, () => ({
    atMs: atMs + dice.int(MINUTE_MS, forMs - 3 * MINUTE_MS),
    what: { kind: dice.pick(["kill", "terminate", "cut off API"]), forMs: MINUTE_MS, fault },
  })) as ClusterProfile["happenings"];
  return {
    ...profile,
    chaosMs: atMs + forMs + MINUTE_MS,
    rates: { ...profile.rates, crash: 0, pluginFails: 0, pluginHangs: 0 },
    store: { slow: profile.store.slow, lostBefore: 0, lostAfter: 0, late: 0 },
    offsets: profile.offsets.map(() => 0),
    stops: 0,
    downMaxMs: Math.min(profile.downMaxMs, 5_000),
    happenings: [{ atMs, what: { kind: "outage", forMs, fault } }, ...come],
  };
}

/** Clocks that are right, or apart by up to five minutes. */
function makeOffset(dice: Dice): () => number {
  const mostMs = dice.pick([0, 0, 500, 5_000, 60_000, 300_000]);
  return () => dice.int(-mostMs / 2, mostMs / 2);
}

/** As of one host alone, but for its disk: there are hosts to die instead. */
function makeFaults(dice: Dice): Rates {
  const rates = makeRates(dice);
  const isSpared = dice.chance(0.4);
  return {
    ...rates,
    // The loops of all hosts call ports all the time.
    crash: dice.chance(0.25) ? dice.pick([0.000_5, 0.002, 0.01]) : 0,
    http: isSpared ? {} : rates.http,
    pluginFails: Math.min(rates.pluginFails, 0.5),
  };
}

function makeStore(dice: Dice): StoreRates {
  const rate = (share: number, ...rates: readonly number[]): number =>
    dice.chance(share) ? dice.pick(rates) : 0;
  return {
    slow: rate(0.5, 0.1, 0.5),
    lostBefore: rate(0.3, 0.005, 0.05),
    lostAfter: rate(0.4, 0.005, 0.05),
    late: rate(0.3, 0.005, 0.03),
  };
}

function makeHappenings(
  dice: Dice,
  { chaosMs, leaseMs }: Pick<ClusterProfile, "chaosMs" | "leaseMs">,
): ClusterProfile["happenings"] {
  const happenings: { atMs: number; what: ClusterHappening }[] = [];
  const add = (share: number, most: number, make: () => ClusterHappening): void => {
    if (!dice.chance(share)) return;
    for (let left = dice.int(1, most); left > 0; left--) {
      happenings.push({ atMs: dice.int(0, chaosMs), what: make() });
    }
  };
  const around = (): number => dice.int(100, 3 * leaseMs);
  const jumps = [1, 5, 30, 61, 300] as const;
  add(0.35, 4, () => ({ kind: "kill" }));
  add(0.1, 1, () => ({ kind: "kill all" }));
  add(0.25, 3, () => ({ kind: "terminate" }));
  add(0.35, 4, () => ({ kind: "pause" }));
  add(0.2, 2, () => ({ kind: "sleep" }));
  add(0.35, 4, () => ({ kind: "cut", forMs: around() }));
  add(0.2, 2, () => ({ kind: "cut off API", forMs: around(), fault: dice.pick(OUTAGES) }));
  add(0.15, 2, () => ({ kind: "outage", forMs: around(), fault: dice.pick(OUTAGES) }));
  add(0.25, 3, () => ({ kind: "restart PostgreSQL" }));
  add(0.2, 2, () => ({ kind: "PostgreSQL down", forMs: dice.pick([500, around(), 60_000]) }));
  add(0.15, 3, () => ({ kind: "jump", byMs: dice.pick(jumps) * dice.pick([1_000, -1_000]) }));
  add(0.2, 2, () => ({ kind: "drain", forMs: dice.int(1_000, 60_000) }));
  add(0.1, 2, () => ({ kind: "disk full", forMs: dice.int(1_000, 60_000) }));
  add(0.25, 3, () => ({ kind: "request" }));
  add(0.1, 2, () => ({ kind: "drop" }));
  return happenings;
}
