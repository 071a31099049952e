// Logging: the keys of [logging] that apply wherever lines go: the level and the format.
import { LOG_LEVELS, type LogLevel } from "../lib/ports.ts";
import { RUNNER_KEYS } from "./keys.ts";
import { noteMistake, noteWarning, type Resolver, textOf } from "./resolve.ts";

/** The format of the lines; an unknown one is a mistake. */
export function logFormatOf(resolver: Resolver): "text" | "json" {
  const path = ["logging", "format"] as const;
  const text = textOf(resolver, path) ?? RUNNER_KEYS.logging.format.default;
  if (text === "text" || text === "json") return text;
  const message = `Cannot set [logging] format to "${text}": there is no such format`;
  noteMistake(resolver, path, { message, hint: "One of text, json" });
  return "text";
}

/** The least severe level that is logged; an unknown word means the default, as in the original. */
export function levelOf(resolver: Resolver): LogLevel {
  const path = ["logging", "level"] as const;
  const text = textOf(resolver, path);
  const level = LOG_LEVELS.find((candidate) => candidate === text);
  if (level !== undefined) return level;
  const meant = text === null ? undefined : LOG_LEVELS.find((word) => word === text.toLowerCase());
  const used = meant ?? RUNNER_KEYS.logging.level.default;
  const state = text === null ? "is not set" : `"${text}" is none of ${LOG_LEVELS.join(", ")}`;
  noteWarning(resolver, path, `[logging] level ${state}: ${used} is used`);
  return used;
}
