// Tidy: the rules of style that no linter knows, as pure functions over sources.
//
// Every rule answers with findings; none is the wanted answer. A finding says what to do instead.
import { ARROWS, GROUND } from "./arrows.ts";
import type { Source } from "./source.ts";
import { lineAt } from "./source.ts";

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** `path:line: message`, as editors open it. */
export function formatFinding({ path, line, message }: Finding): string {
  return `${path}:${line}: ${message}`;
}

/** A rule that looks at one file. */
export type Rule = (source: Source) => readonly Finding[];

const LINES_MAX = 400;
const COLUMNS_MAX = 100;

/** All places in `text` that a pattern matches, one finding a place. */
function findAll(
  source: Source,
  pattern: RegExp,
  { text, message }: { text: string; message: string | ((match: string) => string) },
): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: source.path,
    line: lineAt(text, match.index),
    message: typeof message === "string" ? message : message(match[0]),
  }));
}

/** The first line says what the file is: `// Name: what it is.` */
export function header(source: Source): readonly Finding[] {
  if (/^\/\/ [A-Z][\w ./()-]*: \S.*$/m.test(source.text.split("\n")[0] ?? "")) return [];
  const message = "Begin the file with `// Name: what it is.`";
  return [{ path: source.path, line: 1, message }];
}

/** The name in the first line is the file's own, so that who looks for one finds the other. */
export function title({ path, text }: Source): readonly Finding[] {
  const name = /([^/]+)\.tsx?$/.exec(path)?.[1] ?? "";
  const said = /^\/\/ ([^:\n]*):/.exec(text)?.[1] ?? "";
  const plain = (words: string) => words.replace(/ \(.*\)|[^a-z0-9]/gi, "").toLowerCase();
  if (plain(said) === plain(name)) return [];
  const message = `Begin the file with its own name, "${name}": it says "${said}"`;
  return [{ path, line: 1, message }];
}

/** Files that are longer because the reader wants all of it in one place. */
const WHOLE: Readonly<Record<string, number>> = {
  // The states of actions, deliveries and runs, and every transition between them.
  "src/journal/inflight.ts": 450,
  // Classes that are one thing, with what they own.
  "src/testkit/history.ts": 420,
  "src/workflow/execution.ts": 420,
  "src/workflow/run.ts": 420,
};

/** Files end within 400 lines. */
export function fileLength({ path, text }: Source): readonly Finding[] {
  const lines = text.trimEnd().split("\n").length;
  const most = WHOLE[path] ?? LINES_MAX;
  if (lines <= most) return [];
  const message = `Split the file: it has ${lines} lines, wanted at most ${most}`;
  return [{ path, line: LINES_MAX + 1, message }];
}

/**
 * A line that holds one text (or a comment inside one), which is kept whole so that it can be
 * searched for: a message, a pattern, the name of a test, an import. The formatter does not break
 * these, and they may reach as far as they need to, up to 120 columns.
 */
const WHOLE_TEXT = /(["'`/](\S{0,6}| \+)|=> \{|, async \(.*|[\w}] from ".*";)$/;
const TEXT_COLUMNS_MAX = 120;

/** Lines end within 100 columns. */
export function lineLength({ path, text }: Source): readonly Finding[] {
  return text.split("\n").flatMap((line, index) => {
    const columns = [...line].length;
    if (columns <= (WHOLE_TEXT.test(line) ? TEXT_COLUMNS_MAX : COLUMNS_MAX)) return [];
    const message = `Break the line: it has ${columns} columns, wanted at most ${COLUMNS_MAX}`;
    return [{ path, line: index + 1, message }];
  });
}

/** Files that stand at the top and put the parts together. */
const TOP = ["src/main.ts", "src/worker.ts"];

function partOf(path: string): string {
  const [, part = ""] = /^src\/((?:lib\/)?[^/]+?)(?:\.ts$|\/)/.exec(path) ?? [];
  return part;
}

/** Imports follow the arrows. */
export function importDirection(source: Source): readonly Finding[] {
  const from = partOf(source.path);
  return source.imports.flatMap(({ target, line }) => {
    if (target === null || TOP.includes(source.path)) return [];
    const mistake = wrongImport(from, target);
    return mistake === null ? [] : [{ path: source.path, line, message: mistake }];
  });
}

/** No arrow is listed that nobody uses. */
export function unusedArrows(sources: readonly Source[]): readonly string[] {
  const used = new Set(
    sources.flatMap(({ path, imports }) =>
      imports.map(({ target }) => `${partOf(path)} → ${partOf(target ?? "")}`),
    ),
  );
  const listed = Object.entries(ARROWS).flatMap(([from, targets]) =>
    targets.filter((to) => to !== "*").map((to) => `${from} → ${to}`),
  );
  return listed.filter((arrow) => !used.has(arrow));
}

function wrongImport(from: string, target: string): string | null {
  if (!target.startsWith("src/")) return `Do not import "${target}": src/ imports only from src/`;
  if (TOP.includes(target)) return `Do not import "${target}": nothing stands above it`;
  const to = partOf(target);
  const allowed = ARROWS[from];
  if (allowed === undefined) return `Add "${from}" to ARROWS, with what it may import`;
  const isGround = GROUND.includes(target) && !["errors", "text", "time"].includes(from);
  if (from === to || isGround || allowed.includes("*") || allowed.includes(to)) return null;
  return `Do not import "${target}" here: take what it gives as a parameter, or through a port`;
}

/** Where effects live. Everything else decides, and is handed what it needs. */
const EFFECTFUL =
  /^src\/((edge|lib\/(http|log|os|pgp)|journal\/(postgres|sqlite))\/.*|(main|worker|lib\/late|sandbox\/server)\.ts)$/;

const EFFECTS: readonly (readonly [RegExp, string])[] = [
  [
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bTemporal\.Now\.(?!timeZoneId)/g,
    "Take `now` or Clock",
  ],
  [/\b(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/g, "Wait with Clock"],
  [/\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b|\brandomBytes\b/g, "Take a Random"],
  [/(?<![.\w])process\.\w+/g, "Take the value as a parameter from main.ts"],
  [/(?<![.\w])fetch\(|\bnew WebSocket\b|\bnew Worker\b/g, "Go through a port of edge/"],
  [/\bconsole\.\w+/g, "Take a Log, or an output to write to"],
];

/** Clock, timers, randomness, environment, network and output only in edge/, main.ts, worker.ts. */
export function effects(source: Source): readonly Finding[] {
  if (EFFECTFUL.test(source.path)) return [];
  return EFFECTS.flatMap(([pattern, instead]) =>
    findAll(source, pattern, {
      text: source.code,
      message: (match) => `Do not use \`${match}\` here. ${instead}`,
    }),
  );
}

/** What differs between Bun and Deno is in this one file. */
const RUNTIME = "src/lib/os/runtime.ts";

/** `Bun`, `Deno` and their modules only in lib/os/runtime.ts: the rest runs under both. */
export function oneRuntime(source: Source): readonly Finding[] {
  if (source.path === RUNTIME) return [];
  const message = `Use a web or node: interface, or add what is missing to ${RUNTIME}`;
  return [
    ...findAll(source, /\b(?:Bun|Deno)\b(?=\s*[.?[])|\btypeof (?:Bun|Deno)\b/g, {
      text: source.code,
      message,
    }),
    ...source.imports
      .filter(({ specifier }) => /^(?:bun|deno|jsr|npm)(?::|$)/.test(specifier))
      .map(({ line }) => ({ path: source.path, line, message })),
  ];
}

/** Modules of Node that compute and touch nothing. Null: all of it; else these names. */
const PURE_MODULES: Readonly<Record<string, readonly string[] | null>> = {
  "node:assert": null,
  "node:assert/strict": null,
  "node:buffer": null,
  "node:crypto": ["createHash", "createHmac", "hash", "timingSafeEqual", "Hash", "Hmac"],
  "node:path": ["posix"],
  "node:path/posix": null,
  "node:url": null,
  "node:util": ["parseArgs", "isDeepStrictEqual"],
  "node:zlib": null,
};

/** Modules of Node that touch the world only in edge/, main.ts, worker.ts, sandbox/server.ts. */
export function nodeModules(source: Source): readonly Finding[] {
  if (EFFECTFUL.test(source.path)) return [];
  return source.imports.flatMap(({ specifier, names, line }) => {
    if (!specifier.startsWith("node:")) return [];
    const allowed = PURE_MODULES[specifier];
    const message = (what: string) => `Do not import ${what} here: go through a port of edge/`;
    if (allowed === undefined) return [{ path: source.path, line, message: message(specifier) }];
    if (allowed === null) return [];
    const used = names
      .split(",")
      .map((name) => name.replace(/^\s*(?:type\s+)?|\s+as\s.*|\s+$/g, ""));
    const wrong = used.filter((name) => name !== "" && !allowed.includes(name));
    if (wrong.length === 0 && names !== "") return [];
    const what = wrong.length === 0 ? `all of ${specifier}` : `${wrong.join(", ")} of ${specifier}`;
    return [{ path: source.path, line, message: message(what) }];
  });
}

/** One word for one thing, and no abbreviations: word → what to write. */
const SYNONYMS: Readonly<Record<string, string>> = {
  cfg: "config",
  ctx: "context, or what it is",
  res: "answer",
  req: "request",
  opts: "options",
  msg: "message",
  err: "error",
  cb: "what it does",
  payload: "action, result or body",
  task: "job, run or step",
};

/** Identifiers use the words of the terminology in ports.ts. */
export function words(source: Source): readonly Finding[] {
  const banned = Object.keys(SYNONYMS).join("|");
  // `err: 3` is the severity's own name, in a table.
  const whole = new RegExp(`(?<![\\w$#])#?(${banned})(?![\\w$])(?!: \\d)`, "g");
  return findAll(source, whole, {
    text: source.code,
    message: (match) => `Do not write "${match}": say ${SYNONYMS[match.replace("#", "")]}`,
  });
}

/** Every exported function and class says what it does, above its signature. */
export function documented(source: Source): readonly Finding[] {
  const lines = source.text.split("\n");
  const code = source.code.split("\n");
  const named = /^export (?:async )?(?:abstract )?(?:function\*?|class) (\w+)/;
  return code.flatMap((line, index) => {
    const name = named.exec(line)?.[1];
    if (name === undefined || lines[index - 1]?.trimEnd().endsWith("*/")) return [];
    const overloads = code.slice(0, index).filter((above) => named.exec(above)?.[1] === name);
    if (overloads.length > 0) return [];
    const message = `Document "${name}": one sentence, then units, bounds, defaults and errors`;
    return [{ path: source.path, line: index + 1, message }];
  });
}

/** Functions at the top of a file are declarations: named, and readable in any order. */
export function declarations(source: Source): readonly Finding[] {
  const variable = /^(?:export )?(?:const|let) \w+(?:: [^=\n]+)? = (?:async )?/;
  const value = /(?:function\b|(?:\([^()]*\)|\w+)(?:: [^=\n]+)? =>)/;
  const pattern = new RegExp(variable.source + value.source, "gm");
  return findAll(source, pattern, {
    text: source.code,
    message: "Write a top-level function as a declaration: function name() {}",
  });
}

/** Members of an object stand in it by themselves, a line each where one line is too short. */
export function packed(source: Source): readonly Finding[] {
  const message = "Write the members themselves, not an object of them that is spread";
  return findAll(source, /\.\.\.\{/g, { text: source.code, message });
}

/** Nothing is left for later, and the type checker is not silenced. */
export function leftovers(source: Source): readonly Finding[] {
  return [
    ...findAll(source, /\b(?:FIXM[E]|TOD[O]|XX[X]|HAC[K])\b/g, {
      text: source.text,
      message: (match) => `Do it now, or write down the limit it leaves, instead of "${match}"`,
    }),
    ...findAll(source, /@ts-(?:ignore|nocheck|expect-error)/g, {
      text: source.text,
      message: "Mend the type instead of silencing the checker",
    }),
    ...findAll(source, /\b(?:test|describe|it)\.(?:only|todo)\b/g, {
      text: source.code,
      message: "Run all tests, and write those that are missing",
    }),
  ];
}

/** A message names a verb, a thing and its state: `Cannot <verb> <thing> "<value>": <state>`. */
export function errorMessages(source: Source): readonly Finding[] {
  const raised = /new RunnerError\(\s*(?:"[A-Z]+"|\w+),\s*(?:"((?:\\.|[^"\\])*)"|`([^`]*)`)/g;
  return [...source.uncommented.matchAll(raised)].flatMap((match) => {
    const text = match[1] ?? match[2] ?? "";
    if (/^(?:\$\{|Cannot )/.test(text) && !text.endsWith(".")) return [];
    const message = 'Begin the message with "Cannot <verb>" and end it without a period';
    return [{ path: source.path, line: lineAt(source.uncommented, match.index), message }];
  });
}

/** Between two uses of a name, another user may have put a link to one of our files in its place. */
export function modesByName(source: Source): readonly Finding[] {
  const message = "Change the mode by the handle, or make it with its mode";
  return findAll(source, /(?<!\.)\bl?ch(?:mod|own)(?:Sync)?\(/g, { text: source.code, message });
}

/** A wait in a test is an event, or a moved fake clock. Polls may be short. */
export function sleeps(source: Source): readonly Finding[] {
  const message = "Wait for an event, or move the fake clock, instead of sleeping";
  const napMaxMs = 50;
  const timers = [...source.code.matchAll(/\bset(?:Timeout|Interval)\(/g)].flatMap(({ index }) => {
    const wait = lastArgument(source.code.slice(index));
    if (!/^[\d_]+$/.test(wait) || Number(wait.replaceAll("_", "")) <= napMaxMs) return [];
    return [{ path: source.path, line: lineAt(source.code, index), message }];
  });
  const naps = /\bBun\.sleep|\bsleepSync\b|\bAtomics\.wait\b|\bnode:timers\/promises\b/g;
  return [...timers, ...findAll(source, naps, { text: source.uncommented, message })];
}

/** The last argument of the call that `code` begins with, "" if the call does not end. */
function lastArgument(code: string): string {
  let depth = 0;
  let from = 0;
  for (let at = 0; at < code.length; at++) {
    const character = code[at] ?? "";
    if ("([{".includes(character)) depth += 1;
    if (")]}".includes(character)) depth -= 1;
    if ((character === "," || character === "(") && depth === 1) {
      const rest = code.slice(at + 1);
      // A trailing comma ends the list, it does not begin an argument.
      if (!/^\s*\)/.test(rest)) from = at + 1;
    }
    if (depth === 0 && at > 0 && character === ")") {
      return code.slice(from, at).replace(/,\s*$/, "").trim();
    }
  }
  return "";
}
