// Encode: sections and values as a gcfg text, for `init` and for moving a configuration over.
import { RunnerError } from "../errors.ts";
import { isList, type SettingValue } from "./settings.ts";

/** A part of a gcfg text to write. `subsection` is null for a plain section. */
export interface GcfgSection {
  readonly name: string;
  readonly subsection: string | null;
  /** In order. A list becomes one line a value. */
  readonly values: readonly (readonly [key: string, value: SettingValue])[];
}

/**
 * Sections as a gcfg text that `readGcfg` reads back to the same values. Strings are quoted.
 *
 * @throws {RunnerError} When gcfg cannot hold a name or a value: it has no escape for carriage
 *   returns and NUL, and its names are letters, digits and dashes.
 */
export function encodeGcfg(sections: readonly GcfgSection[]): string {
  return sections.map(encodeSection).join("\n");
}

function encodeSection({ name, subsection, values }: GcfgSection): string {
  const header = [encodeName(name)];
  if (subsection !== null) header.push(encodeSubsection(subsection));
  const lines = values.flatMap(([key, value]) => {
    const items = isList(value) ? value : [value];
    return items.map((item) => `${encodeName(key)} = ${encodeScalar(item)}\n`);
  });
  return `[${header.join(" ")}]\n${lines.join("")}`;
}

function encodeName(name: string): string {
  if (/^\p{L}[\p{L}\p{Nd}-]*$/u.test(name)) return name;
  throw unwritable(`name "${name}"`, "a name is a letter, then letters, digits and dashes");
}

function encodeSubsection(name: string): string {
  if (name === "" || /[\n\r\0\p{Cs}]/u.test(name)) {
    throw unwritable(`subsection "${name}"`, "it must be one line of text");
  }
  return `"${name.replace(/[\\"]/g, "\\$&")}"`;
}

function encodeScalar(value: boolean | bigint | string): string {
  if (typeof value !== "string") return String(value);
  if (/[\r\0\p{Cs}]/u.test(value)) {
    throw unwritable("a value", "gcfg has no way to write a carriage return or NUL, use TOML");
  }
  const escaped = value.replace(/[\\"]/g, "\\$&");
  return `"${escaped.replaceAll("\n", "\\n").replaceAll("\t", "\\t")}"`;
}

function unwritable(what: string, why: string): RunnerError {
  return new RunnerError("CONFIG", `Cannot write ${what} as gcfg: ${why}`);
}
