// Host watch: this host as the others of its cluster know it, and what is wrong among them.
//
//   files of the jobs, configuration, clock ─▶ two states of the journal, where they have changed
//   the states of all hosts, and of whom is heard ─▶ hostFaults (flow/hosts.ts) ─▶ log, alarms
//
// A host reads the files of all jobs here, also of those that another host has: where a job lies
// on some hosts only, it is run while one of these has it, and is not while another one has.
import { createHash, type Hash } from "node:crypto";
import type { Config } from "../config/config.ts";
import { messageOf } from "../errors.ts";
import type { ClusterHosts } from "../flow/edges.ts";
import {
  CLOCK_APART_MS,
  type Digests,
  type HostFault,
  type HostNote,
  type HostState,
  hostFaults,
  LastingFaults,
} from "../flow/hosts.ts";
import { isSameFiles } from "../jobs/stamps.ts";
import type { Journal, JournalReads } from "../journal/journal.ts";
import type { Membership } from "../journal/postgres/membership.ts";
import type { Clock, Log } from "../lib/ports.ts";
import type { FileStamp, Spool } from "../ports.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { VERSION } from "../version.ts";

/** How often a host looks at itself, and at the others. */
const EACH_MS: Milliseconds = MINUTE_MS;

/** The largest file of a job that is read for its digest; of a larger one its size counts. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Rows that cannot be read that a host tells the others of. */
const ROWS_MAX = 5;

/** Characters of a digest that are kept: enough to tell two files apart, for 10,000 jobs. */
const DIGEST_CHARACTERS = 16;

/** Where the journal has what a host says: two states that are no job's. */
function noteKey(host: string): string {
  return `host ${host}`;
}

/** Where the journal has which jobs lie on a host. */
export function jobsKey(host: string): string {
  return `jobs of host ${host}`;
}

interface Parts {
  readonly member: Pick<Membership, "hosts" | "isNamed" | "clockAheadMs" | "speaks"> & {
    readonly journal: Pick<Membership["journal"], "unfit">;
  };
  readonly config: Config;
  /** All jobs that lie here. */
  readonly spool: Pick<Spool, "scan" | "read">;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Pick<Log, "emit">;
  /** Why this host cannot use the place of results that all share; null: it can, or there is none. */
  problem(): Promise<string | null>;
}

/** A digest of a job's files, and by which stamps it was made. */
interface Digested {
  readonly files: readonly FileStamp[];
  readonly digest: string;
}

/** Watches the hosts of a cluster, for one of them. */
export class HostWatch implements ClusterHosts {
  readonly #parts: Parts;
  readonly #lasting = new LastingFaults();
  #digested = new Map<string, Digested>();
  #faults: readonly HostFault[] = [];
  /** What was logged, by subject. */
  #logged = new Map<string, string>();
  /** Why the last look failed. */
  #problem: string | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Looks until a signal aborts. Never rejects: what keeps it from looking is in the log, once. */
  async lookUntil(ended: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    while (!ended.aborted) {
      const problem = await this.look().then(() => null, messageOf);
      // A look that the end of the process has cut off tells nothing.
      if (ended.aborted) return;
      if (problem !== null && problem !== this.#problem) {
        log.emit("warning", `cluster: cannot compare the hosts: ${problem}`);
      }
      this.#problem = problem;
      await clock.sleep(EACH_MS, ended);
    }
  }

  /** Says what this host is, and looks at what the others say. */
  async look(): Promise<void> {
    const { config, journal, member } = this.#parts;
    const { name: host } = this;
    // Another process says there what it is.
    if (member.isNamed) {
      await this.#note(noteKey(host), await this.#self());
      await this.#note(jobsKey(host), await this.#jobs());
    }
    this.#faults = hostFaults(hostStates(journal, member.hosts), config.cluster?.leaseMs ?? 0);
    this.#say();
  }

  get name(): string {
    return this.#parts.config.cluster?.name ?? "";
  }

  speaks(): boolean {
    return this.#parts.member.speaks();
  }

  conditions(now: Instant, isTold: (subject: string) => boolean) {
    return this.#lasting.conditions(this.#faults, now, isTold);
  }

  async #self(): Promise<HostNote> {
    const { config, member } = this.#parts;
    const store = await this.#parts.problem();
    const rows = member.journal.unfit().slice(0, ROWS_MAX);
    const ahead = member.clockAheadMs ?? 0;
    const clockMs = Math.abs(ahead) < CLOCK_APART_MS ? 0 : Math.round(ahead / 1_000) * 1_000;
    return { version: VERSION, clockMs, config: configDigests(config), store, rows };
  }

  async #jobs(): Promise<Digests> {
    const { spool } = this.#parts;
    const next = new Map<string, Digested>();
    for (const { job, files } of await spool.scan()) {
      const known = this.#digested.get(job);
      const isKnown = known !== undefined && isSameFiles(known.files, files);
      next.set(job, isKnown ? known : { files, digest: await this.#digestOf(job, files) });
    }
    this.#digested = next;
    return Object.fromEntries([...next].map(([job, { digest }]) => [job, digest]));
  }

  async #digestOf(job: string, files: readonly FileStamp[]): Promise<string> {
    const hash = createHash("sha256");
    for (const { name, size } of files) {
      const bytes = await this.#parts.spool.read(job, name, FILE_BYTES_MAX).catch(() => null);
      hash.update(JSON.stringify([name, bytes?.length ?? size]));
      if (bytes !== null) hash.update(bytes);
    }
    return digestOf(hash);
  }

  /** Writes it where it has changed. */
  async #note(key: string, value: unknown): Promise<void> {
    const { clock, journal } = this.#parts;
    const text = JSON.stringify(value);
    if (journal.stateAt("", key)?.value === text) return;
    const row = { job: "", key, value: text, runId: null, setAt: clock.now() };
    await journal.write((tables) => tables.setState(row));
  }

  #say(): void {
    const { log } = this.#parts;
    const told = new Map(this.#faults.map(({ subject, message }) => [subject, message]));
    for (const { subject, message, hint } of this.#faults) {
      if (this.#logged.get(subject) === message) continue;
      log.emit("warning", `cluster: ${message} (${hint})`);
    }
    for (const subject of this.#logged.keys()) {
      if (!told.has(subject)) log.emit("notice", `cluster: ${subject}: right again`);
    }
    this.#logged = told;
  }
}

/** What is known of each host. */
export function hostStates(
  journal: Pick<JournalReads, "stateAt">,
  hosts: readonly { readonly name: string; readonly silent: Milliseconds }[],
): readonly HostState[] {
  const told = (key: string): unknown => {
    const row = journal.stateAt("", key);
    return row === null ? null : JSON.parse(row.value);
  };
  return hosts.map(({ name, silent: silentMs }) => ({
    name,
    silentMs,
    note: told(noteKey(name)) as HostNote | null,
    jobs: told(jobsKey(name)) as Digests | null,
  }));
}

/** Where results are, without keys. */
function storeOf({ store }: Config): unknown {
  if (store?.kind !== "bucket") return store?.path ?? null;
  const { bucket, prefix, endpoint, region } = store;
  return [bucket, prefix, endpoint, region];
}

function withoutUser(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

/** What must be alike on all hosts, so that a job does the same on each. Nothing of it is secret. */
function configDigests(config: Config): Digests {
  const { api, blackouts, client, cluster, notify, retention, targets, timezone } = config;
  const parts = {
    "[api] url": withoutUser(api.url),
    "[targets]": [...targets].toSorted(),
    "[blackout]": blackouts,
    "[client] delayresults": client.delayResultsMs,
    "[cluster] lease": cluster?.leaseMs,
    "[notify]": notify,
    "[results] store": storeOf(config),
    "[retention]": retention,
    "[runner] timezone": timezone,
  };
  const digest = (value: unknown): string =>
    digestOf(createHash("sha256").update(JSON.stringify(value) ?? ""));
  return Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, digest(value)]));
}

function digestOf(hash: Hash): string {
  return hash.digest("hex").slice(0, DIGEST_CHARACTERS);
}
