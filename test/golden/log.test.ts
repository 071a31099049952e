// Log: the lines of the original, made again from their times and messages.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "../../src/lib/log/file.ts";
import { networkLine, plainLine } from "../../src/lib/log/line.ts";
import { Scratch } from "../support/edge.ts";

const folder = join(import.meta.dirname, "log");

function recorded(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

function lines(name: string): readonly string[] {
  return recorded(name)
    .split("\n")
    .filter((line) => line !== "");
}

function plainAgain(line: string): string {
  const [, day = "", time = "", message = ""] = /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
  return plainLine(message, Date.parse(`${day.replaceAll("/", "-")}T${time}Z`), 0);
}

function networkAgain(line: string): string {
  const parts = /^<30>(\S+) (\S+) mig-runner\[(\d+)\]: (.*)$/.exec(line) ?? [];
  const [, time = "", hostname = "", pid = "", message = ""] = parts;
  return networkLine(message, {
    at: Date.parse(time),
    level: "info",
    hostname,
    pid: Number(pid),
    facility: 3,
    offsetMs: () => 0,
  });
}

const CASES = [
  ...["plain.log", "rotated.log", "rotated.log.1", "nomode.txt"].map(
    (name) => [name, plainAgain] as const,
  ),
  ...["syslog-udp.txt", "syslog-tcp.txt"].map((name) => [name, networkAgain] as const),
];

describe("golden log lines", () => {
  test("are made again, byte by byte", () => {
    const all = CASES.flatMap(([name, again]) => lines(name).map((line) => ({ line, again })));
    const right = all.filter(({ line, again }) => again(line) === `${line}\n`);
    console.log(`golden log: ${right.length} of ${all.length}`);
    expect(right.map(({ line }) => line)).toEqual(all.map(({ line }) => line));
    expect(all.length).toBe(22);
  });

  test("stand in the same files after the same limit", () => {
    using scratch = new Scratch();
    const file = openFile(scratch.in("runner.log"), { bytesMax: 200, onStuck: () => {} });
    const [fifth = "", sixth = ""] = lines("rotated.log.1");
    const missing = [1, 2, 3, 4].map((number) => fifth.replace("/j5/", `/j${number}/`));
    const started = "2026/11/23 15:43:04 - - - [info] logging routine started";
    for (const line of [started, ...missing, fifth, sixth, ...lines("rotated.log")]) {
      file.send(`${line}\n`);
    }
    file.close();
    for (const suffix of ["", ".1"]) {
      const written = readFileSync(scratch.in(`runner.log${suffix}`), "utf8");
      expect(written).toBe(recorded(`rotated.log${suffix}`));
    }
  });
});
