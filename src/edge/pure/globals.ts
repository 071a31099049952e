// Globals: what a body may use of this process gives the same at each replay; what cannot throws,
// with what to write instead. Code inside of a step, and all other code, sees what was there.
//
// Owns:    the globals while a workflow may run in this process.
// Not its: modules that are imported (modules.ts), which code is a body (view.ts).
import { assertInStep, currentView, IN_A_STEP, onlyInSteps } from "./view.ts";

/** Undoes what was replaced. */
type Undo = () => void;

let watchers = 0;
let undos: Undo[] = [];

/** Replaces the globals; they are put back when each that did has closed. */
export function guardGlobals(): { close(): void } {
  if (watchers++ === 0) undos = replaceAll();
  return {
    close() {
      if (--watchers > 0) return;
      for (const undo of undos.reverse()) undo();
      undos = [];
    },
  };
}

/** What waits for a time, or does something at one. */
const TIMERS = ["setTimeout", "setInterval", "setImmediate"] as const;

/** What talks to others. */
const TALKERS = [
  ...["fetch", "WebSocket", "WebSocketStream", "EventSource", "XMLHttpRequest"],
  ...["Worker", "SharedWorker", "BroadcastChannel", "prompt", "alert", "confirm"],
] as const;

function replaceAll(): Undo[] {
  const functions = [...TIMERS, ...TALKERS].map((name) => {
    const fix = (TIMERS as readonly string[]).includes(name) ? "use run.sleep" : undefined;
    return replaceFunction(globalThis, name, { what: name, fix });
  });
  return [
    ...functions,
    ...replaceRuntimes(),
    replaceFunction(AbortSignal, "timeout", { what: "AbortSignal.timeout", fix: "use run.sleep" }),
    ...replaceProcess(),
    ...replaceTime(),
    ...replaceChance(),
    ...(["race", "any"] as const).map((name) => replaceRace(name)),
  ];
}

function nothing(): void {}

/** Replaces one member; what the runtime does not let go of stays. */
function replace(owner: object, name: string, value: unknown): Undo {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const isFixed = before?.configurable === false;
  try {
    const member = isFixed ? { value } : { value, writable: true, configurable: true };
    Object.defineProperty(owner, name, member);
  } catch {
    return nothing;
  }
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    // What somebody else has put there since is theirs.
    else if (Reflect.get(owner, name) === value) Object.defineProperty(owner, name, before);
  };
}

function replaceFunction(
  owner: object,
  name: string,
  { what, fix }: { readonly what: string; readonly fix?: string | undefined },
): Undo {
  const before = Reflect.get(owner, name) as unknown;
  return typeof before === "function"
    ? replace(owner, name, onlyInSteps(before, what, fix))
    : nothing;
}

/** What Bun has beyond Node that reads or changes the world: its object cannot be replaced. */
const OF_BUN = [
  ...["file", "write", "spawn", "spawnSync", "$", "sleep", "sleepSync", "serve", "listen"],
  ...["connect", "udpSocket", "nanoseconds", "mmap", "openInEditor", "which", "Glob"],
  ...["randomUUIDv7", "build"],
] as const;

/** Members of Deno's object that only reckon. */
const RECKONING = /^(?:version|build|inspect|errors|noColor|prototype|constructor)$/;

function replaceRuntimes(): Undo[] {
  const { Bun: bun, Deno: deno } = globalThis as unknown as Record<string, object | undefined>;
  if (bun !== undefined) {
    return OF_BUN.map((name) => {
      const fix = name.startsWith("sleep") ? "use run.sleep" : undefined;
      return replaceFunction(bun, name, { what: `Bun.${name}`, fix });
    });
  }
  if (deno === undefined) return [];
  const guarded = new Proxy(deno, {
    get(target, name) {
      if (typeof name === "string" && !RECKONING.test(name)) assertInStep(`Deno.${name}`);
      return Reflect.get(target, name) as unknown;
    },
  });
  return [replace(globalThis, "Deno", guarded)];
}

/** Members of `process` that tell of the machine, or act on it. */
const OF_THE_MACHINE = [
  ...["hrtime", "uptime", "memoryUsage", "cpuUsage", "resourceUsage", "kill", "chdir", "umask"],
] as const;

function replaceProcess(): Undo[] {
  const { getBuiltinModule } = process;
  return [
    replace(process, "env", guardedEnvironment(process.env)),
    ...OF_THE_MACHINE.map((name) => replaceFunction(process, name, { what: `process.${name}` })),
    replace(process, "getBuiltinModule", (name: string) => {
      assertInStep(`process.getBuiltinModule("${name}")`);
      return getBuiltinModule(name);
    }),
  ];
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
      look(name);
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

/** What of the time a body sees is the run's clock. */
function replaceTime(): Undo[] {
  const RealDate = Date;
  const realNow = performance.now;
  const shown = (what: string): number | null => {
    const view = currentView();
    view?.used(what);
    return view?.now() ?? null;
  };
  const dateNow = (): number => shown("Date.now()") ?? RealDate.now();
  const RunDate = new Proxy(RealDate, {
    get: (target, name) => (name === "now" ? dateNow : (Reflect.get(target, name) as unknown)),
    construct(target, given, newTarget) {
      const at = given.length === 0 ? shown("new Date()") : null;
      return Reflect.construct(target, at === null ? given : [at], newTarget) as object;
    },
    apply(target, self, given) {
      const at = shown("Date()");
      return at === null ? Reflect.apply(target, self, given) : String(new target(at));
    },
  });
  return [
    replace(globalThis, "Date", RunDate),
    replace(performance, "now", () => shown("performance.now()") ?? realNow.call(performance)),
    ...replaceTemporal(shown),
  ];
}

interface TemporalNow {
  readonly Now: Record<string, (...given: unknown[]) => unknown> & { timeZoneId(): string };
  readonly Instant: { fromEpochMilliseconds(at: number): ZonedMaker };
}

interface ZonedMaker {
  toZonedDateTimeISO(zone: unknown): Record<string, () => unknown>;
}

/** Each kind of time that `Temporal.Now` gives, as a member of a ZonedDateTime. */
const KINDS = {
  zonedDateTimeISO: null,
  plainDateTimeISO: "toPlainDateTime",
  plainDateISO: "toPlainDate",
  plainTimeISO: "toPlainTime",
} as const;

function replaceTemporal(shown: (what: string) => number | null): Undo[] {
  const temporal = (globalThis as unknown as { Temporal?: TemporalNow }).Temporal;
  if (temporal === undefined) return [];
  const { Instant, Now } = temporal;
  const kinds = Object.entries({ instant: null, ...KINDS });
  return kinds.map(([name, member]) => {
    const real = Now[name]?.bind(Now);
    return replace(Now, name, (zone: unknown) => {
      const at = shown(`Temporal.Now.${name}()`);
      if (at === null) return real?.(zone);
      const instant = Instant.fromEpochMilliseconds(at);
      if (name === "instant") return instant;
      const zoned = instant.toZonedDateTimeISO(zone ?? Now.timeZoneId());
      return member === null ? zoned : zoned[member]?.();
    });
  });
}

function replaceChance(): Undo[] {
  const real = Math.random;
  const { getRandomValues, randomUUID } = crypto;
  const generateKey = crypto.subtle.generateKey;
  return [
    replace(Math, "random", () => {
      const view = currentView();
      view?.used("Math.random()");
      return view?.random() ?? real();
    }),
    replace(crypto, "getRandomValues", (into: Uint8Array) => {
      return runValues(into, "crypto.getRandomValues()") ?? getRandomValues.call(crypto, into);
    }),
    replace(crypto, "randomUUID", () => runUuid() ?? randomUUID.call(crypto)),
    replace(
      crypto.subtle,
      "generateKey",
      onlyInSteps(generateKey.bind(crypto.subtle), "crypto.subtle.generateKey"),
    ),
  ];
}

/** Fills an array with the run's own numbers; null where real ones are to be had. */
export function runValues<Into extends ArrayBufferView>(into: Into, what: string): Into | null {
  const view = currentView();
  if (view === null) return null;
  view.used(what);
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(view.random() * 256);
  return into;
}

/** A UUID of the run's own numbers; null where a real one is to be had. @see RFC 9562, version 4 */
export function runUuid(): `${string}-${string}-${string}-${string}-${string}` | null {
  const bytes = runValues(new Uint8Array(16), "crypto.randomUUID()");
  if (bytes === null) return null;
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  const [, a, b, c, d, e] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(hex) ?? [];
  return `${a}-${b}-${c}-${d}-${e}`;
}

function replaceRace(name: "race" | "any"): Undo {
  const real = Promise[name] as (this: unknown, of: Iterable<unknown>) => Promise<unknown>;
  return replace(Promise, name, function race(this: unknown, of: Iterable<unknown>) {
    currentView()?.raced();
    return real.call(this, of);
  });
}
