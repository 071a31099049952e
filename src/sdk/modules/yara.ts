// Yara: the module that scans files with yara rules.
import * as v from "valibot";
import { ageRule, FILE_CHECKS, hashRule, modeRule, sizeRule } from "./file.ts";
import { defineModule } from "./module.ts";
import { filled, invertiblePattern, members, type TextRule, text } from "./rules.ts";

/** What to scan, and for what. */
export interface YaraParameters {
  /** The rules, in the language of yara. Mistakes in them show when an agent runs them. */
  readonly yara: string;
  /**
   * Which files: options of the file module's command line, such as
   * "-path /usr/bin -name '^ls$'". Agents read a quoted part from the first quote of its kind to
   * the last one. @default none: nothing is scanned
   */
  readonly filesearch?: string | undefined;
}

/** A file that rules matched. Its members begin with capital letters on the wire. */
export interface YaraMatch {
  /** Path of the file. */
  readonly Object: string;
  readonly MatchedRules: readonly string[];
}

/** The files; null when there are none. */
export interface YaraElements {
  readonly Matches: readonly YaraMatch[] | null;
}

/** @see modules/yara/yara.go `moduleArguments` of the original */
const ARGUMENT = /'.+'|".+"|[^\t\n\f\r ]+/g;

/** Options with a value, each with what agents refuse in it. */
const VALUES: Readonly<Record<string, TextRule>> = {
  path: filled,
  name: invertiblePattern,
  content: invertiblePattern,
  size: sizeRule,
  mode: modeRule,
  mtime: ageRule,
  md5: hashRule(32),
  sha1: hashRule(40),
  sha2: hashRule(64, 96, 128),
  sha3: hashRule(56, 64, 96, 128),
  mismatch: (check) =>
    FILE_CHECKS.some((name) => name === check) ? null : "there is no such check",
  maxdepth: numberRule,
  maxerrors: numberRule,
  matchlimit: numberRule,
};

const FLAGS = ["matchall", "matchany", "macroal", "verbose", "returnsha256", "decompress"];

function numberRule(digits: string): string | null {
  return /^\d+$/.test(digits) ? null : "a whole number is wanted";
}

/** @see modules/file/paramscreator.go `ParamsParser` of the original */
function searchRule(search: string): string | null {
  if (search === "") return null;
  const argv = search.match(ARGUMENT) ?? [];
  const merged = argv.find((part) => /^(['"]).*\1.*\1$/.test(part));
  if (merged !== undefined) return `agents read ${merged} as one quoted part`;
  const words = argv.map((part) => part.replace(/^"+|"+$/g, "").replace(/^'+|'+$/g, ""));
  return optionsFault(words);
}

function optionsFault(words: readonly string[]): string | null {
  let hasPath = false;
  for (let at = 0; at < words.length; at++) {
    const [, name = "", inline] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(words[at] ?? "") ?? [];
    if (FLAGS.includes(name) && inline === undefined) continue;
    const rule = Object.hasOwn(VALUES, name) ? VALUES[name] : undefined;
    if (rule === undefined) return `there is no option ${words[at]}`;
    if (inline === undefined) at += 1;
    const value = inline ?? words[at];
    const why = value === undefined ? "it needs a value" : rule(value);
    if (why !== null) return `-${name}: ${why}`;
    hasPath ||= name === "path";
  }
  return hasPath ? null : "-path is wanted";
}

/** The yara module. @see modules/yara/yara.go `ValidateParameters` of the original */
export const yara = defineModule<YaraParameters, YaraElements, unknown>({
  module: "yara",
  parameters: members({ yara: text(filled), filesearch: v.optional(text(searchRule)) }),
  elements: v.looseObject({
    Matches: v.nullable(
      v.array(v.looseObject({ Object: v.string(), MatchedRules: v.array(v.string()) })),
    ),
  }),
  statistics: v.unknown(),
});
