import { describe, expect, test } from "bun:test";
import { changesBetween, Reload } from "../../src/cli/reload.ts";
import type { Config } from "../../src/config/config.ts";
import { RunnerError, RunnerErrors } from "../../src/errors.ts";
import { MemoryLog } from "../support/edge.ts";

const BEFORE = new Map([
  ["[runner] directory", "/srv/mig"],
  ["[client] pagesize", "10"],
  ["[client] passphrase", "old words"],
  ["[logging] level", "info"],
]);

/** A reload over files that the test writes. */
function setup(prepare: (config: Config) => Promise<() => void> = async () => () => {}) {
  const log = new MemoryLog();
  const files = { written: new Map(BEFORE), fault: null as unknown, reads: 0 };
  const committed: number[] = [];
  const load = async () => {
    files.reads++;
    if (files.fault !== null) throw files.fault;
    const config = { pageSize: Number(files.written.get("[client] pagesize")) };
    return {
      config: config as unknown as Config,
      written: new Map(files.written),
      warnings: ["odd"],
    };
  };
  const edges = {
    log,
    load,
    async prepare(config: Config) {
      const commit = await prepare(config);
      return () => {
        commit();
        committed.push((config as unknown as { pageSize: number }).pageSize);
      };
    },
  };
  return { log, files, committed, reload: new Reload(edges, BEFORE) };
}

describe("changesBetween()", () => {
  test("tells what holds from now on from what needs a restart", () => {
    const after = new Map([
      ["[runner] directory", "/srv/other"],
      ["[client] passphrase", "new words"],
      ["[client] pagesize", "10"],
      ['[plugin "slack"] url', "https://hooks.example.net/"],
      ["[gpg] keyid", "A"],
      ["[journal] path", "x.db"],
      ["[logging] level", "info"],
    ]);
    expect(changesBetween(BEFORE, after)).toEqual({
      live: ["[client] passphrase", "[gpg] keyid", '[plugin "slack"] url'],
      restart: ["[journal] path", "[runner] directory"],
    });
    expect(changesBetween(after, new Map(after))).toEqual({ live: [], restart: [] });
  });

  test("takes the level of the log live, and nothing else of it", () => {
    const after = new Map([
      ["[logging] level", "debug"],
      ["[logging] file", "/x"],
    ]);
    expect(changesBetween(new Map(), after)).toEqual({
      live: ["[logging] level"],
      restart: ["[logging] file"],
    });
  });
});

describe("Reload", () => {
  test("puts in force what can change, and names it without its value", async () => {
    const { committed, files, log, reload } = setup();
    files.written.set("[client] pagesize", "99").set("[client] passphrase", "new words");
    await reload.request();
    expect(committed).toEqual([99]);
    expect(log.lines).toEqual([
      "warning: odd",
      "info: configuration and key read again: [client] pagesize, [client] passphrase changed",
    ]);
    await reload.request();
    expect(log.lines.at(-1)).toBe("info: configuration and key read again: nothing changed");
  });

  test("tells what needs a restart each time, until there was one", async () => {
    const { files, log, reload } = setup();
    files.written.set("[runner] directory", "/srv/other");
    await reload.request();
    await reload.request();
    const told = "warning: [runner] directory changed: in force after a restart";
    expect(log.lines.filter((line) => line === told)).toHaveLength(2);
    files.written.set("[runner] directory", "/srv/mig");
    await reload.request();
    expect(log.lines.filter((line) => line === told)).toHaveLength(2);
  });

  test("keeps the old after mistakes, tells each with its place, and takes the mended", async () => {
    const { committed, files, log, reload } = setup();
    const place = { path: "/etc/mig/runner.cfg", line: 3 };
    files.fault = new RunnerErrors([
      new RunnerError("CONFIG", "no such key", { ...place, hint: "mend it" }),
      new RunnerError("CONFIG", "no such section", place),
    ]);
    await reload.request();
    const head =
      "err: configuration not taken, the old one stays in force: /etc/mig/runner.cfg:3: ";
    expect(log.lines).toEqual([`${head}no such key (mend it)`, `${head}no such section`]);
    expect(committed).toEqual([]);
    files.fault = null;
    files.written.set("[client] pagesize", "20");
    await reload.request();
    expect(committed).toEqual([20]);
  });

  test("keeps the old when the key of the new cannot be opened", async () => {
    const { committed, files, log, reload } = setup(async () => {
      throw new RunnerError("KEYRING", "Cannot open the key: it is locked");
    });
    files.written.set("[client] passphrase", "wrong");
    await reload.request();
    expect(committed).toEqual([]);
    expect(log.lines).toEqual([
      "err: configuration not taken, the old one stays in force: Cannot open the key: it is locked",
    ]);
  });

  test("reads once more when it is asked to while it reads, not once for each", async () => {
    const gate = Promise.withResolvers<void>();
    const { files, reload } = setup(async () => {
      await gate.promise;
      return () => {};
    });
    const first = reload.request();
    const others = [reload.request(), reload.request(), reload.request()];
    gate.resolve();
    await Promise.all([first, ...others]);
    expect(files.reads).toBe(2);
  });
});
