// Membership: this process as a host of the cluster: its leases, and the rows of its shards.
//
// It renews its leases each fifth of their time, looks each second at what all hosts see, and takes
// and gives shards until each host has as many as the others.
//
//   M1. A shard is acted on only while its lease lasts, by the monotonic clock and by wall time (a
//       machine that slept): counted from before it was asked for (I12).
//   M2. Rows of a shard are here before anything acts on it, and are gone before it is given away.
//   M3. What is in doubt is dropped at once; it comes back in a new epoch, loaded again.
import { messageOf, RunnerError } from "../../errors.ts";
import { type Instant, MINUTE_MS, type Milliseconds, SECOND_MS } from "../../time.ts";
import { type Lease, renewalMs, shareOf } from "../lease.ts";
import { Contact } from "./contact.ts";
import { HostName } from "./host-name.ts";
import { type ClusterJournal, openClusterJournal } from "./journal.ts";
import type { LeaseUser, MembershipOptions } from "./membership-options.ts";
import { otherSchema } from "./problem.ts";
import { NO_ANSWER, UNFIT_HINT } from "./refused.ts";
import { Rounds } from "./rounds.ts";
import { CLUSTER_SCHEMA, COMMON } from "./schema.ts";
import { REMOVED_MS } from "./server.ts";
import { shardOf } from "./shapes.ts";
import type { Host, Seen } from "./store.ts";

/** A shard that this host has. */
interface Held {
  readonly epoch: number;
  /** When it was claimed. */
  readonly since: Instant;
  /** When the lease ends, by both clocks. */
  until: Moment;
  /** Whether its rows are here. */
  isLoaded: boolean;
}

interface Moment {
  readonly wall: Instant;
  readonly elapsed: Milliseconds;
}

/** How often the whole is looked at. */
const LOOK_MS: Milliseconds = SECOND_MS;

/**
 * How long an answer to a look may take before the others are to share without this host: it keeps
 * what it has, but would not take what they give. A look that is lost is given up much later.
 */
const DEAF_MS: Milliseconds = 2 * LOOK_MS;

/** How often some of what was removed long ago is erased. */
const PURGE_MS: Milliseconds = MINUTE_MS;

/**
 * How long a shard of which something is always in hand is kept from the others. Whoever gets it
 * then goes on as after the failure of a host: a delivery may be made twice.
 */
const GIVE_MS: Milliseconds = MINUTE_MS;

/** The part of a lease that is made use of: clocks do not run alike. */
const USED = 0.9;

/** How long an end waits for PostgreSQL to hear of it. */
const LEAVE_MS: Milliseconds = 2 * SECOND_MS;

/** This process as a host. `start` it, and `close` it. */
export class Membership implements Lease {
  readonly journal: ClusterJournal;
  readonly #options: MembershipOptions;
  readonly #shards: number;
  readonly #held = new Map<number, Held>();
  readonly #rounds: Rounds;
  readonly #name: HostName;
  readonly #refused = Promise.withResolvers<RunnerError>();
  #user: LeaseUser = { rescan() {}, isAtWork: () => true };
  #isStarted = false;
  #hosts: readonly Host[] = [];
  /** Since when there is a shard to give, and something of each in hand. */
  #busySince: Milliseconds | null = null;
  #clockAheadMs: Milliseconds | null = null;
  readonly #renewing = new Contact(() => this.#now().elapsed);
  readonly #looking = new Contact(() => this.#now().elapsed);

  /** @param shards How many shards the cluster has. */
  constructor(options: MembershipOptions, shards: number) {
    this.#options = options;
    this.#shards = shards;
    const { server, path, me, clock, log } = options;
    this.#rounds = new Rounds({ clock, log, whileFailing: () => this.#endOver() });
    this.#name = new HostName(options);
    const epochOf = (shard: number): number | null => {
      const held = this.#held.get(shard);
      return held?.isLoaded === true ? held.epoch : null;
    };
    const onDoubt = (error: RunnerError): void => this.#doubt(error);
    const onUnfit = (row: string): void =>
      options.log.emit("err", `the journal has a row that cannot be read: ${row} (${UNFIT_HINT})`);
    this.journal = openClusterJournal({ server, path, me, shards, epochOf, onDoubt, onUnfit });
  }

  /** Joins, and has its first shards when it resolves. @throws {RunnerError} JOURNAL. */
  async start(): Promise<void> {
    await this.journal.load([COMMON]);
    // Nothing can be lost by it yet.
    await this.#beat(MINUTE_MS);
    await this.#look();
    this.#isStarted = true;
    this.#rounds.each(this.#options.leaseMs / 5, () => this.#beat());
    this.#rounds.each(LOOK_MS, () => this.#look());
    this.#rounds.each(PURGE_MS, () => this.#purge());
  }

  unbroken(job: string): () => boolean {
    const shard = this.#shardOf(job);
    // Each claim makes another one.
    const held = this.#held.get(shard);
    if (held?.isLoaded !== true) return () => false;
    // What is over is dropped: else its work is begun, and ended by this, again and again (I7).
    if (this.#isOver(held)) this.#endOver();
    return () => this.#held.get(shard) === held && !this.#isOver(held);
  }

  /** Whether this host has nothing to work on. */
  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  /** Whether the rows of a job are here. */
  has(job: string): boolean {
    return this.#held.get(this.#shardOf(job))?.isLoaded === true;
  }

  /** Whether this host raises and tells the alarms about no job: the owner of the first shard does. */
  speaks(): boolean {
    const first = this.#held.get(COMMON + 1);
    return first?.isLoaded === true && !this.#isOver(first);
  }

  /** Whether PostgreSQL answers, so that it renews its leases and sees the others. */
  get isAnswered(): boolean {
    return this.#renewing.outage() === null && this.#looking.outage() === null;
  }

  /** Whether the others know this host by its name. */
  get isNamed(): boolean {
    return this.#name.isOurs;
  }

  /** Resolves with why this process must not go on as a host, whenever that shows. */
  get refused(): Promise<RunnerError> {
    return this.#refused.promise;
  }

  /** The file of the rows that are here. */
  get path(): string {
    return this.#options.path;
  }

  /** The hosts, as they were seen last. */
  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** By how much this host's clock is ahead of PostgreSQL's; null: that is not known. */
  get clockAheadMs(): Milliseconds | null {
    return this.#clockAheadMs;
  }

  heldSince(job: string): Instant {
    return this.#held.get(this.#shardOf(job))?.since ?? 0;
  }

  /** Who works on the jobs. Until there is one, no shard is given away. */
  serve(user: LeaseUser): void {
    this.#user = user;
  }

  /** Gives all shards back. Work in hand must have ended. */
  async close(): Promise<void> {
    const { server, me } = this.#options;
    await this.#rounds.end();
    await this.journal.close();
    this.#held.clear();
    await this.#shortly(server.leave(me));
    await this.#shortly(server.close());
  }

  /** Gives up after a while. What failed or was given up ends with the lease, or the process. */
  async #shortly(work: Promise<void>): Promise<void> {
    // A wait that went on would hold the process.
    const done = new AbortController();
    await Promise.race([work.catch(() => {}), this.#options.clock.sleep(LEAVE_MS, done.signal)]);
    done.abort();
  }

  #shardOf(job: string): number {
    return shardOf(job, this.#shards);
  }

  /** @param limitMs How long it may take. @default so long that it can be made again */
  async #beat(limitMs = renewalMs(this.#options.leaseMs)): Promise<void> {
    const { server, host, isVisitor = false, me, leaseMs } = this.#options;
    const asked = this.#now();
    const held = new Map(this.#held);
    const isDeaf = this.#looking.waitsMs > DEAF_MS;
    const shown = isVisitor || isDeaf ? null : host;
    const seen = await this.#renewing.ask(() =>
      this.#within(limitMs, server.beat(shown, me, leaseMs, limitMs)),
    );
    const fault = shown === null ? null : this.#name.see(seen);
    if (fault !== null) this.#refused.resolve(fault);
    for (const { id, epoch, owner } of seen.shards) {
      const mine = this.#held.get(id);
      if (mine?.epoch === epoch && owner === me) mine.until = this.#endOf(asked);
    }
    this.#dropLost(seen, held);
  }

  /** @throws {RunnerError} JOURNAL: it takes longer, or fails. */
  async #within<Value>(limitMs: Milliseconds, asked: Promise<Value>): Promise<Value> {
    const answered = new AbortController();
    const over = this.#options.clock.sleep(limitMs, answered.signal).then(() => {
      throw new RunnerError("JOURNAL", `${NO_ANSWER} in ${limitMs / 1_000} s`, { passing: true });
    });
    try {
      return await Promise.race([asked, over]);
    } finally {
      answered.abort();
      over.catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { server, me, leaseMs } = this.#options;
    const asked = this.#now();
    const held = new Map(this.#held);
    const looked = await this.#looking.ask(() => server.look());
    if (looked.schema !== CLUSTER_SCHEMA) return this.#refused.resolve(otherSchema(looked.schema));
    // This host counts itself as alive, also where PostgreSQL has not heard its beats for a while.
    const hosts = looked.hosts.map((one) => (one.instance === me ? { ...one, silent: 0 } : one));
    const seen = { ...looked, hosts };
    this.#hosts = hosts;
    // Not only with the next renewal: its shards are free by now, too.
    if (this.#name.isFree(seen)) await this.#beat();
    this.#compareClocks(asked, seen);
    this.#dropLost(seen, held);
    const before = this.journal.version();
    await this.journal.refresh(seen);
    if (this.journal.version() !== before) this.#user.rescan();
    const owned = seen.shards.filter(({ id }) => id !== COMMON);
    const { claim, give } = this.#options.isVisitor
      ? {
          claim: this.#isStarted ? [] : owned.filter(({ free }) => free).map(({ id }) => id),
          give: 0,
        }
      : shareOf(me, { ...seen, shards: owned }, leaseMs);
    // What was in doubt is still this host's, and is claimed again like any other.
    const again = owned.filter(({ id, owner }) => owner === me && !this.#held.has(id));
    const wanted = [...again.map(({ id }) => id), ...claim];
    if (wanted.length > 0) await this.#claim(wanted);
    else if (give > 0) await this.#give(give);
    if (give === 0) this.#busySince = null;
  }

  /** After an answer that was long on its way nothing can be said of the clock. */
  #compareClocks(asked: Moment, { now }: Seen): void {
    const { wall, elapsed } = this.#now();
    const wayMs = elapsed - asked.elapsed;
    if (wayMs < SECOND_MS) this.#clockAheadMs = Math.round(wall - wayMs / 2 - now);
  }

  /** One that fails is made again: renewing and looking tell of a PostgreSQL that is down. */
  async #purge(): Promise<void> {
    await this.#options.server.purge(REMOVED_MS).catch(() => {});
  }

  async #claim(ids: readonly number[]): Promise<void> {
    const { server, me, leaseMs, clock, log } = this.#options;
    const asked = this.#now();
    const epochs = await server.claim(me, leaseMs, ids);
    const claimed = [...epochs.keys()];
    if (claimed.length === 0) return;
    // What is in hand of these begins now.
    this.#busySince = null;
    const since = clock.now();
    for (const [id, epoch] of epochs) {
      this.#held.set(id, { epoch, since, until: this.#endOf(asked), isLoaded: false });
    }
    const isWanted = (id: number): boolean => {
      const held = this.#held.get(id);
      if (held === undefined || held.epoch !== epochs.get(id)) return false;
      // M2: in the turn in which the last of its rows has come.
      held.isLoaded = true;
      return true;
    };
    try {
      await this.journal.load(claimed, isWanted);
    } catch (error) {
      const left = claimed.filter((id) => this.#held.get(id)?.isLoaded !== true);
      for (const id of left) this.#held.delete(id);
      this.journal.drop(left);
      throw error;
    } finally {
      log.emit("info", `cluster: has ${this.#held.size} of ${this.#shards} shards`);
      this.#user.rescan(true);
    }
  }

  /** Gives shards to the others: those of which nothing is in hand, and in the end any. */
  async #give(count: number): Promise<void> {
    const { server, me, log } = this.#options;
    const { elapsed } = this.#now();
    const ids = [...this.#held.keys()];
    const quiet = ids.filter((id) => {
      const isOf = (job: string): boolean => this.#shardOf(job) === id;
      return !this.#user.isAtWork(isOf);
    });
    this.#busySince ??= elapsed;
    const isOver = elapsed - this.#busySince >= GIVE_MS;
    const given = (quiet.length === 0 && isOver ? ids : quiet).slice(0, count);
    if (given.length === 0) return;
    this.#busySince = null;
    this.#drop(given);
    await server.give(me, given);
    log.emit("info", `cluster: gave ${given.length} shards to other hosts`);
  }

  #doubt(error: RunnerError): void {
    this.#options.log.emit("err", `cluster: ${messageOf(error)}; loading its shards again`);
    this.#drop([...this.#held.keys()]);
    this.#rounds.wake();
  }

  /** @param asked What was held when it was asked who has what. */
  #dropLost({ shards }: Seen, asked: ReadonlyMap<number, Held>): void {
    const { me } = this.#options;
    const isBack = shards.some(({ id, epoch, owner }) => {
      const held = asked.get(id);
      if (held === undefined || held !== this.#held.get(id)) return false;
      return epoch < held.epoch || (epoch === held.epoch && owner !== me);
    });
    if (isBack) this.journal.goneBack();
    const lost = shards.filter(({ id, epoch }) => epoch > (this.#held.get(id)?.epoch ?? epoch));
    if (lost.length === 0) return;
    this.#options.log.emit("warning", `cluster: lost ${lost.length} shards to other hosts`);
    this.#drop(lost.map(({ id }) => id));
  }

  /** Shards whose lease has ended without an answer. */
  #endOver(): void {
    const over = [...this.#held].filter(([, held]) => this.#isOver(held)).map(([id]) => id);
    if (over.length === 0) return;
    this.#options.log.emit("warning", `cluster: the lease of ${over.length} shards has ended`);
    this.#drop(over);
  }

  /** M2: rows and right go in one turn. */
  #drop(ids: readonly number[]): void {
    if (ids.length === 0) return;
    for (const id of ids) this.#held.delete(id);
    this.journal.drop(ids);
    this.#user.rescan();
  }

  #now(): Moment {
    const { clock, elapsed = () => performance.now() } = this.#options;
    return { wall: clock.now(), elapsed: elapsed() };
  }

  #endOf({ wall, elapsed }: Moment): Moment {
    const usedMs = this.#options.leaseMs * USED;
    return { wall: wall + usedMs, elapsed: elapsed + usedMs };
  }

  #isOver({ until }: Held): boolean {
    const now = this.#now();
    return now.elapsed >= until.elapsed || now.wall >= until.wall;
  }
}
