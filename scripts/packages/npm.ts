// Npm: the executable for one kind of machine, the package that chooses it, and the types for
// authors of jobs, as tarballs that `npm install FILE` takes.
import { rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { root } from "../process.ts";
import type { Release } from "./deb.ts";
import type { Made } from "./system.ts";
import { layOut, plain, program, type TreeFile, writeTar } from "./tree.ts";

/** Starts the executable of this machine in place of itself, as far as Node can. */
const LAUNCHER = `#!/usr/bin/env node
// Starts the executable that npm has brought for this machine.
const { spawn } = require("node:child_process");

const name = "@mig-runner/" + process.platform + "-" + process.arch;
let path;
try {
  path = require.resolve(name + "/bin/mig-runner");
} catch {
  console.error("mig-runner: there is no package " + name + ": is optional=false set for npm?");
  process.exit(9);
}
const child = spawn(path, process.argv.slice(2), { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error("mig-runner: " + error.message);
  process.exit(9);
});
child.on("exit", (status, signal) => {
  if (signal === null) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
`;

interface Package {
  readonly name: string;
  readonly files: readonly TreeFile[];
}

/** The packages by the names of their files. */
export function npmPackages(
  { executable, notices, sdk }: Pick<Made, "executable" | "notices" | "sdk">,
  { version, cpu }: Release,
): readonly Package[] {
  const common = { version, license: "MPL-2.0" };
  const license = plain("LICENSE", { file: resolve(root, "LICENSE") });
  const machine = `@mig-runner/linux-${cpu}`;
  const describe = (manifest: object) =>
    plain("package.json", `${JSON.stringify({ ...manifest, ...common }, null, 2)}\n`);
  const modules = {
    ".": { types: "./index.d.ts", default: "./index.js" },
    "./test": { types: "./simulate.d.ts", default: "./simulate.js" },
  };
  return [
    {
      name: "mig-runner",
      files: [
        describe({
          name: "mig-runner",
          description: "Scheduler of PGP-signed MIG (Mozilla InvestiGator) actions",
          bin: { "mig-runner": "bin/mig-runner.js" },
          optionalDependencies: { [machine]: version },
        }),
        program("bin/mig-runner.js", LAUNCHER),
        plain("README.md", { file: resolve(root, "README.md") }),
        license,
      ],
    },
    {
      name: `mig-runner-linux-${cpu}`,
      files: [
        describe({
          name: machine,
          description: `mig-runner for linux-${cpu}`,
          os: ["linux"],
          cpu: [cpu],
          libc: ["glibc"],
        }),
        program("bin/mig-runner", { file: executable }),
        plain("THIRD_PARTY_NOTICES", { file: notices }),
        license,
      ],
    },
    {
      name: "mig-runner-sdk",
      files: [
        describe({
          name: "@mig-runner/sdk",
          description: "What jobs and plugins import, with types",
          type: "module",
          exports: modules,
          types: "./index.d.ts",
        }),
        ...sdk.map((path) => plain(basename(path), { file: path })),
        license,
      ],
    },
  ];
}

/** Packs each as `npm pack` does, in a folder that is gone afterwards. */
export async function writeNpm(
  packages: readonly Package[],
  {
    out,
    folder,
    release,
  }: { readonly out: string; readonly folder: string; readonly release: Release },
): Promise<void> {
  const { epoch, version } = release;
  for (const { name, files } of packages) {
    const at = join(folder, name);
    await layOut(files, { folder: join(at, "package"), epoch });
    writeTar(join(out, `${name}-${version}.tgz`), { folder: at, epoch, top: "package" });
  }
  await rm(folder, { recursive: true });
}
