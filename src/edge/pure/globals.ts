// Globals: what a body may use of this process gives the same at each replay; what cannot throws,
// with what to write instead. Code inside of a step, and all other code, sees what was there.
//
// Owns:     the globals while a workflow may run in this process.
// Not here: time (time.ts), the runtimes' own objects (runtimes.ts), modules that are imported
//           (modules.ts), which code is a body (view.ts).
import { replace, replaceFunction, replaceGetter, type Undo } from "./replace.ts";
import { replaceProcess, replaceRuntimes } from "./runtimes.ts";
import { replaceTime } from "./time.ts";
import { currentView } from "./view.ts";

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
  "fetch",
  "WebSocket",
  "WebSocketStream",
  "EventSource",
  "XMLHttpRequest",
  "Worker",
  "SharedWorker",
  "BroadcastChannel",
  "MessageChannel",
  "prompt",
  "alert",
  "confirm",
] as const;

/** What of the web is kept on the disk. */
const KEPT = ["localStorage", "sessionStorage", "caches", "indexedDB"] as const;

function replaceAll(): Undo[] {
  const functions = [...TIMERS, ...TALKERS].map((name) => {
    const fix = (TIMERS as readonly string[]).includes(name) ? "use run.sleep" : undefined;
    return replaceFunction(globalThis, name, { what: name, fix });
  });
  return [
    ...functions,
    ...replaceRuntimes(),
    ...KEPT.map((name) => replaceGetter(globalThis, name, { what: name })),
    replaceGetter(navigator, "hardwareConcurrency", { what: "navigator.hardwareConcurrency" }),
    replaceFunction(AbortSignal, "timeout", { what: "AbortSignal.timeout", fix: "use run.sleep" }),
    ...["wait", "waitAsync"].map((name) => {
      return replaceFunction(Atomics, name, { what: `Atomics.${name}`, fix: "use run.sleep" });
    }),
    ...["compile", "instantiate", "compileStreaming", "instantiateStreaming"].map((name) => {
      return replaceFunction(WebAssembly, name, { what: `WebAssembly.${name}` });
    }),
    ...replaceProcess(),
    ...replaceTime(),
    ...replaceChance(),
    ...(["race", "any"] as const).map((name) => replaceRace(name)),
  ];
}

function replaceChance(): Undo[] {
  const real = Math.random;
  const { getRandomValues, randomUUID } = crypto;
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
    ...replaceSubtle(),
  ];
}

/** Its functions end at a moment of their own, and some of them have chance in them. */
function replaceSubtle(): Undo[] {
  const { subtle } = crypto;
  return Object.getOwnPropertyNames(SubtleCrypto.prototype)
    .filter((name) => name !== "constructor")
    .map((name) => replaceFunction(subtle, name, { what: `crypto.subtle.${name}` }));
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
