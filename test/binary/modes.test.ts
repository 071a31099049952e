// What the program shows to other users of the host: no file that it writes, and no open port.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { eventually, type Running } from "../support/binary.ts";
import { lifeSeconds } from "../support/patience.ts";
import { Site } from "../support/site.ts";

/** The files and folders under a directory with their modes, those of the test left out. */
function modesUnder(directory: string, without: ReadonlySet<string>): Record<string, number> {
  const names = readdirSync(directory, { recursive: true }).map(String).sort();
  return Object.fromEntries(
    names
      // What the runtime under test keeps for itself is in home/.
      .filter((name) => !without.has(name) && !name.startsWith("home/"))
      .flatMap((name) => {
        // Some are there for a moment only, and gone before they are looked at.
        const stats = statSync(join(directory, name), { throwIfNoEntry: false });
        if (stats === undefined) return [];
        return [[name.replaceAll(/\d{8,}/g, "N"), stats.mode & 0o777]];
      }),
  );
}

/** Starts the program with a umask that forbids nothing. */
function startOpen(site: Site, ...argv: string[]): Running {
  const before = process.umask(0);
  try {
    return site.start(...argv);
  } finally {
    process.umask(before);
  }
}

test("journal, lock, records and results are for the owner alone; a log as the original's", async () => {
  await using site = await Site.create({
    logging: ['mode = "file"', 'file = "runner.log"', 'level = "info"'],
  });
  const { scenario } = site;
  await scenario.plugin("hold", `until [ -e "${scenario.path("go")}" ]; do sleep 0.1; done`);
  await site.job("drift", [`expiry = "${lifeSeconds(3)}s"`, 'plugin = "hold"']);
  const own = new Set(readdirSync(scenario.directory, { recursive: true }).map(String));
  const running = startOpen(site, "run", "drift", "--wait");
  const seen: Record<string, number> = {};
  await eventually(() => {
    Object.assign(seen, modesUnder(scenario.directory, own));
    return "runners/drift/results/N/N.json" in seen ? true : null;
  });
  await scenario.write("go", "");
  expect((await running.ended()).exit).toBe(0);
  for (const name of Object.keys(seen).filter((each) => /(-journal|\.tmp)$/.test(each))) {
    expect([name, seen[name]]).toEqual([name, 0o600]);
    delete seen[name];
  }
  expect(seen).toEqual({
    "journal.db": 0o600,
    "journal.db-seal": 0o600,
    "journal.db-shm": 0o600,
    "journal.db-wal": 0o600,
    "runner.lock": 0o600,
    "runner.log": 0o640,
    "runners/drift/inflight": 0o700,
    "runners/drift/inflight/N.json": 0o600,
    "runners/drift/results": 0o700,
    "runners/drift/results/N": 0o700,
    "runners/drift/results/N/N.json": 0o600,
  });
});

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** Inodes of the sockets of this machine that wait for connections: by TCP, or of a path. */
function listening(): ReadonlySet<string> {
  const tcp = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .flatMap((fields) => (fields[3] === "0A" ? (fields[9] ?? []) : [])),
  );
  const unix = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .flatMap((fields) => (fields[3] === "00010000" ? (fields[6] ?? []) : []));
  return new Set([...tcp, ...unix]);
}

test.skipIf(process.platform !== "linux")(
  "the daemon listens nowhere, the sandbox does",
  async () => {
    await using site = await Site.create();
    await site.job("drift");
    const daemon = await site.daemon();
    await site.run("run", "drift");
    await daemon.prints(/wrote results for/);
    const waits = (pid: number) => socketsOf(pid).filter((inode) => listening().has(inode));
    expect(waits(daemon.pid)).toEqual([]);
    const sandbox = site.start("sandbox", "--json");
    const { url } = JSON.parse(await sandbox.prints(/"url"/));
    expect(new URL(url).hostname).toBe("127.0.0.1");
    expect(waits(sandbox.pid).length).toBe(1);
  },
);
