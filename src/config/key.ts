// Key: what one key of a configuration file is: its kind, its bounds, and what the docs say of it.
// The tables of keys are in keys.ts.
import type { Milliseconds } from "../time.ts";

/** A key that takes a number within bounds. */
export interface NumberRule<Kind extends string> {
  readonly kind: Kind;
  readonly min: number;
  readonly max: number;
  readonly default: number | null;
}

/** What a key takes that is alike in all files: its kind, its bounds, its default; null: none. */
export type PlainRule =
  | { readonly kind: "flag"; readonly default: boolean }
  | NumberRule<"whole">
  /** In milliseconds. */
  | NumberRule<"duration">;

/** What a key takes: its kind, its bounds, and its default; null: it has none. */
export type KeyRule =
  | PlainRule
  | NumberRule<"whole64">
  | { readonly kind: "text"; readonly default: string | null }
  | { readonly kind: "list" }
  /** A key that the original reads and then overwrites: it has no effect. */
  | { readonly kind: "overwritten" }
  /** An internal field of the original that its reader accepts as a key, but that takes no value. */
  | { readonly kind: "opaque"; readonly type: string };

/** One key, by its name in lower case. */
export type ConfigKey = KeyRule & {
  /** Who knows it: both, or only this program. */
  readonly since: "original" | "0.1";
  /** The default, in words. Null: the docs do not list this key. */
  readonly unset: string | null;
  /** What it does, for people. */
  readonly about: string;
};

/** The keys of one section. */
export type SectionKeys = Readonly<Record<string, ConfigKey>>;

/** Who knows a key: both, or only this program. */
export const original = "original";
/** The same: only this program. */
export const ours = "0.1";
/** A key that the original overwrites after reading it. */
export const overwritten = {
  kind: "overwritten",
  since: original,
  unset: null,
  about: "",
} as const;
/** A text that may be missing. */
export const text = { kind: "text", default: null } as const;

/** A whole number within bounds. */
export function whole<const Fallback extends number | null>(
  min: number,
  max: number,
  fallback: Fallback,
) {
  return { kind: "whole", min, max, default: fallback } as const;
}

/** A duration within bounds. */
export function duration<const Fallback extends Milliseconds | null>(
  min: Milliseconds,
  max: Milliseconds,
  fallback: Fallback,
) {
  return { kind: "duration", min, max, default: fallback } as const;
}

/** A key of kind opaque. @param type The Go type, which the original's message names. */
export function opaque(type: string): ConfigKey {
  return { kind: "opaque", type, since: original, unset: null, about: "" };
}
