// Pool: pgbouncer in transaction mode before a PostgreSQL server, where it is installed.
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, NOBODY, type Postgres } from "./postgres.ts";

/** A pool of connections that runs. */
export interface Pool {
  readonly port: number;
  /** Ends it at once: all connections are cut. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** @throws {Error} pgbouncer is not installed. */
export async function startPool(postgres: Postgres): Promise<Pool> {
  const home = await mkdtemp(join(tmpdir(), "mig-pool-"));
  await chmod(home, 0o755);
  const port = await freePort();
  const file = join(home, "pgbouncer.ini");
  const lines = [
    "[databases]",
    `* = host=127.0.0.1 port=${postgres.port} user=postgres`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "auth_type = any",
    "pool_mode = transaction",
    "default_pool_size = 4",
    "unix_socket_dir =",
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const pool = new Bouncer(port, file);
  await pool.start();
  return pool;
}

class Bouncer implements Pool {
  readonly port: number;
  readonly #file: string;
  #process: ChildProcess | null = null;

  constructor(port: number, file: string) {
    this.port = port;
    this.#file = file;
  }

  async start(): Promise<void> {
    const isRoot = process.getuid?.() === 0;
    const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn("pgbouncer", [this.#file], { cwd: "/", ...as });
    this.#process = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on("data", (chunk: Buffer) => {
        said = `${said}${chunk}`.slice(-10_000);
        if (said.includes("process up")) resolve();
      });
      child.once("error", reject);
      child.once("exit", () => reject(new Error(said)));
    });
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}
