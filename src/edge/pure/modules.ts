// Modules: those of the runtime as a job imports them: in a body, outside of its steps, what reads
// or changes the world throws.
//
// A runtime lets nobody replace its modules. So a job gets them under other names of the same
// length, which its text is given when it is evaluated: its lines stay where they are.
import { createRequire } from "node:module";
import { guardedEnvironment, runUuid, runValues } from "./globals.ts";
import { assertInStep, onlyInSteps } from "./view.ts";

/** What reads or changes the world, by the names without "node:". */
const WORLDLY = [
  ...["child_process", "cluster", "dgram", "dns", "dns/promises", "fs", "fs/promises", "http"],
  ...["http2", "https", "net", "os", "readline", "readline/promises", "repl", "sqlite", "timers"],
  ...["timers/promises", "tls", "vm", "worker_threads", "inspector", "crypto", "module", "process"],
  ...["perf_hooks", "bun", "bun:sqlite", "bun:ffi"],
] as const;

/** What of these only reckons, by a name of its module. */
const RECKONING: Readonly<Record<string, RegExp>> = {
  // Of chance there is the run's own; what else there is of it is named below.
  crypto: /^(?!random|generate|prime|check|secureHeap|setEngine)/,
  perf_hooks: /^/,
  process: /^(?!env$)/,
  module: /^(?!createRequire$|register|enableCompileCache|runMain|findSourceMap)/,
  os: /^(?:EOL|constants|devNull)$/,
  timers: /^(?:clear|promises$)/,
  vm: /^isContext$/,
  net: /^(?:isIP|isIPv4|isIPv6|BlockList|SocketAddress)$/,
  http: /^(?:METHODS|STATUS_CODES|validateHeader)/,
  worker_threads: /^(?:isMainThread|threadId|workerData|parentPort|resourceLimits)$/,
};

/** Null for what this runtime has not. */
function loadOne(load: NodeJS.Require, name: string): object | null {
  try {
    return load(name.includes("bun") ? name : `node:${name}`) as object;
  } catch {
    return null;
  }
}

/** What a job gets for a module of the runtime; null for one that it gets as it is. */
export function guardedModule(specifier: string): object | null {
  const module = specifier.replace(/^node:/, "");
  if (!(WORLDLY as readonly string[]).includes(module)) return null;
  const exports = loadOne(createRequire(import.meta.url), module);
  if (exports === null) return null;
  const guarded = guardedMembers(module, exports);
  return { ...guarded, default: module === "process" ? process : guarded };
}

const NAMES = WORLDLY.toSorted((left, right) => right.length - left.length).join("|");

/** How the bundler writes that a module is imported. */
const IMPORT = new RegExp(`(\\b(?:from|import\\(?|__require\\()\\s*)"(${NAMES})"`, "g");

/**
 * The text of a bundle, which gets its modules by other names.
 *
 * @param provide Called with each of those, and with that of the module which is meant.
 */
export function withGuardedModules(
  bundle: string,
  provide: (name: string, module: string) => void,
): string {
  return bundle.replace(IMPORT, (_whole, before: string, module: string) => {
    const name = `${module.charAt(0).toUpperCase()}${module.slice(1)}`;
    provide(name, module);
    return `${before}"${name}"`;
  });
}

function guardedMembers(module: string, exports: object): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const name of Object.keys(exports)) {
    // To look at the standard input opens it.
    if (name === "default" || name === "stdin") continue;
    made[name] = guardedMember(module, name, Reflect.get(exports, name) as unknown);
  }
  return { ...made, ...SPECIAL[module]?.(exports) };
}

function guardedMember(module: string, name: string, member: unknown): unknown {
  if (RECKONING[module]?.test(name) === true) return member;
  if (name === "promises" && typeof member === "object" && member !== null) {
    return guardedMembers(`${module}/promises`, member);
  }
  return typeof member === "function" ? onlyInSteps(member, `${module}.${name}`) : member;
}

/** Members that have values of the run's own. */
const SPECIAL: Readonly<Record<string, (exports: object) => Record<string, unknown>>> = {
  crypto: (exports) => ({
    randomUUID: () => runUuid() ?? (Reflect.get(exports, "randomUUID") as () => string)(),
    getRandomValues: (into: Uint8Array) => crypto.getRandomValues(into),
    webcrypto: crypto,
    randomBytes(size: number, ...more: unknown[]) {
      if (more.length > 0) assertInStep("crypto.randomBytes with a callback");
      const own = runValues(Buffer.alloc(size), "crypto.randomBytes()");
      const real = Reflect.get(exports, "randomBytes") as (...given: unknown[]) => unknown;
      return own ?? real(size, ...more);
    },
  }),
  process: () => ({ env: guardedEnvironment(process.env) }),
  perf_hooks: () => ({ performance }),
  module: (exports) => ({
    createRequire(from: string | URL) {
      const make = Reflect.get(exports, "createRequire") as (from: string | URL) => NodeJS.Require;
      return guardedRequire(make(from));
    },
  }),
};

function guardedRequire(real: NodeJS.Require): NodeJS.Require {
  return new Proxy(real, {
    apply: (target, self, given: [string]) =>
      guardedModule(given[0]) ?? (Reflect.apply(target, self, given) as unknown),
  });
}
