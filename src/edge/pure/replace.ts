// Replace: puts something in place of a member of an object, until it is undone.
import { assertInStep, isOfRuntime, onlyInSteps } from "./view.ts";

/** Undoes what was replaced. */
export type Undo = () => void;

/** Replaces one member; what the runtime does not let go of stays. */
export function replace(owner: object, name: string, value: unknown): Undo {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const isFixed = before?.configurable === false;
  try {
    const member = isFixed ? { value } : { value, writable: true, configurable: true };
    Object.defineProperty(owner, name, member);
  } catch {
    return () => undefined;
  }
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    // What somebody else has put there since is theirs.
    else if (Reflect.get(owner, name) === value) Object.defineProperty(owner, name, before);
  };
}

/** Replaces a function by one that can be called in steps only; where there is none, nothing. */
export function replaceFunction(
  owner: object,
  name: string,
  { what, fix }: { readonly what: string; readonly fix?: string | undefined },
): Undo {
  const before = Reflect.get(owner, name) as unknown;
  return typeof before === "function"
    ? replace(owner, name, onlyInSteps(before, what, fix))
    : () => undefined;
}

/** Replaces a value, or what a getter gives, by one that can be looked at in steps only. */
export function replaceGetter(
  owner: object,
  name: string,
  { what }: { readonly what: string },
): Undo {
  const holder = Object.hasOwn(owner, name) ? owner : (Object.getPrototypeOf(owner) as object);
  const before = Object.getOwnPropertyDescriptor(holder, name);
  if (before?.configurable !== true) return () => undefined;
  const { get = () => before.value as unknown } = before;
  Object.defineProperty(holder, name, {
    configurable: true,
    enumerable: before.enumerable === true,
    get() {
      if (!isOfRuntime()) assertInStep(what);
      return get.call(this) as unknown;
    },
  });
  return () => Object.defineProperty(holder, name, before);
}
