// Timezone: which zone a host is in, by TZ and by the files that it has.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { findHostZone, type ZonePlaces } from "../../src/edge/timezone.ts";
import { spanAt } from "../../src/lib/go/location.ts";
import { DENO, Scratch, source } from "../support/edge.ts";
import { zoneFile } from "../support/zones.ts";

const JULY = Date.UTC(2026, 6, 1) / 1_000;

/** A host with some files, and what it takes a TZ for: name, letters in July, and any problem. */
class Host {
  readonly scratch = new Scratch();
  readonly places: ZonePlaces = {
    localtime: this.scratch.in("etc/localtime"),
    folders: [this.scratch.in("usr/zoneinfo"), this.scratch.in("other/zoneinfo")],
  };

  put(name: string, bytes: Uint8Array): string {
    return this.scratch.file(name, bytes);
  }

  find(tz: string | undefined): string {
    const { name, location, problem } = findHostZone(tz, this.places);
    const letters = location === null ? "by name" : spanAt(location, JULY).abbreviation;
    const shown = `${name.replace(this.scratch.in(""), "")}: ${letters}`;
    return problem === null ? shown : `${shown}: ${problem.replaceAll(this.scratch.in(""), "")}`;
  }

  [Symbol.dispose](): void {
    this.scratch[Symbol.dispose]();
  }
}

describe("findHostZone()", () => {
  test("reads a copied /etc/localtime, which tells no name", () => {
    using host = new Host();
    host.put("etc/localtime", zoneFile("Asia/Shanghai"));
    const { location, source: from } = findHostZone(undefined, host.places);
    expect(location).not.toBeNull();
    expect(location && spanAt(location, JULY).offsetSeconds).toBe(8 * 3_600);
    expect(from).toBe(host.places.localtime);
    host.put("etc/localtime", zoneFile("America/Sao_Paulo"));
    expect(host.find(undefined)).toEndWith("etc/localtime: -03");
  });

  test("tells the name of a zone by where its file is", () => {
    using host = new Host();
    const path = host.put("usr/zoneinfo/posix/Europe/Berlin", zoneFile("Europe/Berlin"));
    mkdirSync(host.scratch.in("etc"));
    symlinkSync(path, host.places.localtime);
    expect(host.find(undefined)).toBe("Europe/Berlin: CEST");
    expect(host.find(`:${path}`)).toBe("Europe/Berlin: CEST");
  });

  test("reads the file that TZ names by its path, with or without a colon", () => {
    using host = new Host();
    const path = host.put("X", zoneFile("Europe/Berlin"));
    expect(host.find(path)).toEndWith("X: CEST");
    expect(host.find(`:${path}`)).toEndWith("X: CEST");
    host.put("etc/localtime", zoneFile("Asia/Shanghai"));
    expect(host.find(`:${host.places.localtime}`)).toEndWith("etc/localtime: CST");
  });

  test("reads the file of a name, in the first folder that has it", () => {
    using host = new Host();
    host.put("other/zoneinfo/Europe/Berlin", zoneFile("Asia/Kathmandu"));
    expect(host.find("Europe/Berlin")).toBe("Europe/Berlin: +0545");
    host.put("usr/zoneinfo/Europe/Berlin", zoneFile("America/New_York"));
    expect(host.find(":Europe/Berlin")).toBe("Europe/Berlin: EDT");
    host.put("usr/zoneinfo/Our/Own", zoneFile("Pacific/Apia"));
    expect(host.find("Our/Own")).toBe("Our/Own: +13");
  });

  test("knows names by itself where the host has no tz database", () => {
    using host = new Host();
    expect(host.find("America/Sao_Paulo")).toBe("America/Sao_Paulo: by name");
    expect(host.find(":EST5EDT")).toBe("EST5EDT: by name");
  });

  test("is UTC where that is meant", () => {
    using host = new Host();
    host.put("etc/localtime", zoneFile("Asia/Shanghai"));
    for (const tz of ["", ":", "UTC", ":UTC"]) expect(host.find(tz)).toBe("UTC: by name");
    using bare = new Host();
    expect(bare.find(undefined)).toBe("UTC: by name");
  });

  test("is UTC for what cannot be read, and says why", () => {
    using host = new Host();
    const cut = host.put("cut", zoneFile("Europe/Berlin"));
    truncateSync(cut, 100);
    const text = host.put("text", new TextEncoder().encode("Europe/Berlin\n"));
    expect(spawnSync("mkfifo", [host.scratch.in("fifo")]).status).toBe(0);
    const none = "is not a file of the tz database, or it is damaged";
    for (const [tz, problem] of [
      [cut, `cut ${none}`],
      [`:${text}`, `text ${none}`],
      [host.scratch.in("fifo"), `fifo ${none}`],
      [host.scratch.in("."), none],
      ["/dev/zero", none],
      [host.scratch.in("gone"), "gone: no such file or directory"],
      ["No/Where", "No/Where: no such file or directory"],
      ["+02:00", "+02:00: no such file or directory"],
      ["CET-1CEST,M3.5.0,M10.5.0/3", "a rule of POSIX is not read, nor was it by the original"],
    ] as const) {
      const found = host.find(tz);
      expect(found).toStartWith("UTC: by name: ");
      expect(found).toContain(problem);
      expect(found).toContain("; set TZ to ");
    }
    host.put("etc/localtime", zoneFile("Europe/Berlin").subarray(0, 99));
    expect(host.find(undefined)).toContain(none);
  });
});

const SCRIPT = `
import { describeHostZone, useHostZone } from "${source("edge/timezone.ts")}";
import { instantOfWall, zoneNamed } from "${source("lib/cron/zone.ts")}";
const zone = useHostZone();
const noon = instantOfWall(zoneNamed(null), Date.UTC(2026, 6, 1, 12) / 1_000);
console.log(new Date(noon).toISOString(), describeHostZone(zone, noon));
`;

describe.each([
  ["bun", [process.execPath, "run"]],
  ["deno", DENO],
] as const)("useHostZone() in %s", (_, [program = "", ...words]) => {
  test("makes the file of TZ the zone of schedules", () => {
    using scratch = new Scratch();
    writeFileSync(scratch.in("X"), zoneFile("America/Sao_Paulo"));
    writeFileSync(scratch.in("script.ts"), SCRIPT);
    const env = { ...process.env, TZ: `:${scratch.in("X")}` };
    const { stdout } = spawnSync(program, [...words, scratch.in("script.ts")], { env });
    const where = `TZ=":${scratch.in("X")}"`;
    expect(`${stdout}`).toBe(
      `2026-07-01T15:00:00.000Z time zone ${scratch.in("X")} (-03, UTC-03:00 now), by ${where}\n`,
    );
  });
});
