// Notify: the section [notify] of runner.cfg: who is told of what goes wrong, and of what.
import { nearest } from "../errors.ts";
import type { Milliseconds } from "../time.ts";
import { RUNNER_KEYS } from "./keys.ts";
import { durationOf, listOf, noteMistake, type Resolver } from "./resolve.ts";

/** Who is told of what goes wrong. Without plugins: nobody. */
export interface NotifyConfig {
  readonly plugins: readonly string[];
  /** Null: of everything. */
  readonly on: readonly string[] | null;
  readonly repeatMs: Milliseconds | null;
}

/** What `[notify] on` may name. */
const EVENTS = [
  "failed",
  "missed",
  "dead",
  "late",
  "coverage",
  "refused",
  "calendar",
  "api",
  "cluster",
  "recovered",
];

/** Words of a list, which may be repeated keys or one text with commas. */
function wordsOf(resolver: Resolver, path: readonly [string, string]): readonly string[] {
  const words = listOf(resolver, path).flatMap((text) => text.split(","));
  return [...new Set(words.map((word) => word.trim()).filter((word) => word !== ""))];
}

/** The section [notify]; an event that there is not is a mistake. */
export function notifyOf(resolver: Resolver): NotifyConfig {
  const on = wordsOf(resolver, ["notify", "on"]);
  for (const word of on.filter((each) => !EVENTS.includes(each))) {
    const near = nearest(word, EVENTS);
    const hint = near === null ? `One of ${EVENTS.join(", ")}` : `Did you mean ${near}?`;
    const message = `Cannot set [notify] on to "${word}": there is no such event`;
    noteMistake(resolver, ["notify", "on"], { message, hint });
  }
  return {
    plugins: wordsOf(resolver, ["notify", "plugins"]),
    on: on.length === 0 ? null : on,
    repeatMs: durationOf(resolver, ["notify", "repeat"], RUNNER_KEYS.notify.repeat),
  };
}
