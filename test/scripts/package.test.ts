import { describe, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { completions, makePackages, manPages } from "../../scripts/package.ts";
import { hasTool, run } from "../../scripts/packages/tree.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { Scratch } from "../support/edge.ts";

const root = resolve(import.meta.dirname, "../..");

const EDITION = { version: "9.8.7", date: "2026-01-02" };

/** Packages of a small program in place of the executable. */
async function make(scratch: Scratch, name: string) {
  const executable = scratch.file("mig-runner", "#!/bin/sh\necho 9.8.7\n", 0o700);
  const notices = scratch.file("notices", "of others\n", 0o600);
  const out = scratch.in(name);
  const skipped = await makePackages({
    made: {
      executable,
      notices,
      sdk: [scratch.file("index.js", "export {};\n")],
      man: await manPages(EDITION),
      completions: await completions(),
    },
    release: { version: "9.8.7", cpu: "x64", epoch: 1_700_000_000 },
    out,
  });
  return { out, skipped, sums: await readFile(`${out}/SHA256SUMS`, "utf8") };
}

describe("package", () => {
  test("gives the same bytes twice, files that everybody may read, and their sums", async () => {
    using scratch = new Scratch();
    const first = await make(scratch, "first");
    const second = await make(scratch, "second");
    expect(second.sums).toBe(first.sums);
    expect(first.sums).toContain("  mig-runner-9.8.7-linux-x64.tar.gz\n");
    for (const line of first.sums.trimEnd().split("\n")) {
      const [sum = "", name = ""] = line.split("  ");
      const [told = ""] = run("sha256sum", [`${first.out}/${name}`]).split(" ");
      expect([name, told]).toEqual([name, sum]);
    }
    const tar = `${first.out}/mig-runner-9.8.7-linux-x64.tar.gz`;
    const lines = run("tar", ["-tvzf", tar]).trimEnd().split("\n");
    for (const line of lines)
      expect(line).toMatch(/^[d-]rw(?:xr-xr-x|-r--r--) 0\/0 .* 2023-11-14 /);
    expect(lines.some((line) => /rwxr-xr-x .*\/usr\/bin\/mig-runner$/.test(line))).toBe(true);
    // What has no tool here is named, and nothing else is missing.
    const tools = { deb: "dpkg-deb", rpm: "rpmbuild" };
    for (const [end, tool] of Object.entries(tools)) {
      const isSkipped = first.skipped.some((each) => each.includes(`.${end}: there is no ${tool}`));
      expect([end, isSkipped, first.sums.includes(`.${end}\n`)]).toEqual([
        end,
        !hasTool(tool),
        hasTool(tool),
      ]);
    }
  }, 300_000);

  test("makes a package that dpkg reads", async () => {
    if (!hasTool("dpkg-deb")) return;
    using scratch = new Scratch();
    const { out } = await make(scratch, "out");
    const deb = `${out}/mig-runner_9.8.7_amd64.deb`;
    expect(run("dpkg-deb", ["-f", deb, "Package", "Version", "Architecture"])).toBe(
      "Package: mig-runner\nVersion: 9.8.7\nArchitecture: amd64\n",
    );
    run("dpkg-deb", ["-R", deb, scratch.in("tree")]);
    run("sh", ["-ec", "cd $0 && md5sum --quiet -c DEBIAN/md5sums", scratch.in("tree")]);
    for (const name of ["postinst", "prerm", "postrm"]) {
      const path = scratch.in("tree/DEBIAN", name);
      run("sh", ["-n", path]);
      expect((await stat(path)).mode & 0o777).toBe(0o755);
    }
    // Each does nothing when something else happens.
    run(scratch.in("tree/DEBIAN/prerm"), ["upgrade", "9.9.0"]);
    run(scratch.in("tree/DEBIAN/postrm"), ["upgrade"], { DPKG_ROOT: scratch.path });
  }, 300_000);

  test("makes a package that rpm reads, where zsh of its kind finds the completion", async () => {
    if (!hasTool("rpmbuild")) return;
    using scratch = new Scratch();
    const { out } = await make(scratch, "out");
    const rpm = `${out}/mig-runner-9.8.7-1.x86_64.rpm`;
    const ask = (...argv: readonly string[]) => run("rpm", ["-qp", ...argv, rpm]);
    expect(ask("--queryformat", "%{NAME} %{VERSION} %{ARCH} %{BUILDTIME}")).toBe(
      "mig-runner 9.8.7 x86_64 1700000000",
    );
    const files = ask("-l").trimEnd().split("\n");
    expect(files).toContain("/usr/bin/mig-runner");
    expect(files.filter((path) => path.includes("zsh"))).toEqual([
      "/usr/share/zsh/site-functions/_mig-runner",
    ]);
    expect(ask("-c")).toBe("/etc/logrotate.d/mig-runner\n");
    // There is no purge: what the program has written is not the package's to take away.
    expect(ask("--scripts")).not.toContain("rm -r");
  }, 300_000);
});

describe("manual pages", () => {
  test("are there for the program and each command, with each flag and line of help", async () => {
    const pages = await manPages(EDITION);
    expect(pages.size).toBe(VERBS.length + 1);
    for (const { name, load, summary } of VERBS) {
      const page = pages.get(`mig-runner-${name}`)?.replaceAll(/\\&|\\f[BIR]|\\(?=-)/g, "") ?? "";
      expect(page).toContain(`mig-runner-${name} - ${summary}`);
      const { flags, help, usage } = await load();
      expect(page).toContain(`mig-runner ${name} ${usage}`.trimEnd().replaceAll("\\", "\\e"));
      for (const flag of flags) expect(page).toContain(flag.help.replaceAll("\\", "\\e"));
      for (const line of help.split("\n").filter((each) => !/^Examples?:$/.test(each))) {
        expect(page).toContain(line.replaceAll("\\", "\\e"));
      }
    }
  });

  test("are what man understands, where it is", async () => {
    if (!hasTool("groff")) return;
    using scratch = new Scratch();
    for (const [name, text] of await manPages(EDITION)) {
      const path = scratch.file(`${name}.1`, text);
      expect(run("sh", ["-c", 'groff -man -Tascii -ww -z "$0" 2>&1', path])).toBe("");
    }
  }, 120_000);
});

describe("systemd units", () => {
  test("name what the package installs, and files of the package only", async () => {
    for (const name of ["mig-runner", "mig-runner-once", "mig-runner-dashboard"]) {
      const path = resolve(root, "packaging/systemd", `${name}.service`);
      const text = await readFile(path, "utf8");
      expect(text).toContain("ExecStart=/usr/bin/mig-runner -c /etc/mig/runner.cfg");
      for (const line of ["NoNewPrivileges=true", "ProtectSystem=strict", "User=mig"]) {
        expect(text).toContain(line);
      }
    }
  });

  test("are exposed little, by systemd's own measure, where it is; the page's least", () => {
    if (!hasTool("systemd-analyze")) return;
    const exposureOf = (name: string): number => {
      const path = resolve(root, "packaging/systemd", name);
      const answer = run("systemd-analyze", ["security", "--offline=yes", "--no-pager", path]);
      return Number(/exposure level for .*: ([\d.]+)/.exec(answer)?.[1]);
    };
    expect(exposureOf("mig-runner.service")).toBeLessThanOrEqual(1.5);
    expect(exposureOf("mig-runner-dashboard.service")).toBeLessThanOrEqual(0.6);
  }, 60_000);
});
