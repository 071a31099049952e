// Read: a configuration file by the language that its name ends in.
import { readGcfg } from "./gcfg.ts";
import type { Reading } from "./settings.ts";
import { readToml, type TomlOptions } from "./toml.ts";

/** The settings of a file: TOML when its path ends in `.toml`, otherwise gcfg. */
export function readSettings(bytes: Uint8Array, options: TomlOptions): Reading {
  return options.path.endsWith(".toml") ? readToml(bytes, options) : readGcfg(bytes, options);
}
