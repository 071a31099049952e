// View: whether the code that runs right now is the body of a workflow, outside of its steps, and
// what that gets to see.
import { AsyncLocalStorage } from "node:async_hooks";
import type { BodyView, Scope, Scopes } from "../../workflow/scope.ts";
import { locate } from "../workflow/locate.ts";

const storage = new AsyncLocalStorage<Scope>();

/** The scopes of all workflows in this process. */
export const bodyScopes: Scopes = storage;

let loading: BodyView | null = null;

/** What the code that calls sees; null where all is real. */
export function currentView(): BodyView | null {
  const scope = storage.getStore();
  return scope === undefined ? loading : scope.view;
}

/**
 * Shows the top level of a module what the run's clock and chance are, while it is evaluated: it is
 * evaluated again for each replay. A runtime may keep no scope for it, so all code without one sees
 * that for as long.
 */
export async function whileLoading<Value>(
  view: Pick<BodyView, "now" | "random">,
  load: () => Promise<Value>,
): Promise<Value> {
  const before = loading;
  loading = { ...view, used: () => undefined, refuse: () => null, raced: () => undefined };
  try {
    return await load();
  } finally {
    loading = before;
  }
}

/**
 * @throws {Error} In a body, outside of its steps.
 */
export function assertInStep(what: string, fix = IN_A_STEP): void {
  const error = currentView()?.refuse(what, fix) ?? null;
  if (error !== null) throw error;
}

/**
 * Whether code of the runtime asks: what colours a terminal has, when it words an error. While it
 * makes one of its own there are no frames at all.
 */
export function isOfRuntime(): boolean {
  const [, ...frames] = (new Error("asked").stack ?? "").split("\n");
  const asks = frames.find((line) => OF_RUNTIME.test(line) || locate({ stack: line }) !== null);
  return frames.length === 0 || (asks !== undefined && OF_RUNTIME.test(asks));
}

/** A function that calls the last thing that it does is in no frame: what has called it is. */
const OF_RUNTIME = /\((?:internal:|ext:|node:(?!async_hooks))|at onWarning \((?:native|unknown)/;

/** What helps nearly always. */
export const IN_A_STEP = "put it into run.step";

/** Members by which a function is used, not what hangs on it. */
const OF_FUNCTIONS = /^(?:prototype|constructor|length|name|call|apply|bind|toString)$/;

/**
 * The same function, which throws in a body, outside of its steps; what hangs on it does as well,
 * such as `process.hrtime.bigint`. Also for classes.
 */
export function onlyInSteps<Wanted extends object>(
  wanted: Wanted,
  what: string,
  fix?: string,
): Wanted {
  const guarded: Wanted = new Proxy(wanted, {
    apply(target, self, given) {
      assertInStep(what, fix);
      return Reflect.apply(target as unknown as (...given: unknown[]) => unknown, self, given);
    },
    construct(target, given, newTarget) {
      assertInStep(`new ${what}`, fix);
      const made = target as unknown as new (...given: unknown[]) => object;
      return Reflect.construct(made, given, newTarget === guarded ? made : newTarget);
    },
    get(target, name, self) {
      const member = Reflect.get(target, name, self) as unknown;
      if (typeof member !== "function" || typeof name === "symbol") return member;
      const isFixed = Object.getOwnPropertyDescriptor(target, name)?.configurable === false;
      return isFixed || OF_FUNCTIONS.test(name) ? member : onlyInSteps(member, `${what}.${name}`);
    },
  });
  return guarded;
}

/**
 * Stands for an object that a body cannot look into outside of its steps, and whose functions it
 * cannot call there, wherever it has them from.
 *
 * @param reckoning Members that only reckon: they are handed out as they are.
 */
export function sealed<Wanted extends object>(
  wanted: Wanted,
  what: string,
  reckoning = /^(?:prototype|constructor)$/,
): Wanted {
  // Not of the object itself: what a runtime has fixed could not be replaced.
  const seal: Wanted = new Proxy(Object.create(null) as Wanted, {
    get(_, name) {
      const member = Reflect.get(wanted, name) as unknown;
      if (typeof name === "symbol" || reckoning.test(name)) return member;
      const path = `${what}.${name}`;
      assertInStep(path);
      if (typeof member === "object" && member !== null) return sealed(member, path);
      if (typeof member !== "function") return member;
      return onlyInSteps(ownMethod(member, seal, wanted), path);
    },
    set: (_, name, value) => Reflect.set(wanted, name, value),
    has: (_, name) => Reflect.has(wanted, name),
  });
  return seal;
}

/** A function that is called for what stands for its object is called for the object. */
function ownMethod(method: object, seal: object, owner: object): object {
  return new Proxy(method, {
    apply(target, self, given) {
      const own = self === seal ? owner : self;
      return Reflect.apply(target as (...given: unknown[]) => unknown, own, given);
    },
  });
}
