// Tidy project: the rules of style that need to see all files at once.
import { basename } from "node:path";
import type { Source } from "./source.ts";
import { lineAt } from "./source.ts";
import type { Finding } from "./tidy.ts";

/** Import cycles, each reported once, at its first file by name. Type imports count as well. */
export function cycles(sources: readonly Source[]): readonly Finding[] {
  const next = new Map(sources.map((source) => [source.path, targetsOf(source)]));
  const reported = new Set<string>();
  const findings: Finding[] = [];
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]) => {
    const start = above.indexOf(path);
    if (start >= 0) {
      const cycle = above.slice(start);
      const key = cycle.toSorted().join(" ");
      if (!reported.has(key)) findings.push(cycleFinding(cycle));
      reported.add(key);
    }
    if (start >= 0 || done.has(path)) return;
    for (const target of next.get(path) ?? []) visit(target, [...above, path]);
    done.add(path);
  };
  for (const path of [...next.keys()].sort()) visit(path, []);
  return findings;
}

function cycleFinding(cycle: readonly string[]): Finding {
  const path = cycle.toSorted()[0] ?? "";
  const at = cycle.indexOf(path);
  const round = [...cycle.slice(at), ...cycle.slice(0, at), path].join(" → ");
  return { path, line: 1, message: `Break the cycle: ${round}` };
}

function targetsOf(source: Source): readonly string[] {
  return source.imports.flatMap(({ target }) => (target === null ? [] : [target]));
}

/** An import or export of values that is there as soon as the file is loaded. */
const LOADED = /^(?:import|export) (?!type\b)[^;]*? from "([^"]+)";/gm;

/** Modules of `slow` that are loaded with the entries, without any of them being called for. */
export function slowStart(
  sources: readonly Source[],
  { entries, slow }: { entries: readonly string[]; slow: readonly string[] },
): readonly Finding[] {
  const known = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const open = [...entries];
  const findings: Finding[] = [];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = known.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    const { uncommented, imports } = source;
    for (const { 1: specifier = "", index } of uncommented.matchAll(LOADED)) {
      const target = imports.find((one) => one.specifier === specifier)?.target;
      if (typeof target === "string") open.push(target);
      if (!slow.includes(specifier)) continue;
      const message = `Load "${specifier}" where it is needed (lib/late.ts): each start pays for it`;
      findings.push({ path, line: lineAt(uncommented, index), message });
    }
  }
  return findings;
}

/** Files of `sources` that no other of them imports, and that are not listed as entries. */
export function unused(sources: readonly Source[], entries: readonly string[]): readonly Finding[] {
  const imported = new Set(sources.flatMap(targetsOf));
  return sources
    .filter(({ path }) => !imported.has(path) && !entries.includes(path))
    .map(({ path }) => ({ path, line: 1, message: "Import the file somewhere, or remove it" }));
}

/** Files of `sources` that no test imports, directly or through a file that it imports. */
export function untested(
  sources: readonly Source[],
  { tests, exempt }: { tests: readonly Source[]; exempt: readonly string[] },
): readonly Finding[] {
  const known = new Map([...sources, ...tests].map((source) => [source.path, source]));
  const reached = new Set<string>();
  const open = tests.map(({ path }) => path);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = known.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    open.push(...targetsOf(source));
  }
  return sources
    .filter(({ path }) => !reached.has(path) && !exempt.includes(path))
    .map(({ path }) => ({
      path,
      line: 1,
      message: `Test it in test/${path.slice("src/".length).replace(/\.ts$/, ".test.ts")}`,
    }));
}

/** Invariants (I1 to the last one) that no test names. */
export function uncited(
  tests: readonly Source[],
  invariants: readonly string[],
): readonly Finding[] {
  const cited = new Set(tests.flatMap(({ text }) => text.match(/\bI\d+\b/g) ?? []));
  return invariants
    .filter((name) => !cited.has(name))
    .map((name) => ({ path: "test", line: 1, message: `Name ${name} in the test that proves it` }));
}

/** The words that the Terminology block of ports.ts defines. */
export function terminology(ports: Source): readonly string[] {
  const block = /^\/\/ Words[^\n]*\n((?:\/\/ {3,}[^\n]*\n)+)/m.exec(ports.text)?.[1] ?? "";
  const entry = /(?:^\/\/ {3}| {2,})([a-z]+(?: [a-z]+)?) {2,}(?=\S)/gm;
  return [...block.matchAll(entry)].map((match) => match[1] ?? "");
}

/** Words of the Terminology block that nothing else says. */
export function unsaid(ports: Source, sources: readonly Source[]): readonly Finding[] {
  const text = sources
    .filter(({ path }) => path !== ports.path)
    .map((source) => source.text)
    .join("\n");
  return terminology(ports)
    .filter((word) => !new RegExp(`\\b${word.replace(" ", "[ -]?")}`, "i").test(text))
    .map((word) => ({ path: ports.path, line: 1, message: `Use the word "${word}", or drop it` }));
}

/** Files that a comment sends the reader to, and that are not there. `paths`: all there are. */
export function lostFiles(
  sources: readonly Source[],
  paths: readonly string[],
): readonly Finding[] {
  /** What an operator writes: no files of this project. */
  const theirs = ["job.ts", "plugin.ts"];
  const named = /(?<![\w./-])(?:[\w-]+\/)*[\w-]+(?:\.test)?\.ts\b/g;
  return sources.flatMap((source) => {
    const { path, text, uncommented } = source;
    return [...text.matchAll(named)].flatMap(({ 0: name, index }) => {
      const isComment = uncommented.slice(index, index + name.length).trim() === "";
      if (!isComment || theirs.includes(name.replace(/^.*\//, ""))) return [];
      if (paths.some((other) => `/${other}`.endsWith(`/${name}`))) return [];
      const message = `Name a file that there is: no path ends in "${name}"`;
      return [{ path, line: lineAt(text, index), message }];
    });
  });
}

/** Two tests of one file with one name: a report could not tell which of them failed. */
export function twins(tests: readonly Source[]): readonly Finding[] {
  return tests.flatMap((source) => {
    const named = /\n( *)(test|describe)\(\s*(["`])((?:\\.|(?!\3)[^\\])*)\3/g;
    let group = "";
    const seen = new Set<string>();
    return [...source.uncommented.matchAll(named)].flatMap((match) => {
      const [, indent = "", kind, , name = ""] = match;
      if (kind === "describe") group = name;
      const full = `${indent === "" ? "" : group} ${name}`;
      if (kind === "describe" || !seen.has(full)) {
        seen.add(full);
        return [];
      }
      const line = lineAt(source.uncommented, match.index + 1);
      return [{ path: source.path, line, message: `Give the second "${name}" a name of its own` }];
    });
  });
}

/** A file as text, of any kind. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

// Written so that no pattern finds itself.
const MACHINE: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.-])\/(?:work|farm|workspace)\/[\w.-]+/g, "a path of one machine"],
  [/\/tmp\/bash[_]jobs/g, "a path of one machine"],
  [/\bregistr[y]\.(?:npmjs|yarnpkg)\b|\bnpm\.jsr\b|\bnpm-mirro[r]\b/g, "the host of a registry"],
  [/"resolve[d]": "http/g, "the host of a registry"],
];

/** Nothing in the project names one machine or one registry: it must build and run anywhere. */
export function machineBound(files: readonly TextFile[]): readonly Finding[] {
  return files.flatMap(({ path, text }) =>
    MACHINE.flatMap(([pattern, what]) =>
      [...text.matchAll(pattern)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        message: `Take "${match[0]}" out of ${basename(path)}: it is ${what}`,
      })),
    ),
  );
}
