// Cluster: what several hosts have in common: time, dice, the API, PostgreSQL, and the ways there.
import { drainMicrotasks } from "bun:jsc";
import { SimulatedApi } from "../api.ts";
import type { SimulatedDisk } from "../disk.ts";
import type { HttpFault } from "../profile.ts";
import type { Dice } from "../random.ts";
import { Timeline } from "../timeline.ts";
import { ClusterAlarms } from "./alarms.ts";
import { Decided } from "./decided.ts";
import type { Host } from "./host.ts";
import { InHand } from "./in-hand.ts";
import { PostgresModel } from "./model.ts";
import type { ClusterOracle } from "./oracle.ts";
import { ClusterPauses } from "./pauses.ts";
import { PostgresServer } from "./postgres.ts";
import type { ClusterProfile } from "./profile.ts";

/** Looks at a clock, far more than any work takes at once. */
const LOOKS_MAX = 50_000;
const LOOKS_A_JOB_MAX = 1_000;

export class Cluster {
  readonly profile: ClusterProfile;
  readonly dice: Dice;
  readonly timeline: Timeline;
  readonly api: SimulatedApi;
  readonly model: PostgresModel;
  readonly postgres: PostgresServer;
  readonly oracle: ClusterOracle;
  readonly alarms = new ClusterAlarms(this);
  readonly pauses = new ClusterPauses(this);
  readonly decided = new Decided(this);
  readonly inHand = new InHand(this);
  /** Its machines. */
  hosts: readonly Host[] = [];
  readonly counts = new Map<string, number>();
  readonly violations: string[] = [];
  readonly lines: string[] | null;
  /** What each plugin took on any host: delivery keys, each as often as it came. */
  readonly received = new Map<string, number>();
  /** No faults any more. */
  calm = false;
  outage: HttpFault | null = null;
  /** The disk of all hosts, where they have one. */
  disk: SimulatedDisk | null = null;
  /** Calls of ports so far. */
  calls = 0;
  /** Looks at clocks in this step. */
  #looks = 0;

  constructor(options: {
    readonly profile: ClusterProfile;
    readonly dice: Dice;
    readonly oracle: ClusterOracle;
    readonly traced: boolean;
  }) {
    const { dice, oracle, profile } = options;
    [this.profile, this.dice, this.oracle] = [profile, dice, oracle];
    this.timeline = new Timeline(profile.beginsAt);
    this.lines = options.traced ? [] : null;
    this.api = new SimulatedApi({ dice, manners: profile.manners, watch: oracle });
    this.model = new PostgresModel(profile.shards, () => this.timeline.now);
    this.postgres = new PostgresServer(this);
  }

  /** Somebody has looked at a clock: who does nothing else spins (I7). */
  looked(): void {
    const most = LOOKS_MAX + LOOKS_A_JOB_MAX * this.profile.jobs.length;
    if (++this.#looks !== most) return;
    this.violate(`I7: ${most} looks at the clock within one moment`);
  }

  say(who: string, line: () => string): void {
    if (this.lines === null) return;
    const at = new Date(this.timeline.now).toISOString().slice(11, 23);
    this.lines.push(`${at} ${who.padEnd(4)} ${line()}`);
  }

  /** An invariant is broken: the world ends. */
  violate(what: string): void {
    this.say("", () => `VIOLATION ${what}`);
    if (this.violations.length < 20) this.violations.push(what);
  }

  count(who: string, fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    this.say(who, () => `  fault: ${fault}`);
  }

  /** Lets the next thing happen, and all that comes of it at once. False when there is none. */
  step(): boolean {
    this.#looks = 0;
    const more = this.timeline.step();
    drainMicrotasks();
    return more;
  }
}
