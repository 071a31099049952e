// View: whether the code that runs right now is the body of a workflow, outside of its steps, and
// what that gets to see.
import { AsyncLocalStorage } from "node:async_hooks";
import type { BodyView, Scope, Scopes } from "../../workflow/scope.ts";

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
 * evaluated anew for each replay. A runtime may keep no scope for it, so all code without one sees
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

/** What helps nearly always. */
export const IN_A_STEP = "put it into run.step";

/** The same function, which throws in a body, outside of its steps. Also for classes. */
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
  });
  return guarded;
}
