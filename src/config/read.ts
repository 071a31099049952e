// Read: reads a configuration file as TOML or gcfg, by the ending of its name.
import { wideEncoding } from "../text.ts";
import { readGcfg } from "./gcfg.ts";
import { mistakeAt, type Reading } from "./settings.ts";
import { readToml, type TomlOptions } from "./toml.ts";

/** The settings of a file: TOML when its path ends in `.toml`, otherwise gcfg. */
export function readSettings(bytes: Uint8Array, options: TomlOptions): Reading {
  const encoding = wideEncoding(bytes);
  if (encoding !== null) return unreadable(encoding, options);
  return options.path.endsWith(".toml") ? readToml(bytes, options) : readGcfg(bytes, options);
}

/** A file in another encoding: one mistake for the whole file. */
function unreadable(encoding: string, options: TomlOptions): Reading {
  const { path } = options;
  const hint = `The file is ${encoding}: save it as UTF-8`;
  const mistake = mistakeAt(
    options,
    { line: 1, column: 1 },
    { message: "illegal UTF-8 encoding", hint },
  );
  const file = { path, sections: new Map(), subsections: new Map(), warnings: [] };
  return { file, mistakes: [mistake] };
}
