// Modules: those of the runtime as a job imports them: in a body, outside of its steps, what reads
// or changes the world throws.
//
// A runtime lets nobody replace its modules. So a job gets them under other names of the same
// length, which its text is given when it is evaluated: its lines stay where they are.
import { createRequire, isBuiltin } from "node:module";
import { runUuid, runValues } from "./globals.ts";
import { guardedBun, guardedEnvironment, pattern } from "./runtimes.ts";
import { assertInStep, onlyInSteps, sealed } from "./view.ts";

/** Modules that only reckon, by the names without "node:"; all others are guarded. */
const PURE: readonly string[] = [
  "assert",
  "assert/strict",
  "async_hooks",
  "buffer",
  "console",
  "constants",
  "domain",
  "events",
  "diagnostics_channel",
  "path",
  "path/posix",
  "path/win32",
  "punycode",
  "querystring",
  "sys",
  "stream",
  "stream/consumers",
  "stream/promises",
  "stream/web",
  "string_decoder",
  "url",
  "util",
  "util/types",
];

/** What of the others only reckons, by a name of its module. */
const RECKONING: Readonly<Record<string, RegExp>> = {
  // Of chance there is the run's own. What ends some time later is not the same at each replay.
  crypto: pattern([
    "create(?:Hash|Hmac|Cipheriv|Decipheriv|Verify|PublicKey|PrivateKey|SecretKey)",
    "constants",
    "(?:scrypt|pbkdf2|hkdf|argon2)Sync",
    "hash",
    "verify",
    "timingSafeEqual",
    "KeyObject",
    "get(?:Hashes|Ciphers|Curves|CipherInfo)",
    "(?:public|private)Decrypt",
    "X509Certificate",
  ]),
  perf_hooks: /^constants$/,
  process: /^(?:version|versions|arch|platform|release|features|config|nextTick|emitWarning)$/,
  module: /^(?!createRequire$|register|enableCompileCache|runMain|findSourceMap|_load$)/,
  os: /^(?:EOL|constants|devNull)$/,
  timers: /^clear/,
  vm: /^isContext$/,
  net: /^(?:isIP|isIPv4|isIPv6|BlockList|SocketAddress)$/,
  http: /^(?:METHODS|STATUS_CODES|validateHeader)/,
  v8: /^(?:serialize|deserialize|\w*Serializer|\w*Deserializer)$/,
  worker_threads: /^(?:isMainThread|threadId|workerData|parentPort|resourceLimits)$/,
  zlib: /(?:Sync|^crc32|^constants|^codes)$/,
};

/** Null for what this runtime has not. */
function loadOne(load: NodeJS.Require, name: string): object | null {
  try {
    return load(/^bun(?::|$)|^(?:undici|ws)$/.test(name) ? name : `node:${name}`) as object;
  } catch {
    return null;
  }
}

/** What a job gets for a module of the runtime; null for one that it gets as it is. */
export function guardedModule(specifier: string): object | null {
  const module = specifier.replace(/^node:/, "");
  if (!isBuiltin(specifier) || PURE.includes(module)) return null;
  const exports = loadOne(createRequire(import.meta.url), module);
  if (exports === null) return null;
  const guarded = guardedMembers(module, exports);
  return { ...guarded, default: module === "process" ? process : guarded };
}

/**
 * The text of a bundle, which gets its modules by other names, and Bun's object as a module.
 *
 * @param provide Called with each of those names, and with what is meant by it.
 */
export async function withGuardedModules(
  bundle: string,
  provide: (name: string, exports: object) => void,
): Promise<string> {
  const { init, parse } = await import("es-module-lexer/minimal");
  await init();
  const [imports] = parse(bundle);
  let text = bundle;
  for (const { n: specifier, s: start, e: end, d: kind, ss: from } of imports) {
    if (specifier === undefined) {
      const isOurs = kind !== OF_META || OWN_META.test(bundle.slice(end, end + META_LENGTH_MAX));
      if (isOurs) text = raised(text, from + "impor".length);
      continue;
    }
    const exports = guardedModule(specifier);
    if (exports === null) continue;
    provide(raised(specifier, 0), exports);
    text = raised(text, bundle.indexOf(specifier, start));
  }
  return withBun(text, provide);
}

/** What the lexer says of `import.meta`. */
const OF_META = -2;

/** What of `import.meta` Bun has that reaches the world. */
const OWN_META = /^\s*\.\s*(?:require|env)\b/;
const META_LENGTH_MAX = 32;

/** The text with one letter of it as a capital. */
function raised(text: string, at: number): string {
  return `${text.slice(0, at)}${text.charAt(at).toUpperCase()}${text.slice(at + 1)}`;
}

/** A name of the text's own, beside which there cannot be one of ours. */
const OWN_BUN = /\b(?:var|let|const|class|function)\s+Bun\b|[,{]Bun\b|\bas\s+Bun\b|import\s+Bun\b/;

/** An import is there before the first line of a module, wherever it stands. */
function withBun(text: string, provide: (name: string, exports: object) => void): string {
  const bun = guardedBun();
  if (bun === null || !/\bBun\b/.test(text) || OWN_BUN.test(text)) return text;
  provide("bun's own", { Bun: bun });
  // What the bundler makes of an import from "bun", as long as it was.
  const own = text.replace(/(\bvar\s*\{[^{}]*\}=)globalThis\.Bun\b/g, `$1Bun${" ".repeat(11)}`);
  return own.replace(/(?=\n\/\/# sourceMappingURL=[^\n]*\n?$)|$/, `\nimport{Bun}from"bun's own";`);
}

/** The name by which texts get `import` of what is not in their letters, and `import.meta`. */
const IMPORT = "imporT";

/** Lets texts of `withGuardedModules` import what only a run of theirs knows the name of. */
export function provideImport(): void {
  const require = guardedRequire(createRequire(import.meta.url));
  const load = async (specifier: unknown, options?: ImportCallOptions): Promise<object> => {
    const name = String(specifier);
    return guardedModule(name) ?? ((await import(name, options)) as object);
  };
  const meta = { require, env: guardedEnvironment(process.env) };
  const value = Object.assign(load, { meta });
  Object.defineProperty(globalThis, IMPORT, { value, configurable: true });
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
  if (name === "scheduler" && typeof member === "object" && member !== null) {
    return sealed(member, `${module}.${name}`);
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
