// Happen: what befalls a cluster at a time of its own, and what people do to it.
import { dropAction } from "../../../src/flow/drop.ts";
import type { Journal } from "../../../src/journal/journal.ts";
import { openClusterJournal } from "../../../src/journal/postgres/journal.ts";
import type { Life } from "../life.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import { RemoteStore } from "./postgres.ts";
import type { ClusterHappening } from "./profile.ts";

/** Lets one thing happen. */
export function happen(cluster: Cluster, hosts: readonly Host[], what: ClusterHappening): void {
  const { calm, dice } = cluster;
  if (calm) return;
  const host = dice.pick(hosts);
  switch (what.kind) {
    case "kill all":
      cluster.count("", what.kind);
      for (const each of hosts) each.kill("all at once");
      return;
    case "outage":
    case "restart PostgreSQL":
    case "PostgreSQL down":
      cluster.count("", what.kind);
      befall(cluster, what);
      return;
    case "request":
    case "drop":
    case "pause job":
    case "unpause job":
      cluster.count(host.name, what.kind);
      void byVerb(cluster, host, what);
      return;
    default:
      strike(cluster, host, what);
  }
}

type OfAll = Extract<
  ClusterHappening,
  { kind: "outage" | "restart PostgreSQL" | "PostgreSQL down" }
>;

/** What all hosts suffer alike. */
function befall(cluster: Cluster, what: OfAll): void {
  const { postgres, timeline } = cluster;
  switch (what.kind) {
    case "outage":
      cluster.outage = what.fault;
      timeline.after(what.forMs, () => {
        if (cluster.calm) return;
        cluster.alarms.outageEnds();
        cluster.outage = null;
      });
      return;
    case "restart PostgreSQL":
      postgres.restart();
      return;
    case "PostgreSQL down":
      postgres.restart();
      postgres.isDown = true;
      timeline.after(what.forMs, () => {
        postgres.isDown = false;
      });
  }
}

type ByVerb = Extract<ClusterHappening, { kind: "request" | "drop" | "pause job" | "unpause job" }>;

type OfOne = Exclude<ClusterHappening, OfAll | ByVerb | { kind: "kill all" }>;

/** What one host suffers. */
function strike(cluster: Cluster, host: Host, what: OfOne): void {
  const { timeline } = cluster;
  if (what.kind === "kill") {
    host.kill("kill -9");
    return;
  }
  if (what.kind !== "pause" && what.kind !== "sleep") cluster.count(host.name, what.kind);
  switch (what.kind) {
    case "terminate":
      host.terminate();
      return;
    case "pause":
    case "sleep":
      host.stopFor(what.kind === "sleep");
      return;
    case "cut":
      host.isCut = true;
      timeline.after(what.forMs, () => {
        host.isCut = false;
        cluster.postgres.healed(host);
      });
      return;
    case "cut off API":
      host.cutOff = what.fault;
      timeline.after(what.forMs, () => {
        host.cutOff = null;
      });
      return;
    case "jump":
      host.jump(what.byMs);
      return;
    case "drain": {
      const { name } = host;
      cluster.model.drain(name, true);
      timeline.after(what.forMs, () => cluster.model.drain(name, false));
      return;
    }
    case "disk full":
      host.diskFull = true;
      timeline.after(what.forMs, () => {
        host.diskFull = false;
      });
  }
}

/** A verb of the command line on a host: a process beside the owners, with the whole journal. */
async function byVerb(cluster: Cluster, host: Host, what: ByVerb): Promise<void> {
  const { dice, model, oracle, profile, timeline } = cluster;
  const life: Life = { number: 0, bornAt: timeline.now, alive: true, stopping: false };
  const server = new RemoteStore(cluster, host, life);
  const options = {
    server,
    path: ":memory:",
    shards: profile.shards,
    me: `person on ${host.name}`,
  };
  const journal = openClusterJournal(options);
  const { kind: verb } = what;
  const { job } = "job" in what ? what : dice.pick(profile.jobs);
  const forMs = what.kind === "pause job" ? what.forMs : null;
  const open = model.table("action").filter(({ row }) => row.next_at !== null);
  const id = open.length === 0 ? null : Number(dice.pick(open).row.id);
  try {
    await journal.load(Array.from({ length: profile.shards + 1 }, (_, shard) => shard));
    if (verb === "drop" && id !== null) oracle.dropped.add(id);
    await write(oracle.journalOf(journal), { verb, job, id, forMs, now: host.wall });
  } catch (error) {
    cluster.say(host.name, () => `  ${verb} failed: ${error}`);
  }
  life.alive = false;
}

/** What a person wants. */
interface Wish {
  readonly verb: ByVerb["kind"];
  readonly job: string;
  readonly id: number | null;
  readonly forMs: number | null;
  readonly now: number;
}

async function write(journal: Journal, { verb, job, id, forMs, now }: Wish): Promise<void> {
  await journal.write((transaction) => {
    if (verb === "pause job" || verb === "unpause job") {
      transaction.endPauses(job, now);
      if (verb === "unpause job") return;
      const until = forMs === null ? null : now + forMs;
      transaction.insertPause({ job, since: now, until, actor: "ann", why: "" });
      return;
    }
    if (verb === "request") {
      for (let firesAt = now; ; firesAt++) {
        const run = { job, firesAt, cause: "manual" } as const;
        if (transaction.insertRun(run, "requested", now) !== null) return;
      }
    }
    const action = id === null ? null : transaction.action(id);
    if (action !== null) dropAction(transaction, action, { plugin: null, now });
  });
}
