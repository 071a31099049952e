import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceDefinition } from "../../../src/edge/spool/replace.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mig-runner-replace-"));
  writeFileSync(join(folder, "entity.cfg"), "old", { mode: 0o640 });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const NEW = { from: "entity.cfg", to: "entity.toml", text: "new", others: new Map() };

function read(name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

describe("replaceDefinition()", () => {
  test("keeps the old file beside the new one, which has its mode", async () => {
    expect(await replaceDefinition({ ...NEW, folder })).toBe(join(folder, "entity.cfg.bak"));
    expect(readdirSync(folder).toSorted()).toEqual(["entity.cfg.bak", "entity.toml"]);
    expect([read("entity.toml"), read("entity.cfg.bak")]).toEqual(["new", "old"]);
    expect(statSync(join(folder, "entity.toml")).mode & 0o777).toBe(0o640);
  });

  test("never loses an older copy", async () => {
    writeFileSync(join(folder, "entity.cfg.bak"), "older");
    expect(await replaceDefinition({ ...NEW, folder })).toBe(join(folder, "entity.cfg.bak.2"));
    expect(read("entity.cfg.bak")).toBe("older");
  });

  test("rewrites a file under its own name", async () => {
    await replaceDefinition({ ...NEW, folder, to: "entity.cfg" });
    expect([read("entity.cfg"), read("entity.cfg.bak")]).toEqual(["new", "old"]);
  });

  test("writes what the new file needs, but over nothing", async () => {
    const others = new Map([["action.json", "{}"]]);
    await replaceDefinition({ ...NEW, folder, others });
    expect(read("action.json")).toBe("{}");
    writeFileSync(join(folder, "entity.cfg"), "old");
    const again = replaceDefinition({ ...NEW, folder, to: "job.ts", others });
    expect(again).rejects.toThrow('action.json": it is there already');
    expect(readdirSync(folder)).not.toContain("job.ts");
    expect(read("entity.cfg")).toBe("old");
  });
});
