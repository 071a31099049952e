// Cluster: the verbs about several hosts with one journal in PostgreSQL: make its tables, show the
// hosts, have one of them give its jobs to the others.
import { loadRunnerConfig } from "../config/config.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { RunnerError } from "../errors.ts";
import { COMMON } from "../journal/postgres/schema.ts";
import type { Seen, Server } from "../journal/postgres/server.ts";
import { jsonAnswer, plural } from "../view/text.ts";
import { openServer } from "./cluster-journal.ts";
import { UsageError } from "./flags.ts";
import { sourcesOf } from "./open.ts";
import { renderTable } from "./text.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

export const cluster: Verb = {
  usage: "migrate | status [--json] | drain HOST | undrain HOST",
  flags: [JSON_FLAG],
  help:
    "Several hosts share their jobs: [cluster] url names the PostgreSQL that has their journal.\n" +
    "migrate makes its tables, or brings them up to date; it needs a role that may create tables,\n" +
    "the daemon needs none. status shows the hosts and what each has. drain has a host give its\n" +
    "jobs to the others and take none, such as before an upgrade; undrain ends that.\n" +
    "Ends with 1 when status finds jobs that no host has.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg cluster migrate\n" +
    "  mig-runner -c runner.cfg cluster status --json\n" +
    "  mig-runner -c runner.cfg cluster drain alpha",
  async run(call) {
    const [word = "", ...others] = call.positionals;
    const { config } = await loadRunnerConfig(sourcesOf(call));
    const [host = ""] = others;
    const isHost = word === "drain" || word === "undrain";
    if (!(isHost || ["migrate", "status"].includes(word)) || others.length !== Number(isHost)) {
      throw new UsageError("cluster takes migrate, status, drain HOST or undrain HOST");
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
        default:
          return await drain(call, server, { host, isOn: word === "drain" });
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

async function migrate({ terminal }: Call, server: Server, shards: number): Promise<number> {
  const from = await server.migrate(shards);
  const { shards: there, schema } = await server.assertSchema();
  const now = `schema ${schema}, ${there} shards`;
  terminal.out([from === schema ? `nothing to do: ${now}` : `made ${now}`]);
  return 0;
}

async function show(
  { flags, terminal }: Call,
  server: Server,
  { leaseMs }: Pick<NonNullable<RunnerConfig["cluster"]>, "leaseMs">,
): Promise<number> {
  await server.assertSchema();
  const seen = await server.look();
  const hosts = hostsOf(seen, leaseMs);
  const orphans = seen.shards.filter(({ id, free }) => id !== COMMON && free).length;
  if (flags.has("json")) terminal.json(jsonAnswer({ hosts, unowned: orphans }));
  else {
    const rows = hosts.map(({ host, state, shards, silentMs }) => [
      ...[host, state, plural(shards, "shard"), `heard of ${Math.ceil(silentMs / 1_000)} s ago`],
    ]);
    const none = orphans === 0 ? [] : [`${plural(orphans, "shard")} without a host`];
    terminal.out([...(hosts.length === 0 ? ["no hosts yet"] : renderTable(rows)), ...none]);
  }
  return orphans > 0 ? 1 : 0;
}

interface HostState {
  readonly host: string;
  readonly state: "up" | "draining" | "silent";
  readonly shards: number;
  readonly silentMs: number;
}

function hostsOf({ hosts, shards }: Seen, leaseMs: number): readonly HostState[] {
  return hosts.map(({ name, instance, draining, silent }) => ({
    host: name,
    state: silent >= leaseMs ? "silent" : draining ? "draining" : "up",
    shards: shards.filter(({ owner, free }) => owner === instance && !free).length,
    silentMs: silent,
  }));
}

async function drain(
  { terminal }: Call,
  server: Server,
  { host, isOn }: { readonly host: string; readonly isOn: boolean },
): Promise<number> {
  await server.assertSchema();
  if (!(await server.drain(host, isOn))) {
    throw new RunnerError("JOURNAL", `Cannot drain host "${host}": there is none of this name`, {
      hint: "mig-runner cluster status lists the hosts",
    });
  }
  const says = isOn ? "gives its jobs to the others" : "takes its share of the jobs again";
  terminal.out([`${host} ${says}`]);
  return 0;
}
