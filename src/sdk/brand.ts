// Brand: how the runner knows a value or an error of this module, whichever copy of it made it.

/** The same symbol in every copy of the SDK in one process. */
const BRAND = Symbol.for("mig-runner.sdk");

/** What has a brand: the two default exports, and the three errors. */
export type Kind = "job" | "plugin" | "fatal" | "retry" | "timeout";

/** Puts the brand on an object, where no listing of its members shows it. */
export function brand<Value extends object>(value: Value, kind: Kind): Value {
  return Object.defineProperty(value, BRAND, { value: kind });
}

/** Whether a value has been through `brand`, here or in another copy. */
export function hasBrand(value: unknown, kind: Kind): value is object {
  return typeof value === "object" && value !== null && Reflect.get(value, BRAND) === kind;
}
