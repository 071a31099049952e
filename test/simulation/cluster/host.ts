// Host: one machine of a cluster: its disk, its clocks, its ways to PostgreSQL and the API, and the
// process that lives there, which may be stopped in the middle of anything and go on later.
import { ownJobs } from "../../../src/cli/own-jobs.ts";
import { DAEMON_LATENESS } from "../../../src/flow/launch.ts";
import { Catalog } from "../../../src/jobs/catalog.ts";
import type { Lease } from "../../../src/journal/lease.ts";
import { Membership } from "../../../src/journal/postgres/membership.ts";
import { openApi } from "../../../src/mig/api.ts";
import { Runner } from "../../../src/runner.ts";
import type { EngineEdges } from "../../../src/workflow/edges.ts";
import { SimulatedDisk } from "../disk.ts";
import { writeJob } from "../files.ts";
import type { Life, Side, Watch } from "../life.ts";
import { makeHttp } from "../network.ts";
import { makeClock, makeLog, makePlugins, makeSigner, makeSpool } from "../ports.ts";
import type { HttpFault } from "../profile.ts";
import { loadJob } from "../simulate.ts";
import type { Surroundings, Time, Way } from "../surroundings.ts";
import type { Planned } from "../timeline.ts";
import { makeWorkflows } from "../workflows.ts";
import { alarmEdges } from "./alarms.ts";
import type { Cluster } from "./cluster.ts";
import { RemoteStore } from "./postgres.ts";

/** A service manager is patient for so long after SIGTERM. */
const STOP_MAX_MS = 90_000;

/** Work in hand is aborted so long after SIGTERM. */
const GRACE_MS = 4_000;

export class Host implements Surroundings {
  readonly #cluster: Cluster;
  readonly watch: Watch;
  readonly missingPlugins = new Set<string>();
  readonly timeline: Time;
  readonly way: Way;
  name: string;
  disk: SimulatedDisk;
  life: Life = { number: 0, bornAt: 0, alive: false, stopping: false };
  /** The process, as PostgreSQL knows it. */
  me = "";
  member: Membership | null = null;
  runner: Runner | null = null;
  /** Wall time, minus true time. */
  offsetMs: number;
  diskFull = false;
  /** Nothing goes between it and PostgreSQL. */
  isCut = false;
  /** What becomes of its requests to the API, where that is cut off for it alone. */
  cutOff: HttpFault | null = null;
  /** What waits for a process that is stopped; null: it runs. */
  #held: (() => void)[] | null = null;
  /** How long its monotonic clock has stood still. */
  #asleepMs = 0;
  /** When its last sleep ends or has ended. */
  #sleptUntil = Number.NEGATIVE_INFINITY;
  /** When its wall clock was set back last. */
  #wentBackAt = Number.NEGATIVE_INFINITY;
  #lives = 0;

  constructor(cluster: Cluster, number: number) {
    this.#cluster = cluster;
    const { profile } = cluster;
    this.name = `h${number}`;
    this.offsetMs = profile.offsets[number - 1] ?? 0;
    this.disk = this.#newDisk();
    this.timeline = this.#time();
    this.watch = cluster.oracle.watchOf(this);
    this.way = {
      connectMs: () => {
        // Connected, and before anything was sent.
        if (this.life.alive && this.strikes("stopped before a request", 10 * profile.stops)) {
          this.stopFor(this.dice.chance(0.5));
        }
        return 1 + this.latency(300);
      },
      time: cluster.timeline,
      left: (body) => cluster.oracle.left(this, body),
    };
  }

  get profile() {
    return this.#cluster.profile;
  }

  get dice() {
    return this.#cluster.dice;
  }

  get api() {
    return this.#cluster.api;
  }

  get calm(): boolean {
    return this.#cluster.calm;
  }

  get received() {
    return this.#cluster.received;
  }

  get wall(): number {
    this.#cluster.looked();
    return this.#cluster.timeline.now + this.offsetMs;
  }

  get outage(): HttpFault | null {
    return this.cutOff ?? this.#cluster.outage;
  }

  get isStopped(): boolean {
    return this.#held !== null;
  }

  say(line: () => string): void {
    this.#cluster.say(this.name, line);
  }

  count(fault: string): void {
    this.#cluster.count(this.name, fault);
  }

  strikes(fault: string, rate: number): boolean {
    if (this.calm || !this.dice.chance(rate)) return false;
    this.count(fault);
    return true;
  }

  latency(mostMs: number): number {
    const { calm, dice, profile } = this.#cluster;
    if (calm || !dice.chance(profile.rates.latency)) return 0;
    return dice.int(0, mostMs);
  }

  dies(life: Life, name: string, side: Side): boolean {
    if (!life.alive) return true;
    if (side === "before") this.#cluster.calls++;
    const { calm, dice, profile } = this.#cluster;
    if (calm || this.isStopped) return false;
    // Not at every turn of its loops, of which there are many.
    if (name !== "clock" && dice.chance(profile.stops)) this.stopFor(dice.chance(0.5));
    if (!dice.chance(profile.rates.crash / 2)) return false;
    this.count("crash");
    this.kill(`${side} ${name}`);
    return true;
  }

  /** Plans something of this process that comes from outside. */
  soon(ms: number, run: () => void): void {
    this.timeline.after(ms, run);
  }

  /** Starts a process. */
  boot(): void {
    const cluster = this.#cluster;
    if (this.life.alive) return;
    const number = ++this.#lives;
    this.life = { number, bornAt: cluster.timeline.now, alive: true, stopping: false };
    this.me = `${this.name}/${number}`;
    this.disk.temporaries = 0;
    this.say(() => `process ${this.me} starts`);
    void this.#live(this.life);
  }

  async #live(life: Life): Promise<void> {
    let isStarted = false;
    const member = this.#join(life);
    try {
      await member.start();
      this.member = member;
      const runner = this.#makeRunner(life, member);
      this.runner = runner;
      member.serve(runner);
      if (life.stopping) runner.stop();
      await runner.start();
      isStarted = true;
      await runner.run();
      await member.close();
      this.#ended(life, null, isStarted);
    } catch (error) {
      await member.close();
      this.#ended(life, error, isStarted);
    }
  }

  #join(life: Life): Membership {
    const cluster = this.#cluster;
    const { leaseMs, shards } = cluster.profile;
    const options = {
      server: new RemoteStore(cluster, this, life),
      host: this.name,
      me: this.me,
      leaseMs,
      path: ":memory:",
      clock: makeClock(this, life),
      log: makeLog(this, life),
      elapsed: () => cluster.timeline.now - this.#asleepMs,
    };
    const member = new Membership(options, shards);
    void member.refused.then(({ message }) => cluster.violate(`I8: refused as a host: ${message}`));
    return member;
  }

  #makeRunner(life: Life, member: Membership): Runner {
    const { checkDirectoryMs, limits } = this.profile;
    const clock = makeClock(this, life);
    const signer = makeSigner(this, life);
    let nonce = 1;
    const http = makeHttp(this, life);
    const url = "https://api.test/api/v1/";
    const api = openApi({ http, clock, url, nonce: () => nonce++, signer, apiKey: null });
    const lease: Lease = {
      unbroken: (job) => member.unbroken(job),
      heldSince: (job) => member.heldSince(job),
    };
    const disk = makeSpool(this, life);
    const spool = ownJobs(disk, member);
    const edges: EngineEdges = {
      clock,
      signer,
      spool,
      results: disk,
      api,
      lease,
      limits,
      random: this.dice,
      log: makeLog(this, life),
      journal: this.#cluster.oracle.journalOf(member.journal),
      plugins: this.#cluster.inHand.watch(this, life, makePlugins(this, life)),
      ...alarmEdges(this.name, member, this.profile),
      blackouts: [],
      macros: new Map(),
      workflows: makeWorkflows(this, life),
    };
    const catalog = new Catalog((directory) => loadJob(spool, directory));
    return new Runner(edges, catalog, { checkDirectoryMs, lateness: DAEMON_LATENESS, once: false });
  }

  #ended(life: Life, error: unknown, isStarted: boolean): void {
    if (!life.alive) return;
    life.alive = false;
    if (error === null) {
      if (!life.stopping) this.#cluster.violate("I8: the runner ended by itself");
    } else {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.count("process ended by an error");
      this.say(() => `process ended: ${text}`);
      const code = (error as { readonly code?: unknown } | null)?.code;
      const isHost = code === "SPOOL" || code === "JOURNAL";
      if (isStarted || !isHost) this.#cluster.violate(`I8: the runner was ended by ${text}`);
    }
    this.#restart("it ended");
  }

  /** kill -9: what it had in memory is gone, and its copy of the journal with it. */
  kill(why: string): void {
    if (!this.life.alive) return;
    this.count("kill");
    this.#die(why);
  }

  #die(why: string): void {
    this.life.alive = false;
    this.#held = null;
    this.#restart(why);
  }

  #restart(why: string): void {
    const { calm, dice, profile, timeline } = this.#cluster;
    [this.member, this.runner] = [null, null];
    const downMs = calm ? 1_000 : dice.int(0, profile.downMaxMs);
    this.say(() => `process ${this.me} is dead (${why}), the next in ${downMs} ms`);
    if (!calm && dice.chance(profile.replaced)) this.#replace();
    timeline.after(downMs, () => this.boot());
  }

  /** Another machine, with another name and an empty disk. */
  #replace(): void {
    this.count("host replaced");
    this.name = `${this.name.split("-")[0]}-${this.#lives + 1}`;
    this.disk = this.#newDisk();
  }

  /** SIGTERM. */
  terminate(): void {
    const { life, runner } = this;
    if (!life.alive || life.stopping || this.isStopped) return;
    life.stopping = true;
    // Before that it listens, and ends when it has begun.
    runner?.stop();
    this.timeline.after(GRACE_MS, () => {
      if (life.alive) this.runner?.abort();
    });
    this.#cluster.timeline.after(STOP_MAX_MS, () => {
      if (!life.alive) return;
      if (this.calm) this.#cluster.violate(`I8: not ended ${STOP_MAX_MS} ms after SIGTERM`);
      this.#die("its service manager had no more patience");
    });
  }

  /** Nothing of the process goes on, while the world does. False: it does not run anyway. */
  stop(): boolean {
    if (!this.life.alive || this.#held !== null) return false;
    this.#held = [];
    return true;
  }

  /**
   * The process is stopped where it is, for about as long as a lease.
   *
   * @param isToSleep Whether the machine sleeps, if it may. Else its clock may be set back meanwhile.
   */
  stopFor(isToSleep: boolean): void {
    const { dice, profile, timeline } = this.#cluster;
    const { life } = this;
    const forMs = dice.int(100, 3 * profile.leaseMs);
    if (!this.stop()) return;
    const isAsleep = isToSleep && timeline.now - this.#wentBackAt > profile.leaseMs;
    this.count(isAsleep ? "sleep" : "pause");
    if (isAsleep) this.#sleptUntil = timeline.now + forMs;
    const backMs = !isAsleep && dice.chance(0.3) ? forMs : 0;
    timeline.after(forMs, () => {
      if (this.life !== life || !this.isStopped) return;
      this.jump(-backMs);
      this.resume(isAsleep ? forMs : 0);
    });
  }

  /**
   * Its wall clock is set. Not back within a lease of a sleep: one clock has stood still then, and
   * with the other one set back nothing on the host would tell how much time has gone by.
   */
  jump(byMs: number): void {
    const { profile, timeline } = this.#cluster;
    const isBack = byMs < 0;
    if (isBack && timeline.now - this.#sleptUntil <= profile.leaseMs) return;
    if (isBack) this.#wentBackAt = timeline.now;
    this.offsetMs += byMs;
  }

  /** @param asleepMs How long its monotonic clock has stood still. */
  resume(asleepMs: number): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#asleepMs += asleepMs;
    // What has come meanwhile comes at once, in no order that could be relied on.
    const isMixed = this.dice.chance(0.5);
    for (const run of isMixed ? this.dice.shuffled(held) : held) this.timeline.after(0, run);
  }

  #newDisk(): SimulatedDisk {
    if (this.#cluster.disk !== null) return this.#cluster.disk;
    const disk = new SimulatedDisk(this.#cluster.dice);
    const { jobs, sharesDisk } = this.#cluster.profile;
    for (const job of jobs) writeJob({ disk }, job);
    disk.isShared = sharesDisk;
    if (sharesDisk) this.#cluster.disk = disk;
    return disk;
  }

  /** Its timers, which do not go off while the process is stopped. */
  #time(): Time {
    const { timeline } = this.#cluster;
    const cancelled = new WeakSet<Planned>();
    return {
      get now() {
        return timeline.now;
      },
      after: (ms, run) => {
        const guarded = (): void => {
          if (cancelled.has(planned)) return;
          if (this.#held === null) run();
          else this.#held.push(guarded);
        };
        const planned = timeline.after(ms, guarded);
        return planned;
      },
      cancel(planned) {
        cancelled.add(planned);
        timeline.cancel(planned);
      },
    };
  }
}
