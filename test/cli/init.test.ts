import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { check } from "../../src/cli/check.ts";
import { init } from "../../src/cli/init.ts";
import { show } from "../../src/cli/show.ts";
import { SHIPPED_PLUGINS } from "../../src/edge/plugins/modules.ts";
import { callVerb } from "../support/verb.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-init-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("init", () => {
  test("makes a directory that passes check but for its key", () =>
    inFolder(async (folder) => {
      const directory = join(folder, "mig");
      const { exit, out } = await callVerb(init, [directory]);
      expect(exit).toBe(0);
      expect(out).toContain(`mig-runner -c ${directory}/runner.cfg sandbox`);
      const checked = await callVerb(check, ["-c", join(directory, "runner.cfg")]);
      expect(checked.out).toContain("secring.gpg not found");
      expect(checked.out).toEndWith("\n1 job, 1 mistake\n");
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      expect(statSync(join(directory, ".migrc")).mode & 0o777).toBe(0o600);
      expect(statSync(join(directory, "plugins/print")).mode & 0o777).toBe(0o700);
      // It tells to write the key there.
      expect(out).toContain(`> ${directory}/keys/secring.gpg`);
      expect(statSync(join(directory, "keys")).mode & 0o777).toBe(0o700);
    }));

  test("makes a key that signs, when it is asked to", () =>
    inFolder(async (folder) => {
      const directory = join(folder, "mig");
      expect((await callVerb(init, [directory, "--new-key"])).exit).toBe(0);
      const config = ["-c", join(directory, "runner.cfg")];
      const { exit, out } = await callVerb(check, config);
      expect([exit, out]).toEqual([0, "1 job, no mistakes\n"]);
      expect((await callVerb(show, [...config, "hello"])).exit).toBe(0);
      expect(statSync(join(directory, "keys/secring.gpg")).mode & 0o777).toBe(0o600);
    }));

  test("writes the address and the key that it is given", () =>
    inFolder(async (folder) => {
      const directory = join(folder, 'a "b" \\c');
      const url = "https://mig.example.net/api/v1/";
      await callVerb(init, [directory, "--url", url, "--keyid", "ABCDEF"]);
      const text = readFileSync(join(directory, ".migrc"), "utf8");
      expect(text).toContain(`url = "${url}"`);
      expect(text).toContain('keyid = "ABCDEF"');
      // The key is in the user's own key ring.
      expect(text).not.toContain("home");
      const { out } = await callVerb(check, ["-c", join(directory, "runner.cfg")]);
      expect(out).toContain("1 job, 1 mistake");
    }));

  test("replaces nothing, and gives a directory with jobs no sample", () =>
    inFolder(async (folder) => {
      await callVerb(init, [folder, "--new-key"]);
      rmSync(join(folder, "plugins/print"));
      rmSync(join(folder, "runner.cfg"));
      const before = readFileSync(join(folder, ".migrc"), "utf8");
      const ring = readFileSync(join(folder, "keys/secring.gpg"));
      const { exit, out } = await callVerb(init, [folder, "--new-key"]);
      expect(exit).toBe(0);
      expect(out).toContain(`${folder}/.migrc            was there, left as it is`);
      expect(out).toContain(`${folder}/runner.cfg        made`);
      expect(out).not.toContain("plugins/print");
      expect(readFileSync(join(folder, ".migrc"), "utf8")).toBe(before);
      expect(readFileSync(join(folder, "keys/secring.gpg"))).toEqual(ring);
    }));

  test("is to be called again when the types beside jobs know other plugins than there are", () =>
    inFolder(async (folder) => {
      await callVerb(init, [folder, "--new-key"]);
      const warnings = async (): Promise<readonly string[]> => {
        const { out } = await callVerb(check, ["-c", join(folder, "runner.cfg")]);
        return out.split("\n").filter((line) => line.includes("editors"));
      };
      const types = join(folder, "sdk/index.d.ts");
      const path = `${types}: the types that editors read name other plugins than there are`;
      mkdirSync(join(folder, "sdk"), { recursive: true });
      // Of a version that knew no plugins, and with those that init found.
      writeFileSync(types, "export {};\n");
      expect(await warnings()).toEqual([]);
      const shipped = SHIPPED_PLUGINS.filter((name) => name < "print");
      const later = SHIPPED_PLUGINS.filter((name) => name > "print");
      const names = [...shipped, "print", ...later].map((name) => JSON.stringify(name)).join(" | ");
      writeFileSync(types, `type PluginName = ${names};\n`);
      expect(await warnings()).toEqual([]);
      writeFileSync(join(folder, "plugins/keep"), "#!/bin/sh\n", { mode: 0o700 });
      expect(await warnings()).toEqual([
        `warning: ${path} (mig-runner init ${folder} writes them again)`,
      ]);
      // Without any of its own, any name is one.
      rmSync(join(folder, "plugins/keep"));
      rmSync(join(folder, "plugins/print"));
      writeFileSync(types, "type PluginName = string;\n");
      expect(await warnings()).toEqual([]);
    }));

  test("maps the names of its modules to files, for tsc and for Deno", () =>
    inFolder(async (folder) => {
      await callVerb(init, [folder]);
      const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
      const { paths } = read("tsconfig.json").compilerOptions;
      const { imports } = read("deno.json");
      const names = Object.keys(manifest.exports)
        .map((name) => `mig-runner${name.slice(1)}`)
        .concat("valibot");
      expect(Object.keys(paths)).toEqual(names);
      expect(Object.keys(imports)).toEqual(names);
    }));

  test("says what it cannot do", async () => {
    expect((await callVerb(init, [])).thrown).toBe("init takes one DIR");
    const both = await callVerb(init, ["x", "--new-key", "--keyid", "A"]);
    expect(both.thrown).toBe("init takes --keyid or --new-key, not both");
    for (const url of ["mig.example.net", "ftp://a/", "https://"]) {
      const { thrown } = await callVerb(init, ["/proc/nothing", "--url", url]);
      expect(thrown).toStartWith("invalid value for flag -url: an http or https URL is wanted");
    }
    const { thrown } = await callVerb(init, ["/proc/nothing"]);
    expect(thrown).toContain('Cannot make "/proc/nothing": ');
  });
});
