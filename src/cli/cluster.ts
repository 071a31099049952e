// Cluster: the verbs about several hosts with one journal in PostgreSQL: make its tables, show the
// hosts, have one of them give its jobs to the others.

import type { ClusterConfig } from "../config/cluster.ts";
import { loadRunnerConfig } from "../config/config.ts";
import { nearest, RunnerError } from "../errors.ts";
import {
  clockText,
  differingConfig,
  differingJobs,
  type HostState,
  heardOf,
  unfitStores,
  unreadRows,
} from "../flow/hosts.ts";
import { hostOf } from "../journal/postgres/owner.ts";
import { COMMON } from "../journal/postgres/schema.ts";
import type { Server } from "../journal/postgres/server.ts";
import type { Seen } from "../journal/postgres/store.ts";
import { jsonAnswer, plural } from "../view/text.ts";
import { openServer } from "./cluster-journal.ts";
import { UsageError } from "./flags.ts";
import { sourcesOf } from "./open.ts";
import { renderTable } from "./text.ts";
import { toldHosts } from "./told-hosts.ts";
import { type Call, HOST_DEEDS, JSON_FLAG, type Verb } from "./verb.ts";

export const cluster: Verb = {
  usage: "migrate | status | drain HOST | undrain HOST | forget HOST [--json]",
  flags: [JSON_FLAG],
  help:
    "Several hosts share their jobs: [cluster] url names the PostgreSQL that has their journal.\n" +
    "migrate makes its tables, or brings them up to date; it needs a role that may create tables,\n" +
    "the daemon needs none. status shows the hosts, what each has, and which jobs, clocks and parts\n" +
    "of the configuration are not the same on all of them. drain has a host give its jobs to the\n" +
    "others and take none, such as before an upgrade; undrain ends that. forget takes a host that\n" +
    "is gone for good off the list; one that comes back is on it again.\n" +
    "Ends with 1 when status finds jobs that no host has.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg cluster migrate\n" +
    "  mig-runner -c runner.cfg cluster status --json\n" +
    "  mig-runner -c runner.cfg cluster drain alpha",
  async run(call) {
    const [word = "", ...others] = call.positionals;
    const { config } = await loadRunnerConfig(sourcesOf(call));
    const [host = ""] = others;
    const isHost = HOST_DEEDS.includes(word);
    if (!(isHost || ["migrate", "status"].includes(word)) || others.length !== Number(isHost)) {
      throw new UsageError(
        "cluster takes migrate, status, drain HOST, undrain HOST or forget HOST",
      );
    }
    const { cluster: named, path } = config;
    if (named === null) throw notSet(path);
    const server = openServer(named);
    try {
      switch (word) {
        case "migrate":
          return await migrate(call, server, named.shards);
        case "status":
          return await show(call, server, named);
        case "forget":
          return await forget(call, server, host);
        default:
          return await drain(call, server, {
            host,
            isOn: word === "drain",
            leaseMs: named.leaseMs,
          });
      }
    } finally {
      await server.close();
    }
  },
};

function notSet(path: string): RunnerError {
  return new RunnerError("CONFIG", "Cannot find the cluster: [cluster] url is not set", {
    path,
    hint: "Set it and [cluster] name, see docs/cluster.md",
  });
}

async function migrate({ flags, terminal }: Call, server: Server, shards: number): Promise<number> {
  const from = await server.migrate(shards);
  const { shards: there, schema } = await server.assertSchema();
  if (flags.has("json")) {
    terminal.json(jsonAnswer({ from, schema, shards: there }));
    return 0;
  }
  const now = `schema ${schema}, ${there} shards`;
  terminal.out([from === schema ? `nothing to do: ${now}` : `made ${now}`]);
  return 0;
}

/** Hosts that a message names. */
const NAMED_MAX = 20;

/** Of how many jobs that differ a list tells. */
const LISTED_MAX = 50;

async function show(
  { flags, terminal }: Call,
  server: Server,
  cluster: Pick<ClusterConfig, "url" | "leaseMs">,
): Promise<number> {
  await server.assertSchema();
  const seen = await server.lookAnyway();
  if (seen.moved !== null) {
    if (flags.has("json")) terminal.json(jsonAnswer({ hosts: [], movedTo: seen.moved }));
    else terminal.out([`the journal was moved to ${seen.moved}`]);
    return 0;
  }
  const states = await toldHosts(cluster, seen);
  const hosts = hostsOf(seen, states, cluster.leaseMs);
  const heard = heardOf(states, cluster.leaseMs);
  const differences = [
    ...unfitStores(heard),
    ...unreadRows(heard),
    ...differingJobs(heard),
    ...differingConfig(heard),
  ];
  const orphans = seen.shards.filter(({ id, free }) => id !== COMMON && free).length;
  if (flags.has("json")) terminal.json(jsonAnswer({ hosts, unowned: orphans, differences }));
  else {
    const none = orphans === 0 ? [] : [`${plural(orphans, "shard")} without a host`];
    const more = differences.length - LISTED_MAX;
    terminal.out([
      ...(hosts.length === 0 ? ["no hosts yet"] : renderTable(hosts.map(hostRow))),
      ...none,
      ...differences.slice(0, LISTED_MAX),
      ...(more > 0 ? [`and ${more} more that differ`] : []),
    ]);
  }
  return orphans > 0 ? 1 : 0;
}

interface HostView {
  readonly host: string;
  readonly state: "up" | "draining" | "silent";
  readonly shards: number;
  /** Of those that lie on the hosts. */
  readonly jobs: number;
  readonly silentMs: number;
  /** Of mig-runner; null: the host has not said. */
  readonly version: string | null;
  /** By how much its clock is ahead of PostgreSQL's; 0: they agree. */
  readonly clockMs: number;
}

function hostRow({ host, state, shards, jobs, silentMs, version, clockMs }: HostView): string[] {
  const heard = `heard of ${Math.ceil(silentMs / 1_000)} s ago`;
  const clock = clockMs === 0 ? "" : `its clock is ${clockText(clockMs)}`;
  return [host, state, plural(shards, "shard"), plural(jobs, "job"), heard, version ?? "", clock];
}

/** How many jobs each host has. */
function countsOf(
  seen: Pick<Seen, "hosts" | "shards">,
  states: readonly HostState[],
): ReadonlyMap<string, number> {
  const jobs = new Set(states.flatMap((state) => Object.keys(state.jobs ?? {})));
  const counts = new Map<string, number>();
  for (const job of jobs) {
    const host = hostOf(seen, job);
    if (host !== null) counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return counts;
}

function hostsOf(
  { hosts, shards }: Pick<Seen, "hosts" | "shards">,
  states: readonly HostState[],
  leaseMs: number,
): readonly HostView[] {
  const counts = countsOf({ hosts, shards }, states);
  return hosts.map(({ name, instance, draining, silent }) => {
    const note = states.find((state) => state.name === name)?.note;
    return {
      host: name,
      state: silent >= leaseMs ? "silent" : draining ? "draining" : "up",
      shards: shards.filter(({ owner, free }) => owner === instance && !free).length,
      jobs: counts.get(name) ?? 0,
      silentMs: silent,
      version: note?.version ?? null,
      clockMs: note?.clockMs ?? 0,
    };
  });
}

/** The mistake of naming a host that is not there, with the nearest one that is, or all. */
function unknownHost(deed: string, host: string, hosts: Seen["hosts"]): RunnerError {
  const names = hosts.map(({ name }) => name);
  const near = nearest(host, names);
  const more = names.length > NAMED_MAX ? ", …" : "";
  const all = `there are ${names.slice(0, NAMED_MAX).join(", ")}${more}`;
  const none = "there are no hosts yet: start the daemon on one";
  const hint = near !== null ? `did you mean "${near}"?` : names.length === 0 ? none : all;
  const message = `Cannot ${deed} host "${host}": there is none of this name`;
  return new RunnerError("JOURNAL", message, { hint });
}

async function forget({ flags, terminal }: Call, server: Server, host: string): Promise<number> {
  await server.assertSchema();
  if (!(await server.forget(host))) {
    const { hosts } = await server.lookAnyway();
    if (!hosts.some(({ name }) => name === host)) throw unknownHost("forget", host, hosts);
    throw new RunnerError("JOURNAL", `Cannot forget host "${host}": it has jobs, so it works`, {
      hint: "stop its daemon first",
    });
  }
  if (flags.has("json")) terminal.json(jsonAnswer({ host, forgotten: true }));
  else terminal.out([`${host} is forgotten`]);
  return 0;
}

async function drain(
  { flags, terminal }: Call,
  server: Server,
  {
    host,
    isOn,
    leaseMs,
  }: Pick<ClusterConfig, "leaseMs"> & { readonly host: string; readonly isOn: boolean },
): Promise<number> {
  await server.assertSchema();
  const isThere = await server.drain(host, isOn);
  const { hosts } = await server.lookAnyway();
  if (!isThere) throw unknownHost(isOn ? "drain" : "undrain", host, hosts);
  const isLast = hosts.every(({ draining, silent }) => draining || silent >= leaseMs);
  if (flags.has("json")) {
    terminal.json(jsonAnswer({ host, draining: isOn, takers: !isLast }));
    return 0;
  }
  const says = isOn ? "gives its jobs to the others" : "takes its share of the jobs again";
  terminal.out([`${host} ${says}`]);
  if (isOn && isLast) {
    const way = `\`mig-runner cluster undrain ${host}\` ends that`;
    terminal.out([
      `warning: no host is left that takes them: nothing fires until one does; ${way}`,
    ]);
  }
  return 0;
}
