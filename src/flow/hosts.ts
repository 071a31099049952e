// Hosts: what the hosts of a cluster say of themselves, and what is wrong among them. Pure.
//
// Each host notes its version, its clock, and a digest of each job and of each part of the
// configuration that all must have alike. Every host reads the notes of all; the one that speaks
// for the cluster raises the alarms (alarms.ts).
import { type Instant, MINUTE_MS, type Milliseconds, SECOND_MS, spanText } from "../time.ts";
import type { Condition } from "./alarm-rules.ts";
import type { ClusterHosts } from "./edges.ts";

/** What a host says of itself, beside its jobs. */
export interface HostNote {
  /** Of mig-runner. */
  readonly version: string;
  /** By how much its clock is ahead of PostgreSQL's; 0 for less than `CLOCK_APART_MS`. */
  readonly clockMs: Milliseconds;
  /** A digest of each part of the configuration that is to be the same everywhere. */
  readonly config: Digests;
  /** Why it cannot use the place of results that all share. Missing: of a version without that. */
  readonly store?: string | null;
  /** Rows of the journal that it cannot read, some of them. Missing: there are none. */
  readonly rows?: readonly string[];
}

/** A digest by the name of what it is of. */
export type Digests = Readonly<Record<string, string>>;

/** A host, as all see it. */
export interface HostState {
  readonly name: string;
  /** How long nothing was heard of it. */
  readonly silentMs: Milliseconds;
  /** Null: it has not said anything yet. */
  readonly note: HostNote | null;
  /** Digests of the jobs in its runner directory. Null: it has not said anything yet. */
  readonly jobs: Digests | null;
}

/** Something that is wrong among the hosts, without the time since when. */
export interface HostFault extends Pick<Condition, "subject" | "count" | "message" | "hint"> {
  /** How long it may be so before people are told. */
  readonly graceMs: Milliseconds;
}

/** Clocks that differ by less do no harm: a job fires that much later on another host. */
export const CLOCK_APART_MS: Milliseconds = 5 * SECOND_MS;

/** A host that is restarted comes back within this. */
const SILENT_MS: Milliseconds = MINUTE_MS;

/** Files are copied to one host after the other. */
const GRACE_MS: Milliseconds = 5 * MINUTE_MS;

/** Names that a message tells. */
const NAMES_MAX = 5;

/** All that is wrong among the hosts now. */
export function hostFaults(
  hosts: readonly HostState[],
  leaseMs: Milliseconds,
): readonly HostFault[] {
  const heard = heardOf(hosts, leaseMs);
  return [
    ...hosts.filter((host) => !heard.includes(host)).map(silentFault),
    ...heard.flatMap(clockFault),
    ...heard.flatMap(storeFault),
    ...heard.flatMap(rowsFault),
    ...jobFault(heard),
    ...configFault(heard),
  ];
}

/** The hosts that are at work: what the others have said once is not compared any more. */
export function heardOf(hosts: readonly HostState[], leaseMs: Milliseconds): readonly HostState[] {
  return hosts.filter(({ silentMs }) => silentMs < Math.max(SILENT_MS, 3 * leaseMs));
}

function silentFault({ name }: HostState): HostFault {
  return {
    subject: name,
    count: 1,
    graceMs: 0,
    message: `host ${name} is not heard of any more; the others have its jobs`,
    hint: `start it again, or let the cluster forget it: mig-runner cluster forget ${name}`,
  };
}

function clockFault({ name, note }: HostState): HostFault[] {
  if (note === null || note.clockMs === 0) return [];
  return [
    {
      subject: `${name} clock`,
      count: 1,
      graceMs: GRACE_MS,
      message: `the clock of ${name} is ${clockText(note.clockMs)}`,
      hint: "its jobs fire by it: let a time service set the clocks of all hosts",
    },
  ];
}

/** Right after its start a folder may not be mounted yet. */
function storeFault({ name, note }: HostState): HostFault[] {
  if (note?.store == null) return [];
  return [
    {
      subject: `${name} results`,
      count: 1,
      graceMs: MINUTE_MS,
      message: `${name} can neither write results nor deliver them: ${note.store}`,
      hint: `they wait; if that takes long: mig-runner cluster drain ${name}`,
    },
  ];
}

function rowsFault({ name, note }: HostState): HostFault[] {
  const rows = note?.rows ?? [];
  if (rows.length === 0) return [];
  return [
    {
      subject: `${name} rows`,
      count: rows.length,
      graceMs: 0,
      message: `${name} cannot read rows of the journal: ${rows.join("; ")}`,
      hint: "nothing works on them: mend or delete them in the table mig_row of PostgreSQL",
    },
  ];
}

/** A sentence for each host that cannot read some rows of the journal. */
export function unreadRows(hosts: readonly HostState[]): readonly string[] {
  return hosts.flatMap(rowsFault).map(({ message }) => message);
}

/** A sentence for each host that cannot use the place of results that all share. */
export function unfitStores(hosts: readonly HostState[]): readonly string[] {
  return hosts.flatMap(storeFault).map(({ message }) => message);
}

/** Such as "5m12s ahead of PostgreSQL's". */
export function clockText(clockMs: Milliseconds): string {
  return `${spanText(Math.abs(clockMs))} ${clockMs > 0 ? "ahead of" : "behind"} PostgreSQL's`;
}

function jobFault(hosts: readonly HostState[]): HostFault[] {
  const hint = "put the same files on all hosts; mig-runner cluster status lists what differs";
  return differenceFault("jobs", differingJobs(hosts), hint);
}

/** A sentence for each job that is not the same on all hosts, by name. */
export function differingJobs(hosts: readonly HostState[]): readonly string[] {
  const told = hosts.flatMap(({ name, jobs }) => (jobs === null ? [] : [{ name, told: jobs }]));
  return differences(told, (job) => `job ${job}`);
}

function configFault(hosts: readonly HostState[]): HostFault[] {
  const hint = "make it the same on all hosts, and restart those where it was changed";
  return differenceFault("configuration", differingConfig(hosts), hint);
}

function differenceFault(subject: string, sentences: readonly string[], hint: string): HostFault[] {
  if (sentences.length === 0) return [];
  const message = listText(sentences);
  return [{ subject, count: sentences.length, message, hint, graceMs: GRACE_MS }];
}

/** A sentence for each part of the configuration that is not the same on all hosts. */
export function differingConfig(hosts: readonly HostState[]): readonly string[] {
  const told = hosts.flatMap(({ name, note }) =>
    note === null ? [] : [{ name, told: note.config }],
  );
  return differences(told, (part) => part);
}

interface Told {
  readonly name: string;
  readonly told: Digests;
}

function differences(hosts: readonly Told[], called: (name: string) => string): readonly string[] {
  const names = new Set(hosts.flatMap(({ told }) => Object.keys(told)));
  return [...names].toSorted().flatMap((name) => {
    const having = hosts.filter(({ told }) => Object.hasOwn(told, name));
    const absent = hosts.filter((host) => !having.includes(host)).map((host) => host.name);
    const missing = absent.length === 0 ? [] : [`${called(name)} is not on ${absent.join(", ")}`];
    const groups = Map.groupBy(having, ({ told }) => told[name]);
    if (groups.size < 2) return missing;
    const sides = [...groups.values()].map((group) => group.map((host) => host.name).join(", "));
    return [...missing, `${called(name)} is another on ${sides.join(" than on ")}`];
  });
}

function listText(sentences: readonly string[]): string {
  const more = sentences.length - NAMES_MAX;
  const end = more > 0 ? `; and ${more} more` : "";
  return `${sentences.slice(0, NAMES_MAX).join("; ")}${end}`;
}

/** A host that neither looks at the others nor speaks for them: what ends by itself, soon. */
export function quietHost(name: string): ClusterHosts {
  return { name, speaks: () => false, conditions: () => [] };
}

/** Since when each fault is so, as long as this process has looked. */
export class LastingFaults {
  #since = new Map<string, Instant>();

  /** What has been so for long enough, or is told already, as alarms. */
  conditions(
    faults: readonly HostFault[],
    now: Instant,
    isTold: (subject: string) => boolean,
  ): readonly Condition[] {
    const since = (subject: string): Instant => Math.min(this.#since.get(subject) ?? now, now);
    this.#since = new Map(faults.map(({ subject }) => [subject, since(subject)]));
    return faults.flatMap(({ graceMs, ...fault }) => {
      const from = since(fault.subject);
      if (now - from < graceMs && !isTold(fault.subject)) return [];
      return [{ ...fault, event: "cluster" as const, job: "", runId: null, since: from }];
    });
  }
}
