// Guards: the keys of a job that may hold back its action (`canary`, `approve`, `growth`), read.
import type { EntityValues } from "./keys.ts";

/** A share of the agents in percent, a number of them, or all. */
export type GuardValue =
  | { readonly kind: "share"; readonly percent: number }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "always" };

/** What a guard takes. */
export type GuardForm = GuardValue["kind"];

const COUNT_MAX = 1_000_000_000;
const PERCENT_MAX = 10_000;

/**
 * The value of a guard's text: `20%`, `50`, `true`. Null for a form that this guard does not take,
 * or a value out of bounds.
 */
export function parseGuard(text: string, forms: readonly GuardForm[]): GuardValue | null {
  const value = guardOf(text.trim());
  return value !== null && forms.includes(value.kind) ? value : null;
}

function guardOf(text: string): GuardValue | null {
  if (text === "true") return { kind: "always" };
  const [, number = "", sign = ""] = /^(\d{1,10}(?:\.\d{1,6})?)(%?)$/.exec(text) ?? [];
  const value = Number(number);
  if (number === "" || value < 0) return null;
  if (sign === "%") return value <= PERCENT_MAX ? { kind: "share", percent: value } : null;
  if (!Number.isSafeInteger(value) || value < 1 || value > COUNT_MAX) return null;
  return { kind: "count", count: value };
}

/** The forms of a guard in words, for messages. */
export function guardWords(forms: readonly GuardForm[]): string {
  const words = { share: 'a share such as "20%"', count: "a number of agents", always: "true" };
  return forms.map((form) => words[form]).join(" or ");
}

/** The guards of a job, read; each null when it is not set. */
export function guardsOf({
  growth,
  approve,
  canary,
}: Pick<EntityValues, "growth" | "approve" | "canary">) {
  return {
    growth: growth === null ? null : parseGuard(growth, ["share"]),
    approve: approve === null ? null : parseGuard(approve, ["always", "count"]),
    canary: canary === null ? null : parseGuard(canary, ["share", "count"]),
  };
}
