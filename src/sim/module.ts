// Module: what the answers of all modules have in common.
import type { Agent } from "./fleet.ts";
import { hash } from "./random.ts";

/** The result of one operation on one agent. Members that are missing are false or null. */
export interface ModuleResult {
  readonly foundanything?: boolean;
  readonly success?: boolean;
  readonly elements?: unknown;
  readonly statistics?: unknown;
  readonly errors?: readonly string[] | null;
}

/** What a module may look at. */
export interface Question {
  readonly agent: Agent;
  readonly module: string;
  /** The parameters, decompressed. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Microseconds since the Unix epoch: when the agent ran the operation. */
  readonly atMicros: number;
  /** Whether the agent is to find what is asked for. */
  readonly found: boolean;
  /** What all made-up values of this answer depend on. */
  readonly label: string;
}

/** A module that refuses its parameters: success is false, and this is the one error. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** The list of texts under a name; anything else counts as absent. */
export function textsOf(parameters: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = parameters[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The object under a name; anything else counts as empty. */
export function objectOf(
  parameters: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> {
  const value = parameters[name];
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : {};
}

/** A duration as Go prints it, of a plausible length for a module. */
export function durationText(label: string): string {
  const micros = 1_000 + (hash(label, "duration") % 90_000_000) / 1_000;
  return `${Number((micros / 1_000).toFixed(6))}ms`;
}

/** A name that a simple regular expression would match: its letters, digits and dashes. */
export function nameFromPattern(pattern: string, otherwise: string): string {
  const name = pattern.replace(/\\(.)/g, "$1").replace(/[^\w./-]/g, "");
  return name.replace(/^[.]+$/, "") || otherwise;
}
