// Cluster: several hosts on this machine beside one MIG API, with their journal in one PostgreSQL.
import { readFile } from "node:fs/promises";
import { type Sandbox, startSandbox } from "../../src/sandbox/server.ts";
import { type Program, programUnderTest } from "./binary.ts";
import { Gate, type Way } from "./gate.ts";
import { keyFile } from "./keys.ts";
import { Namespace, type Network } from "./network.ts";
import type { Postgres } from "./postgres.ts";
import { ACTION, ended, Host, type HostOptions } from "./site.ts";

export interface ClusterOptions extends HostOptions {
  readonly hosts: number;
  /** @default 4 */
  readonly leaseSeconds?: number;
  readonly faults?: readonly string[];
  /** The port of a pool of connections before PostgreSQL. @default none */
  readonly pool?: number;
  /**
   * The networks between the hosts, each in a namespace of its own, and what they work with: at the
   * address of the first PostgreSQL listens. @default gates of this machine
   */
  readonly networks?: Networks;
  /** Changes how the program of a host is called. @param number Of the host, from 1. */
  readonly call?: (program: Program, number: number) => Program;
}

/** Two networks. */
export interface Networks {
  readonly postgres: Network;
  readonly api: Network;
}

/** What is wrong once everything has come to its end. */
export interface Wrong {
  /** Actions that the API accepted. */
  readonly posted: number;
  /** Accepted actions that the journal does not know as collected and delivered. */
  readonly lost: number;
  /** Accepted actions beyond one for a run; runs beyond one for a fire time. */
  readonly twice: number;
  /** Accepted actions whose result no plugin got. */
  readonly undelivered: number;
  /** Deliveries beyond one that were not counted as another attempt. */
  readonly uncounted: number;
  /** Deliveries beyond one for a result: each is allowed, and few are wanted. */
  readonly repeated: number;
}

/** The ways of one host to what it works with. */
export interface Ways {
  readonly postgres: Way;
  readonly api: Way;
}

/** The place of one host in the network. */
interface Place {
  readonly ways: Ways;
  /** As the host has them. */
  readonly urls: { readonly postgres: string; readonly api: string };
  readonly program: Program;
}

interface About {
  readonly sandbox: Sandbox;
  readonly hosts: readonly Host[];
  readonly ways: readonly Ways[];
  readonly url: string;
}

/** Hosts that are called h1, h2 … */
export class Cluster {
  readonly sandbox: Sandbox;
  readonly hosts: readonly Host[];
  /** Of each host, in their order. */
  readonly ways: readonly Ways[];
  readonly url: string;
  readonly #postgres: Postgres;

  private constructor(postgres: Postgres, about: About) {
    this.#postgres = postgres;
    this.sandbox = about.sandbox;
    this.hosts = about.hosts;
    this.ways = about.ways;
    this.url = about.url;
  }

  static async create(postgres: Postgres, options: ClusterOptions): Promise<Cluster> {
    const { hosts: count, leaseSeconds = 4, faults = [], ...each } = options;
    const url = await postgres.database();
    const sandbox = await startSandbox({
      agents: 5,
      publicKeys: keyFile("keys/pubring.gpg"),
      behaviour: { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 },
      faults,
    });
    const hosts: Host[] = [];
    const ways: Ways[] = [];
    const servers = { postgres: options.pool ?? postgres.port, url, sandbox };
    for (let number = 1; number <= count; number++) {
      const { networks } = options;
      const {
        program,
        urls,
        ways: own,
      } = networks ? await placeApart(servers, networks, number) : await placeBehindGates(servers);
      const section = [
        "[cluster]",
        `url = "${urls.postgres}"`,
        `name = "h${number}"`,
        "shards = 8",
        `lease = "${leaseSeconds}s"`,
      ];
      const called = options.call?.(program, number) ?? program;
      const runner = [...section, ...(options.runner ?? [])];
      hosts.push(await Host.create({ ...each, program: called, url: urls.api, runner }));
      ways.push(own);
    }
    const cluster = new Cluster(postgres, { sandbox, hosts, ways, url });
    ended(await cluster.host(1).run("cluster", "migrate"));
    return cluster;
  }

  /** @param number From 1. */
  host(number: number): Host {
    const host = this.hosts[number - 1];
    if (host === undefined) throw new Error(`there is no host ${number}`);
    return host;
  }

  /** The same job on all hosts. */
  async job(
    job: string,
    lines: readonly string[],
    { schedule = 'schedule = "0 0 1 1 *"' }: { readonly schedule?: string } = {},
  ): Promise<void> {
    const entity = ["[configuration]", schedule, 'expiry = "3s"', ...lines].join("\n");
    const files = { "entity.cfg": `${entity}\n`, "action.json": ACTION };
    for (const { scenario } of this.hosts) await scenario.job(job, files);
  }

  /** A plugin on all hosts that keeps the ids of what it got, each with the attempt's number. */
  async keepDelivered(): Promise<void> {
    const file = this.host(1).scenario.path("delivered");
    const line = `$MIG_RUNNER_ACTION_ID $MIG_RUNNER_ATTEMPT`;
    for (const { scenario } of this.hosts) {
      await scenario.plugin("keep", `cat > /dev/null; echo "${line}" >> "${file}"`);
    }
  }

  /** What PostgreSQL has of one table, decoded. */
  async rows(table: string): Promise<readonly Record<string, unknown>[]> {
    const sql = `SELECT data FROM mig_row WHERE tbl = '${table}' AND data IS NOT NULL`;
    const rows = await this.#postgres.query(this.url, sql);
    return rows.map(({ data }) => JSON.parse(String(data)) as Record<string, unknown>);
  }

  async wrong(): Promise<Wrong> {
    const accepted = this.sandbox.actions().map(({ id }) => id);
    const actions = await this.rows("action");
    const runs = await this.rows("run");
    const settled = new Set(
      actions.filter(({ state }) => state === "settled").map((row) => row.action_id),
    );
    const fires = new Set(runs.map((row) => `${row.job} ${row.fires_at}`));
    const known = actions.filter((row) => row.action_id !== null);
    const perRun = new Set(known.map((row) => row.run_id));
    const text = await readFile(this.host(1).scenario.path("delivered"), "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    const delivered = new Set(lines.map((line) => Number(line.split(" ")[0])));
    return {
      posted: accepted.length,
      lost: accepted.filter((id) => !settled.has(id)).length,
      twice: accepted.length - perRun.size + (runs.length - fires.size),
      undelivered: accepted.filter((id) => !delivered.has(id)).length,
      uncounted: lines.length - new Set(lines).size,
      repeated: lines.length - delivered.size,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts) await host[Symbol.asyncDispose]();
    for (const { postgres, api } of this.ways) {
      await postgres.close();
      await api.close();
    }
    await this.sandbox.close();
  }
}

/** What all hosts work with. */
interface Servers {
  /** The port of PostgreSQL, or of what is before it. */
  readonly postgres: number;
  /** The database. */
  readonly url: string;
  readonly sandbox: Sandbox;
}

async function placeBehindGates({ postgres, url, sandbox }: Servers): Promise<Place> {
  const ways = {
    postgres: await Gate.open(postgres),
    api: await Gate.open(Number(new URL(sandbox.url).port)),
  };
  const urls = { postgres: through(url, ways.postgres), api: through(sandbox.url, ways.api) };
  return { ways, urls, program: programUnderTest() };
}

async function placeApart(
  { postgres, url, sandbox }: Servers,
  networks: Networks,
  number: number,
): Promise<Place> {
  const space = new Namespace(`mig-h${number}-${process.pid}`);
  // The sandbox listens on the loopback alone.
  const door = await Gate.open(Number(new URL(sandbox.url).port), networks.api.address);
  const legs = { postgres: networks.postgres.join(space), api: networks.api.join(space) };
  return {
    ways: {
      postgres: { ...legs.postgres, close: async () => space[Symbol.dispose]() },
      api: { ...legs.api, close: () => door.close() },
    },
    urls: {
      postgres: through(url, { port: postgres, address: networks.postgres.address }),
      api: through(sandbox.url, { port: door.port, address: networks.api.address }),
    },
    program: space.within(programUnderTest()),
  };
}

/** The same by another port, and address. */
function through(
  url: string,
  { port, address }: { readonly port: number; readonly address?: string },
): string {
  const changed = new URL(url);
  changed.port = `${port}`;
  changed.hostname = address ?? changed.hostname;
  return changed.href;
}
