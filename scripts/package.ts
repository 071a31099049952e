// Package: what is installed on hosts, in dist/packages/: .deb, .rpm, tar.gz, npm tarballs, an OCI
// archive, and their SHA256SUMS. Needs no root; the same commit gives the same bytes.
//
//   bun scripts/package.ts [--out FOLDER] [--executable FILE]
//
// Every file is dated SOURCE_DATE_EPOCH, or the time of the commit. What cannot be made here for
// want of a tool is skipped, and named at the end.
import { globSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { completionOf } from "../src/cli/completion.ts";
import { Flags } from "../src/cli/flags.ts";
import { findVerb, VERBS } from "../src/cli/verbs.ts";
import { debName, type Release, writeDeb } from "./packages/deb.ts";
import { type Edition, manPage, pageName } from "./packages/man.ts";
import { npmPackages, writeNpm } from "./packages/npm.ts";
import { imageFiles, librariesIn, writeImage } from "./packages/oci.ts";
import { rpmName, writeRpm } from "./packages/rpm.ts";
import { type Made, systemFiles } from "./packages/system.ts";
import { hasTool, layOut, plain, run, sha256, writeTar } from "./packages/tree.ts";
import { root, runTool } from "./process.ts";

/** All manual pages by their names. */
export async function manPages(edition: Edition): Promise<ReadonlyMap<string, string>> {
  const summary = "scheduler of PGP-signed MIG (Mozilla InvestiGator) actions";
  const pages = [{ name: "", summary }, ...VERBS].map(async ({ name, summary }) => {
    const page = { name, summary, table: VERBS, verb: await findVerb(name) };
    return [pageName(name), manPage(page, edition)] as const;
  });
  return new Map(await Promise.all(pages));
}

/** The completion script of each shell, as the program prints it. */
export async function completions(): Promise<Made["completions"]> {
  const verb = completionOf(VERBS, await findVerb(""));
  const scripts = (["bash", "zsh", "fish"] as const).map(async (shell) => {
    let script = "";
    const terminal = { file: (text: string) => (script += text) };
    const call = { positionals: [shell], flags: new Flags(new Map()), terminal };
    await verb.run(call as unknown as Parameters<typeof verb.run>[0]);
    return [shell, script] as const;
  });
  return new Map(await Promise.all(scripts));
}

/** Builds the executable, unless one is given. Resolves with its path. */
async function executableOf(given: string | undefined): Promise<string> {
  if (given !== undefined) return resolve(given);
  const { exit, lines } = await runTool({ argv: [process.execPath, "build.ts"] });
  if (exit !== 0) throw new Error(`Cannot build the executable:\n${lines.join("\n")}`);
  return resolve(root, "dist/mig-runner");
}

function epochOf(environment: typeof process.env): number {
  const { SOURCE_DATE_EPOCH: given = "" } = environment;
  const text = given === "" ? run("git", ["-C", root, "log", "-1", "--format=%ct"]) : given;
  const epoch = Number(text);
  if (Number.isSafeInteger(epoch) && epoch > 0) return epoch;
  throw new Error(`Cannot date the files by "${text}": set SOURCE_DATE_EPOCH to Unix seconds`);
}

/** What each kind of package needs of this host, and how it is made. */
interface Maker {
  readonly out: string;
  readonly tool: string;
  make(out: string, folder: string): Promise<void>;
}

async function makersOf(made: Made, release: Release): Promise<readonly Maker[]> {
  const { cpu, epoch, version } = release;
  const files = systemFiles(made);
  const name = `mig-runner-${version}-linux-${cpu}`;
  return [
    {
      out: debName(release),
      tool: "dpkg-deb",
      make: (out, folder) => writeDeb(files, { out, folder, release }),
    },
    {
      out: rpmName(release),
      tool: "rpmbuild",
      make: (out, folder) => writeRpm(files, { out, folder, release }),
    },
    {
      out: `${name}.tar.gz`,
      tool: "tar",
      async make(out, folder) {
        const below = files.map((file) => ({ ...file, path: `${name}/${file.path}` }));
        await layOut([...below, plain(`${name}/INSTALL`, INSTALL)], { folder, epoch });
        writeTar(out, { folder, epoch });
      },
    },
    {
      out: `${name}.oci.tar`,
      tool: "ldd",
      async make(out, folder) {
        const libraries = librariesIn(run("sh", ["-c", LDD, made.executable]));
        await writeImage(imageFiles(made, libraries), { out, folder, release });
      },
    },
    {
      out: "",
      tool: "tar",
      make: (out, folder) => writeNpm(npmPackages(made, release), { out, folder, release }),
    },
  ];
}

/** It ends with 1 for an executable that needs no library. */
const LDD = 'ldd "$0" 2>/dev/null || true';

const INSTALL = `The files are laid out as on a host. Copy them below / as root:

  cp -R --no-preserve=ownership usr etc /
  systemd-sysusers mig-runner.conf && systemd-tmpfiles --create mig-runner.conf
  install -d -m 0750 -g mig /etc/mig

or usr/bin/mig-runner alone, which needs nothing else. usr/share/doc/mig-runner/docs/operations.md
says how to go on.
`;

/** Makes everything that can be made here. Resolves with what had to be skipped. */
export async function makePackages(order: {
  readonly made: Made;
  readonly release: Release;
  readonly out: string;
}): Promise<readonly string[]> {
  const { made, out, release } = order;
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const work = await mkdtemp(join(tmpdir(), "mig-runner-package-"));
  const skipped: string[] = [];
  try {
    for (const maker of await makersOf(made, release)) {
      if (!hasTool(maker.tool)) skipped.push(`${maker.out}: there is no ${maker.tool} here`);
      else await maker.make(join(out, maker.out), join(work, `of${maker.out}`));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const names = (await readdir(out)).sort();
  const sums = await Promise.all(
    names.map(async (name) => `${await sha256(join(out, name))}  ${name}\n`),
  );
  await writeFile(join(out, "SHA256SUMS"), sums.join(""));
  return skipped;
}

async function main(): Promise<void> {
  const options = { out: { type: "string" }, executable: { type: "string" } } as const;
  const { values } = parseArgs({ options });
  const epoch = epochOf(process.env);
  const executable = await executableOf(values.executable);
  const { version } = manifest;
  const date = new Date(epoch * 1_000).toISOString().slice(0, 10);
  const made = {
    executable,
    notices: resolve(root, "dist/THIRD_PARTY_NOTICES"),
    sdk: globSync("dist/sdk/*", { cwd: root }).map((path) => resolve(root, path)),
    man: await manPages({ version, date }),
    completions: await completions(),
  };
  const out = resolve(root, values.out ?? "dist/packages");
  const release = { version, cpu: process.arch, epoch };
  const skipped = await makePackages({ made, release, out });
  for (const name of (await readdir(out)).sort()) console.log(join(out, name));
  for (const line of skipped) console.log(`SKIPPED ${line}`);
}

if (import.meta.main) await main();
