// Report: what `bun test` said, read back into counts and into the lines worth repeating.

/** Tests by outcome. A `todo` counts as skipped. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

/** The sum, member by member. */
export function addCounts(left: Counts, right: Counts): Counts {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

/** `N passed, N failed`, then `, N skipped` unless none was. */
export function formatCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

/** The totals of a JUnit file, or null when the text has none (the run was cut short). */
export function parseJunit(xml: string): Counts | null {
  const head = /<testsuites\b([^>]*)>/.exec(xml)?.[1];
  if (head === undefined) return null;
  const attribute = (name: string) =>
    Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? "0");
  const failed = attribute("failures") + attribute("errors");
  const skipped = attribute("skipped");
  return { passed: attribute("tests") - failed - skipped, failed, skipped };
}

/** The files of a JUnit file in which a test failed, each once. */
export function failedFilesOf(xml: string): readonly string[] {
  const files = [...xml.matchAll(/<testsuite\b([^>]*)>/g)].flatMap(([, attributes = ""]) => {
    const failures = Number(/\bfailures="(\d+)"/.exec(attributes)?.[1] ?? "0");
    const file = /\bfile="([^"]+)"/.exec(attributes)?.[1];
    return failures > 0 && file !== undefined ? [file] : [];
  });
  return [...new Set(files)];
}

/** What a line of `bun test` is. `broken` stands for a file that could not be run to its end. */
export type LineKind = "passed" | "failed" | "skipped" | "golden" | "broken" | "other";

const KINDS: readonly (readonly [RegExp, LineKind])[] = [
  [/^\(pass\) /, "passed"],
  [/^\(fail\) /, "failed"],
  [/^\((skip|todo)\) /, "skipped"],
  [/^golden \S+: \d+ of \d+/, "golden"],
  [/^# Unhandled error between tests/, "broken"],
];

/** Sorts one line, which has no newline and no colours. */
export function lineKind(line: string): LineKind {
  return KINDS.find(([pattern]) => pattern.test(line))?.[1] ?? "other";
}

/** Leaves out the names of files about which nothing more is said. */
export function withoutEmptyFiles(lines: readonly string[]): readonly string[] {
  const said = lines.filter((line) => line.trim() !== "");
  return said.filter((line, at) => !isFileName(line) || !isFileName(said[at + 1] ?? "a.test.ts:"));
}

function isFileName(line: string): boolean {
  return /^\S+\.test\.ts:$/.test(line);
}

/**
 * The counts of one `bun test` run. Files that could not be loaded and a run that ended badly are
 * failures too, although JUnit does not list them: such a run never counts as passed.
 *
 * @param exit The exit status; null when a signal ended the run.
 */
export function runCounts(run: {
  readonly xml: string;
  readonly lines: readonly string[];
  readonly exit: number | null;
}): Counts {
  const listed = parseJunit(run.xml) ?? NOTHING;
  const broken = run.lines.filter((line) => lineKind(line) === "broken").length;
  const failed = listed.failed + broken;
  const ranNothing = listed.passed + failed + listed.skipped === 0;
  const unexplained = failed === 0 && (run.exit !== 0 || ranNothing) ? 1 : 0;
  return { ...listed, failed: failed + unexplained };
}
