// Build: the sources and the Bun runtime in one executable file.
//
//   bun build.ts [--target NAME] [--out FILE]
//
// Without --target it builds for this machine, as dist/mig-runner. Another machine's runtime is a
// package of its own, which npm brings the first time. The build is reproducible: the same sources,
// versions and file name give the same bytes.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import manifest from "./package.json" with { type: "json" };
import { sdkFiles, writeSdk } from "./scripts/sdk.ts";
import { readNotices } from "./src/edge/notices.ts";

/** Where every process of the program begins. */
const ENTRY = "src/main.ts";

/** What a `--target` is: Bun's name for it, the npm package of its runtime, npm's flags for it. */
const TARGETS = {
  "linux-x64": {
    bun: "bun-linux-x64",
    runtime: "bun-linux-x64",
    npm: ["--os=linux", "--cpu=x64"],
  },
  "linux-arm64": {
    bun: "bun-linux-arm64",
    runtime: "bun-linux-aarch64",
    npm: ["--os=linux", "--cpu=arm64"],
  },
  "linux-x64-musl": {
    bun: "bun-linux-x64-musl",
    runtime: "bun-linux-x64-musl",
    npm: ["--os=linux", "--cpu=x64", "--libc=musl"],
  },
  "darwin-arm64": {
    bun: "bun-darwin-arm64",
    runtime: "bun-darwin-aarch64",
    npm: ["--os=darwin", "--cpu=arm64"],
  },
} as const;

type Target = keyof typeof TARGETS;

const root = import.meta.dirname;

/** Where npm brings the runtime of another machine. Apart: it would drop all others for it. */
function folderOf(target: Target): string {
  return resolve(root, ".cache/targets", target);
}

/** The runtime to build into, or null when it has not been installed. */
function runtimeOf(target: Target): string | null {
  for (const folder of [root, folderOf(target)]) {
    const path = resolve(folder, "node_modules/@oven", TARGETS[target].runtime, "bin/bun");
    if (existsSync(path)) return path;
  }
  return null;
}

/** Has npm bring the runtime of another machine. It is not run here, so no script of it is either. */
function bringRuntime(target: Target): string {
  const { runtime, npm } = TARGETS[target];
  const wanted = `@oven/${runtime}@${Bun.version}`;
  const flags = ["--no-save", "--force", "--ignore-scripts", "--silent", ...npm];
  console.log(`bringing ${wanted} to build for ${target}`);
  const argv = ["install", "--prefix", folderOf(target), ...flags, wanted];
  const { status } = spawnSync("npm", argv, { stdio: "inherit" });
  const path = runtimeOf(target);
  if (status === 0 && path !== null) return path;
  return fail(
    `Cannot build for "${target}": npm did not bring its runtime; try\n  npm ${argv.join(" ")}`,
  );
}

function fail(message: string): never {
  console.error(`build: ${message}`);
  process.exit(1);
}

function isTarget(name: string): name is Target {
  return Object.hasOwn(TARGETS, name);
}

interface Order {
  /** Null: this machine. */
  readonly target: Target | null;
  readonly out: string;
}

function parseFlags(argv: readonly string[]): { target?: string; out?: string } {
  try {
    const options = { target: { type: "string" }, out: { type: "string" } } as const;
    return parseArgs({ args: [...argv], options }).values;
  } catch {
    return fail(`Use: bun build.ts [--target ${Object.keys(TARGETS).join("|")}] [--out FILE]`);
  }
}

function parseOrder(argv: readonly string[]): Order {
  const { target = null, out } = parseFlags(argv);
  if (target !== null && !isTarget(target)) {
    fail(`Cannot build for "${target}": known targets are ${Object.keys(TARGETS).join(", ")}`);
  }
  const name = target === null ? "mig-runner" : `mig-runner-${target}`;
  return { target, out: resolve(root, out ?? `dist/${name}`) };
}

/** What `Bun.build` needs to know about the machine that will run the file. */
function machine(target: Target | null): Partial<Bun.CompileBuildOptions> {
  if (target === null) return {};
  const { bun } = TARGETS[target];
  const executablePath = runtimeOf(target);
  if (executablePath === null && target === `${process.platform}-${process.arch}`) {
    return { target: bun };
  }
  return { target: bun, executablePath: executablePath ?? bringRuntime(target) };
}

/** The files of packages that are bundled, by the names of the packages. */
async function bundledPackages(): Promise<ReadonlyMap<string, readonly string[]>> {
  const entrypoints = [resolve(root, ENTRY)];
  const how = {
    target: "bun",
    format: "esm",
    splitting: true,
    metafile: true,
    throw: false,
  } as const;
  const { logs, metafile, success } = await Bun.build({ entrypoints, ...how });
  for (const log of logs) console.error(log);
  if (!success || metafile === undefined) fail("Cannot find out which packages are bundled");
  const files = Object.keys(metafile.inputs).flatMap((path) => {
    const [, name, file] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(path) ?? [];
    return name === undefined || file === undefined ? [] : [{ name, file }];
  });
  const byName = Map.groupBy(files, ({ name }) => name);
  return new Map([...byName].map(([name, all]) => [name, all.map(({ file }) => file)]));
}

async function build({ target, out }: Order): Promise<void> {
  await mkdir(dirname(out), { recursive: true });
  const sdk = await sdkFiles();
  await writeSdk(sdk);
  const notices = await readNotices({ root, packages: await bundledPackages(), withRuntime: true });
  await writeFile(resolve(dirname(out), "THIRD_PARTY_NOTICES"), notices);
  const { success, logs, outputs } = await Bun.build({
    entrypoints: [resolve(root, ENTRY)],
    compile: {
      ...machine(target),
      outfile: out,
      // A daemon must not run code or take settings from the directory that it is started in.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      // A start runs most of its code once, and compiling that took a third of its processor time.
      // `compileAsUsual` ends it.
      jitPolicy: 32,
      // Without it a job could not import from a node_modules folder beside it.
      autoloadPackageJson: true,
    },
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    // Keeps openpgp out of memory until something is signed.
    splitting: true,
    // Stack traces name our own lines.
    sourcemap: "inline",
    define: {
      MIG_RUNNER_VERSION: JSON.stringify(manifest.version),
      // A text of JSON: what init alone reads is no object before that.
      MIG_RUNNER_SDK: JSON.stringify(JSON.stringify(sdk)),
      MIG_RUNNER_NOTICES: JSON.stringify(notices),
      "process.env.NODE_ENV": JSON.stringify("production"),
    },
    throw: false,
  });
  for (const log of logs) console.error(log);
  if (!success) fail(`Cannot build "${relative(root, out)}": see above`);
  // The source maps are inside the executable; Bun leaves a second copy beside it.
  for (const { kind, path } of outputs) if (kind === "sourcemap") await rm(path, { force: true });
}

const order = parseOrder(process.argv.slice(2));
await build(order);
console.log(`${relative(process.cwd(), order.out)} ${statSync(order.out).size} bytes`);
