import { describe, expect, test } from "bun:test";
import { readGcfg } from "../../src/config/gcfg.ts";
import { openResolver } from "../../src/config/resolve.ts";
import { type Environment, resolveRunner } from "../../src/config/runner.ts";
import { RUNNER_SCHEMA } from "../../src/config/schemas.ts";
import { describeError } from "../../src/errors.ts";

function resolve(text: string, environment: Environment = {}) {
  const options = { path: "r.cfg", schema: RUNNER_SCHEMA };
  const resolver = openResolver(readGcfg(new TextEncoder().encode(text), options));
  const config = resolveRunner(resolver, { environment, workingDirectory: "/home/mig" });
  const mistakes = resolver.mistakes.map(describeError);
  return { config, mistakes, warnings: resolver.warnings };
}

const QUIET =
  "[runner]\ndirectory = /d\ncheckdirectory = 5\n[logging]\nmode = stdout\nlevel = info\n";

describe("resolveRunner()", () => {
  test("fills an empty file with the table of defaults, and says so", () => {
    const { config, mistakes, warnings } = resolve("");
    expect(mistakes).toEqual([]);
    expect(config).toEqual({
      path: "r.cfg",
      directory: ".",
      runnersDirectory: "runners",
      pluginsDirectory: "plugins",
      journalPath: "journal.db",
      checkDirectoryMs: 60_000,
      timezone: null,
      logging: { mode: "stdout", level: "info", isAssumed: true },
      logFormat: "text",
      client: {
        passphrase: null,
        passphrasePlace: { path: "r.cfg" },
        passphraseFile: null,
        delayResultsMs: 0,
        pageSize: 1_000,
        timeoutMs: 60_000,
        collectsMax: 16,
        dispatchesMax: 32,
        deliveriesMax: 4,
        pluginTimeoutMs: 600_000,
        pluginGraceMs: 10_000,
      },
      calendarKeyring: null,
      metricsFile: null,
      blackouts: [],
      notify: { plugins: [], on: null, repeatMs: null },
      cluster: null,
      store: null,
      retention: { journalMs: null, runs: null, resultsMs: null },
      pluginConfig: new Map(),
      pluginPlaces: new Map(),
      clientConfPath: null,
    });
    expect(warnings).toEqual([
      "r.cfg: [runner] directory is not set: the working directory is used, now /home/mig",
      "r.cfg: [runner] checkdirectory is not set: 60 seconds are used",
      "r.cfg: [logging] level is not set: info is used",
    ]);
  });

  test("keeps things for at least a day where they are not kept for ever", () => {
    const kept = resolve(`${QUIET}[retention]\njournal = 2160h\nruns = 9\nresults = 24h\n`);
    expect(kept.mistakes).toEqual([]);
    const wanted = { journalMs: 7_776_000_000, runs: 9, resultsMs: 86_400_000 };
    expect(kept.config.retention).toEqual(wanted);
    const short = resolve(`${QUIET}[retention]\njournal = 23h\n`);
    expect(String(short.mistakes[0])).toContain(
      'Cannot set [retention] journal to "23h": it is out of range, 24h',
    );
  });

  test("is quiet about a complete file", () => {
    expect(resolve(QUIET)).toMatchObject({ mistakes: [], warnings: [] });
  });

  test("scans every minute for a checkdirectory that would scan without a pause", () => {
    for (const seconds of ["0", "-5"]) {
      const { config, warnings } = resolve(QUIET.replace("= 5", `= ${seconds}`));
      expect(config.checkDirectoryMs).toBe(60_000);
      expect(warnings.length).toBe(1);
    }
  });

  test("caps a checkdirectory at a year", () => {
    const { config } = resolve(QUIET.replace("= 5", "= 9223372036854775807"));
    expect(config.checkDirectoryMs).toBe(31_536_000_000);
  });

  test("takes ~ literally, as the original does, and warns", () => {
    const { config, warnings } = resolve(QUIET.replace("/d", "~/mig"));
    expect(config.pluginsDirectory).toBe("~/mig/plugins");
    expect(warnings[0]).toContain("taken literally");
  });

  test("reads a log level in any letter case with a warning, and info for no level", () => {
    const upper = resolve(QUIET.replace("= info", "= DEBUG"));
    expect(upper.config.logging.level).toBe("debug");
    expect(upper.warnings.length).toBe(1);
    expect(resolve(QUIET.replace("= info", "= loud")).config.logging.level).toBe("info");
  });

  test("keeps what each log mode needs", () => {
    const file = QUIET.replace("= stdout", "= file\nfile = /l\nmaxfilesize = 0x10");
    expect(resolve(file).config.logging).toEqual({
      mode: "file",
      level: "info",
      file: "/l",
      maxFileSizeBytes: 16,
    });
    const syslog = QUIET.replace("= stdout", "= syslog\nhost = h\nport = 514\nprotocol = udp");
    expect(resolve(syslog).config.logging).toEqual({
      mode: "syslog",
      level: "info",
      host: "h",
      port: 514,
      protocol: "udp",
      file: null,
      facility: "daemon",
    });
    const local = QUIET.replace("= stdout", "= syslog\nprotocol = local\nfacility = mail");
    expect(resolve(local)).toMatchObject({
      config: { logging: { host: null, port: null, protocol: "local", facility: "mail" } },
      mistakes: [],
    });
  });

  test("names every key that syslog is missing", () => {
    expect(resolve(QUIET.replace("= stdout", "= syslog")).mistakes).toEqual([
      "r.cfg:5:8: Syslog host is missing (Set [logging] host, " +
        'or protocol = "local" for the daemon of this machine)',
      "r.cfg:5:8: Syslog port is missing (Set [logging] port)",
      "r.cfg:5:8: Syslog protocol is missing (Set [logging] protocol)",
    ]);
    const odd = QUIET.replace("= stdout", "= syslog\nhost = h\nport = -1\nprotocol = tls");
    expect(resolve(odd).mistakes).toEqual([
      "r.cfg:7:8: Cannot set [logging] port to -1: it is out of range, a whole number from 1 " +
        "to 65535 is wanted",
      'r.cfg:8:12: Cannot log over "tls": unknown network tls, tcp, udp or local is wanted',
    ]);
  });

  test("goes on without a delay that is no duration, as the original does", () => {
    const { config, mistakes, warnings } = resolve(`${QUIET}[client]\ndelayresults = 5 potatoes\n`);
    expect(mistakes).toEqual([]);
    expect(config.client.delayResultsMs).toBe(0);
    expect(warnings).toEqual([
      'r.cfg:8:16: ignoring specified results delay: time: unknown unit " potatoes" in ' +
        'duration "5 potatoes"',
    ]);
    expect(resolve(`${QUIET}[client]\ndelayresults = -5s\n`).config.client.delayResultsMs).toBe(0);
    expect(resolve(`${QUIET}[client]\ndelayresults = 1m30s\n`).config.client.delayResultsMs).toBe(
      90_000,
    );
  });

  test("prefers the passphrase of the file to that of the environment", () => {
    const environment = { MIGPGPPASSPHRASE: "outside" };
    const inside = resolve(`${QUIET}[client]\npassphrase = inside\n`, environment);
    expect(inside.config.client.passphrase?.reveal()).toBe("inside");
    expect(resolve(QUIET, environment).config.client.passphrase?.reveal()).toBe("outside");
  });

  test("refuses numbers and times outside of their limits", () => {
    const { mistakes } = resolve(
      `${QUIET}[client]\npagesize = 0\ncollects = 1001\ntimeout = 48h\n`,
    );
    expect(mistakes.toSorted()).toEqual([
      'r.cfg:10:11: Cannot set [client] timeout to "48h": it is out of range, 1ms to 24h ' +
        "is wanted",
      "r.cfg:8:12: Cannot set [client] pagesize to 0: it is out of range, a whole number " +
        "from 1 to 1000000 is wanted",
      "r.cfg:9:12: Cannot set [client] collects to 1001: it is out of range, a whole number " +
        "from 1 to 1000 is wanted",
    ]);
  });

  test("takes a journal elsewhere", () => {
    expect(resolve(`${QUIET}[journal]\npath = /var/j.db\n`).config.journalPath).toBe("/var/j.db");
  });

  test("hands the free keys of plugins on", () => {
    const text = `${QUIET}[plugin "p"]\nurl = u\non\ntag = a\ntag = b\n[plugin "none"]\n`;
    const { config } = resolve(text);
    const line = QUIET.split("\n").length + 1;
    expect([...config.pluginPlaces]).toEqual([["p", `r.cfg:${line}`]]);
    expect(config.pluginConfig.get("p")).toEqual({ url: "u", on: true, tag: ["a", "b"] });
  });

  test("says what a relative directory is relative to", () => {
    const { warnings } = resolve(QUIET.replace("/d", "srv/../mig"));
    expect(warnings).toEqual([
      'r.cfg:2:13: [runner] directory "srv/../mig" is relative to where mig-runner is started, ' +
        "now /home/mig/mig",
    ]);
  });
});
