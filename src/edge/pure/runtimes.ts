// Runtimes: what Bun, Deno and `process` are for a body: it can reckon with them, and all else that
// they have throws outside of its steps.
import { replace, replaceFunction, replaceGetter, type Undo } from "./replace.ts";
import { assertInStep, currentView, IN_A_STEP, isOfRuntime, sealed } from "./view.ts";

/** What Bun has beyond Node that reads or changes the world: its object cannot be replaced. */
const OF_BUN = [
  "file",
  "write",
  "spawn",
  "spawnSync",
  "$",
  "sleep",
  "sleepSync",
  "serve",
  "listen",
  "connect",
  "udpSocket",
  "nanoseconds",
  "mmap",
  "openInEditor",
  "which",
  "Glob",
  "randomUUIDv7",
  "build",
  "resolve",
  "resolveSync",
  "gc",
  "shrink",
  "cron",
  "Terminal",
  "generateHeapSnapshot",
  "FileSystemRouter",
  "zstdCompress",
  "zstdDecompress",
  "S3Client",
] as const;

/** Members of Bun's object that only reckon. */
const RECKONING_OF_BUN = pattern([
  "version",
  "version_with_sha",
  "revision",
  "isMainThread",
  "prototype",
  "constructor",
  "hash",
  "sha",
  "SHA\\w+",
  "MD\\d",
  "CryptoHasher",
  "deep\\w+",
  "randomUUIDv5",
  "semver",
  "escapeHTML",
  "inspect",
  "peek",
  "color",
  "stringWidth",
  "stripANSI",
  "sliceAnsi",
  "wrapAnsi",
  "indexOfLine",
  "allocUnsafe",
  "concatArrayBuffers",
  "readableStreamTo\\w+",
  "ArrayBufferSink",
  "(?:gzip|gunzip|deflate|inflate|zstdCompress|zstdDecompress)Sync",
  "(?:file|pathTo)\\w*URL\\w*",
  "Transpiler",
  "Cookie\\w*",
  "TOML",
  "YAML",
  "JSON\\w+",
  "XML",
  "markdown",
]);

/** Any of some names, each of which may be a pattern itself. */
export function pattern(names: readonly string[]): RegExp {
  return new RegExp(`^(?:${names.join("|")})$`);
}

/** Bun's object as a body sees it; null in another runtime. A text gets it by modules.ts. */
export function guardedBun(): object | null {
  const { Bun: bun } = globalThis as unknown as Record<string, object | undefined>;
  return bun === undefined ? null : sealed(bun, "Bun", RECKONING_OF_BUN);
}

/** Members of Deno's object that only reckon. */
const RECKONING_OF_DENO = /^(?:version|build|inspect|errors|noColor|prototype|constructor)$/;

/** Replaces what tells of the world in the objects of Bun and Deno. */
export function replaceRuntimes(): Undo[] {
  const { Bun: bun, Deno: deno } = globalThis as unknown as Record<string, object | undefined>;
  if (bun !== undefined) {
    const file = Reflect.get(bun, "file") as (...given: unknown[]) => unknown;
    const replaced = OF_BUN.map((name) => {
      const fix = name.startsWith("sleep") ? "use run.sleep" : undefined;
      return replaceFunction(bun, name, { what: `Bun.${name}`, fix });
    });
    const guarded = Reflect.get(bun, "file") as typeof file;
    // By that the runtime opens the standard streams, when it words an error.
    const opens = (...given: unknown[]): unknown =>
      currentView() !== null && isOfRuntime() ? file(...given) : guarded(...given);
    return [...replaced, replace(bun, "file", opens)];
  }
  if (deno === undefined) return [];
  return [replace(globalThis, "Deno", sealed(deno, "Deno", RECKONING_OF_DENO))];
}

/**
 * Members of `process` that only reckon, or by which runtimes speak of themselves. To look at a
 * standard stream opens it.
 */
const RECKONING_OF_PROCESS =
  /^(?:_.*|std.*|nextTick|emitWarning|assert|ref|unref|getBuiltinModule|has\w+|binding|constructor)$/;

/** Members of `process` that are others in each process. */
const OF_THIS_PROCESS = ["pid", "ppid", "title", "report"] as const;

/** Replaces what `process` tells of this process and the machine, and by which it acts on them. */
export function replaceProcess(): Undo[] {
  const { getBuiltinModule } = process;
  const names = Object.getOwnPropertyNames(process);
  const functions = names.filter((name) => !RECKONING_OF_PROCESS.test(name));
  return [
    replace(process, "env", guardedEnvironment(process.env)),
    ...functions.map((name) => replaceFunction(process, name, { what: `process.${name}` })),
    ...OF_THIS_PROCESS.map((name) => replaceGetter(process, name, { what: `process.${name}` })),
    ...replaceFixed(),
    replace(process, "getBuiltinModule", (name: string) => {
      assertInStep(`process.getBuiltinModule("${name}")`);
      return getBuiltinModule(name);
    }),
  ];
}

/** What a runtime has fixed in its `process` is guarded by another global of that name. */
function replaceFixed(): Undo[] {
  const real = process;
  const fixed: readonly (string | symbol)[] = OF_THIS_PROCESS.filter((name) => {
    return Object.getOwnPropertyDescriptor(real, name)?.configurable === false;
  });
  if (fixed.length === 0) return [];
  const guarded = new Proxy(real, {
    get(target, name) {
      if (fixed.includes(name)) assertInStep(`process.${String(name)}`);
      return Reflect.get(target, name) as unknown;
    },
  });
  return [replace(globalThis, "process", guarded)];
}

/** The environment, which a body cannot look at: it can be another at the next replay. */
export function guardedEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const look = (name: string | symbol): void => {
    // Packages ask for it while they reckon, and there is nothing to be had.
    if (name === "NODE_ENV" || typeof name === "symbol") return;
    assertInStep(`process.env.${name}`, IN_A_STEP);
  };
  return new Proxy(environment, {
    get(target, name) {
      if (currentView() !== null && !isOfRuntime()) look(name);
      return Reflect.get(target, name) as unknown;
    },
    set(target, name, value) {
      look(name);
      return Reflect.set(target, name, value);
    },
    has(target, name) {
      look(name);
      return Reflect.has(target, name);
    },
    deleteProperty(target, name) {
      look(name);
      return Reflect.deleteProperty(target, name);
    },
    ownKeys(target) {
      assertInStep("process.env", IN_A_STEP);
      return Reflect.ownKeys(target);
    },
  });
}
