// Profile: what a seed makes of a cluster: its hosts, jobs and manners, and the faults it suffers.
import type { ApiManners } from "../api.ts";
import { type HttpFault, makeJob, makeManners, type Rates, type SimulatedJob } from "../profile.ts";
import type { Dice } from "../random.ts";

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
  | { readonly kind: "kill" }
  | { readonly kind: "terminate" }
  /** SIGSTOP and SIGCONT, or a machine that sleeps: then its monotonic clock stands still, too. */
  | { readonly kind: "pause" | "sleep"; readonly forMs: number }
  /** Nothing goes between a host and PostgreSQL, or between it and the API. */
  | { readonly kind: "cut"; readonly forMs: number }
  | { readonly kind: "cut off API"; readonly forMs: number; readonly fault: HttpFault }
  | { readonly kind: "outage"; readonly forMs: number; readonly fault: HttpFault }
  | { readonly kind: "restart PostgreSQL" }
  | { readonly kind: "PostgreSQL down"; readonly forMs: number }
  | { readonly kind: "jump"; readonly byMs: number }
  | { readonly kind: "drain"; readonly forMs: number }
  | { readonly kind: "disk full"; readonly forMs: number }
  | { readonly kind: "request" | "drop" };

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
  /** The share of starts at which another host comes in the place of the one that was. */
  readonly replaced: number;
}

const NO_FAULTS: Rates = {
  ...{ crash: 0, latency: 0, http: {}, chunks: 0, spoolBefore: 0, spoolAfter: 0, scan: 0 },
  ...{ journalFull: 0, journalSync: 0, busy: 0, sign: 0, step: 0 },
  ...{ pluginFails: 0, pluginHangs: 0, pluginTakesAndFails: 0 },
};

/** The cluster of a seed. @param hosts How many, where that is not the seed's to say. */
export function makeCluster(dice: Dice, hosts: number | null): ClusterProfile {
  const chaosMs = dice.int(30, 150) * 1_000;
  const count = hosts ?? dice.pick([2, 2, 3, 3, 4]);
  const jobs = Array.from({ length: dice.int(1, 4) }, (_, index) => ({
    ...makeJob(dice, index),
    expirySeconds: dice.pick([5, 10, 20, 30, 60]),
  }));
  return {
    beginsAt: Date.UTC(2026, 0, 1) + dice.int(0, 365 * 86_400_000),
    ...{ chaosMs, hosts: count, jobs },
    shards: dice.int(2, 8),
    leaseMs: dice.pick([3_000, 5_000, 10_000]),
    offsets: Array.from({ length: count }, () => 0),
    manners: makeManners(dice, jobs),
    rates: NO_FAULTS,
    store: { slow: 0, lostBefore: 0, lostAfter: 0, late: 0 },
    happenings: [],
    checkDirectoryMs: dice.pick([5_000, 20_000]),
    limits: {
      pageSize: dice.pick([2, 5, 1_000]),
      dispatchesMax: dice.pick([1, 2, 4]),
      collectsMax: dice.pick([1, 2, 16]),
      deliveriesMax: dice.pick([1, 2, 4]),
      delayResultsMs: dice.pick([0, 0, 3_000]),
    },
    downMaxMs: dice.pick([100, 5_000, 30_000]),
    replaced: dice.chance(0.3) ? 0.5 : 0,
  };
}
