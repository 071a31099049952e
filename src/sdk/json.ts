// Json: what of a type JSON can hold, so that an editor shows what a journal would refuse.
//
// Types only. What a member leaves undefined is left out, as JSON does it, and read as undefined.

/** Objects that are more than what JSON would keep of them, and that have no method of their own. */
type Opaque =
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferLike
  | ArrayBufferView
  | Error
  | RegExp;

/** Nothing, as a function gives it that returns none. */
type Nothing = ReturnType<() => void> | undefined;

/** A value's own type where JSON can hold it; where it cannot, a text that says what to save. */
type Json<Value> = unknown extends Value
  ? Value
  : Value extends string | number | boolean | null | Nothing
    ? Value
    : Value extends Date
      ? "a Date is not saved: give its milliseconds, or its text by toISOString()"
      : Value extends bigint
        ? "a bigint is not saved: give a number or a text"
        : Value extends Opaque
          ? "that is not saved: give a plain object, a list or a text"
          : Value extends symbol | ((...given: never[]) => unknown)
            ? "functions and symbols are not saved: give what JSON can hold"
            : Value extends readonly unknown[]
              ? { readonly [Index in keyof Value]: Item<Value[Index]> }
              : { readonly [Name in keyof Value]: Json<Value[Name]> };

/** Where undefined cannot be left out: in a list JSON would write null for it. */
type Item<Value> = undefined extends Value
  ? unknown extends Value
    ? Value
    : "undefined is not saved here: give null, or leave it out"
  : Json<Value>;

/**
 * Takes nothing away from what JSON can hold, and says of anything else why it is not saved. A
 * function of your own around `run.step` hands it on.
 *
 * @example
 * ```ts
 * import type { IfJson, Run, StepWork } from "mig-runner";
 *
 * export function stubborn<Value>(run: Run, name: string, work: StepWork<Value> & IfJson<Value>) {
 *   return run.step(name, { retry: 100 }, work);
 * }
 * ```
 */
export type IfJson<Value> = [Value] extends [Json<Value>]
  ? unknown
  : { readonly "what is saved must be JSON": Json<Value> };
