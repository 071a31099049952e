// Settings file: a configuration text that must be whole, for tests that look at what it says.
import { readGcfg } from "../../src/config/gcfg.ts";
import type { Reading, ReadOptions, SettingsFile } from "../../src/config/settings.ts";
import { readToml, type TomlOptions } from "../../src/config/toml.ts";
import { RunnerErrors } from "../../src/errors.ts";

/** @throws {RunnerErrors} With all mistakes of the file. */
export function parseGcfg(bytes: Uint8Array, options: ReadOptions): SettingsFile {
  return wholeOf(readGcfg(bytes, options));
}

/** @throws {RunnerErrors} With all mistakes of the file. */
export function parseToml(bytes: Uint8Array, options: TomlOptions): SettingsFile {
  return wholeOf(readToml(bytes, options));
}

function wholeOf({ file, mistakes }: Reading): SettingsFile {
  if (mistakes.length > 0) throw new RunnerErrors(mistakes);
  return file;
}
