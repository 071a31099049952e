// World: everything that outlives the runner's process, and the power to end that process.
//
//   timeline ─▶ a thing happens ─▶ all promises that it settles run ─▶ the oracle looks ─▶ next
//
// Owns:     time, dice, counts of faults, crashes and restarts.
// Not here: what a port does (ports.ts), what must hold (oracle.ts), what happens (simulate.ts).
import { drainMicrotasks } from "bun:jsc";
import { SimulatedApi } from "./api.ts";
import { SimulatedDisk } from "./disk.ts";
import type { Ledger } from "./ledger.ts";
import type { CrashPoint, Life, Side, Watch } from "./life.ts";
import type { HttpFault, Profile } from "./profile.ts";
import type { Dice } from "./random.ts";
import { Timeline } from "./timeline.ts";

export class World {
  readonly profile: Profile;
  readonly dice: Dice;
  readonly timeline: Timeline;
  readonly api: SimulatedApi;
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly watch: Watch;
  /** How often each fault happened. */
  readonly counts = new Map<string, number>();
  readonly violations: string[] = [];
  /** Lines of what happened, kept only when asked for. */
  readonly lines: string[] | null;
  /** What each plugin took: delivery keys, each as often as it came. */
  readonly received = new Map<string, number>();
  readonly missingPlugins = new Set<string>();
  life: Life = { number: 0, bornAt: 0, alive: false, stopping: false };
  #offsetMs = 0;
  /** When its clock was set back last, by true time. */
  setBackAt = Number.NEGATIVE_INFINITY;
  /** Port calls so far. */
  calls = 0;
  /** No faults any more. */
  calm = false;
  /** Wall time at which that began. */
  calmAt = 0;
  outage: HttpFault | null = null;
  diskFull = false;
  readonly #crashPoint: CrashPoint | null;
  /** What to do when a process has died or ended. */
  onDeath: (why: string) => void = () => {};

  constructor(options: {
    profile: Profile;
    dice: Dice;
    ledger: Ledger;
    watch: Watch;
    crashPoint: CrashPoint | null;
    traced: boolean;
  }) {
    const { dice, profile, watch } = options;
    this.profile = profile;
    this.dice = dice;
    this.timeline = new Timeline(profile.beginsAt);
    this.disk = new SimulatedDisk(dice);
    this.ledger = options.ledger;
    this.watch = watch;
    this.api = new SimulatedApi({ dice, manners: profile.manners, watch });
    this.lines = options.traced ? [] : null;
    this.#crashPoint = options.crashPoint;
  }

  /** Wall time of the runner's host, minus true time. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  set offsetMs(ms: number) {
    if (ms < this.#offsetMs) this.setBackAt = this.timeline.now;
    this.#offsetMs = ms;
  }

  /** Wall time as the runner's host has it. */
  get wall(): number {
    return this.timeline.now + this.offsetMs;
  }

  say(line: () => string): void {
    if (this.lines === null) return;
    const at = new Date(this.timeline.now).toISOString().slice(11, 23);
    const skew = this.offsetMs === 0 ? "" : ` (wall ${this.offsetMs / 1_000} s)`;
    this.lines.push(`${at}${skew} ${line()}`);
  }

  /** An invariant is broken: nothing goes on after that, so that a loop which spins ends too. */
  violate(what: string): void {
    this.life.alive = false;
    this.say(() => `VIOLATION ${what}`);
    if (this.violations.length < 20) this.violations.push(what);
  }

  count(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    this.say(() => `  fault: ${fault}`);
  }

  /** Whether a fault of this rate happens now. */
  strikes(fault: string, rate: number): boolean {
    if (this.calm || !this.dice.chance(rate)) return false;
    this.count(fault);
    return true;
  }

  /** How long a port takes. */
  latency(mostMs: number): number {
    if (this.calm || !this.dice.chance(this.profile.rates.latency)) return 0;
    this.counts.set("delay", (this.counts.get("delay") ?? 0) + 1);
    return this.dice.int(0, mostMs);
  }

  /** Ends the life at a port call when its time has come. True when it is over. */
  dies(life: Life, name: string, side: Side): boolean {
    if (!life.alive) return true;
    if (side === "before") this.calls++;
    const point = this.#crashPoint;
    const planned = point?.call === this.calls && point.side === side;
    if (!planned && (this.calm || !this.dice.chance(this.profile.rates.crash / 2))) return false;
    this.count("crash");
    this.crash(life, { name: `${side} ${name}`, power: point?.power ?? this.dice.chance(0.5) });
    return true;
  }

  crash(life: Life, { name, power }: { name: string; power: boolean }): void {
    if (!life.alive) return;
    life.alive = false;
    this.count(power ? "power loss" : "kill");
    if (power) this.disk.losePower();
    this.onDeath(`crash ${name}`);
  }

  /** The journal has failed: the process ends by itself, as the program does. */
  fail(): void {
    if (!this.life.alive) return;
    this.life.alive = false;
    this.count("process ended by its journal");
    this.onDeath("its journal failed");
  }

  /** Lets everything run that is ready, then the next thing happen. False when there is none. */
  step(): boolean {
    const more = this.timeline.step();
    drainMicrotasks();
    return more;
  }

  /** Runs what is ready now. */
  settle(): void {
    drainMicrotasks();
  }
}
