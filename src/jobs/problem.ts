// Problem: what is wrong with a job.ts, as the operator sees it: place, message, lines of the file.
import { type ErrorDetail, RunnerError } from "../errors.ts";
import { firstOf } from "../text.ts";

/** A mistake in a module, as plain data that a worker can send. */
export interface ModuleProblem {
  readonly message: string;
  /** Null: the job's own file. */
  readonly path: string | null;
  /** Line in `path`, counted from 1; null when it is not known. */
  readonly line: number | null;
  /** Counted from 1. */
  readonly column: number | null;
  readonly hint: string | null;
}

/** A frame of a stack: a file of the operator's and a place in it. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Lines of a file above the one that a frame points at. */
const LINES_BEFORE = 1;

/** Longer lines are cut around the column. */
const FRAME_COLUMNS_MAX = 96;

/** `(path:line:column` or `at path:line:column`, with the path as a name or a file: URL. */
const PLACE = /(?:\(|\bat (?:async )?)(file:\/\/)?(\/[^\n]*?):(\d+):(\d+)\b/g;

/**
 * The lines around a place in a text, numbered, with a caret below the column.
 *
 * @returns Null when the text has no such line.
 */
export function codeFrame(text: string, line: number, column: number): string | null {
  const lines = text.split(/\r?\n/);
  const pointed = lines[line - 1];
  if (pointed === undefined) return null;
  const width = String(line).length;
  const start = Math.max(0, column - 1 - Math.floor(FRAME_COLUMNS_MAX / 2));
  const from = pointed.length <= FRAME_COLUMNS_MAX ? 0 : start;
  const shown = lines.slice(Math.max(0, line - 1 - LINES_BEFORE), line).map((code, index, all) => {
    const number = String(line - all.length + 1 + index).padStart(width);
    const part = firstOf(code.slice(from).replace(/^[\udc00-\udfff]/, " "), FRAME_COLUMNS_MAX);
    return `${number} | ${part}`.trimEnd();
  });
  const before = pointed.slice(from, column - 1).replace(/[^\t]/g, " ");
  return [...shown, `${" ".repeat(width)} | ${before}^`].join("\n");
}

/**
 * The topmost place in a stack that lies in one of the files, or null.
 *
 * @param text A stack, or a message that ends with a place as Deno's do.
 */
export function placeIn(text: string, files: { has(path: string): boolean }): Place | null {
  for (const [, scheme, written = "", line, column] of text.matchAll(PLACE)) {
    const path = scheme === undefined ? written : decodePath(written.replace(/\?.*$/, ""));
    if (files.has(path)) return { path, line: Number(line), column: Number(column) };
  }
  return null;
}

function decodePath(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}

/** The problem as the operator's mistake, with a frame of the file's text where there is one. */
export function problemError(
  problem: ModuleProblem,
  { job, path, textOf }: ProblemSource,
): RunnerError {
  const file = problem.path ?? path;
  const { line, column, hint } = problem;
  const text = line === null ? null : textOf(file);
  const frame = text === null || line === null ? null : codeFrame(text, line, column ?? 1);
  const detail: ErrorDetail = {
    job,
    path: file,
    ...(line === null ? {} : { line }),
    ...(column === null ? {} : { column }),
    ...(hint === null ? {} : { hint }),
    ...(frame === null ? {} : { frame }),
  };
  return new RunnerError("ENTITY", problem.message, detail);
}

/** Where a problem was found. */
export interface ProblemSource {
  readonly job: string;
  /** The file that defines the job. */
  readonly path: string;
  /** The text of a file, as it was read for the job; null when it was not. */
  textOf(path: string): string | null;
}
