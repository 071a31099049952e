// Deed: what the deeds of `calendar` have in common: reading a file, and what is said of it.

import type { Fact } from "../../calendar/describe.ts";
import {
  CALENDAR_SIZE_MAX,
  type Calendar,
  CalendarProblem,
  decodeCalendar,
} from "../../calendar/file.ts";
import { type ErrorDetail, RunnerError } from "../../errors.ts";
import { errnoText } from "../../lib/os/errno.ts";
import { readRegular } from "../../lib/os/read.ts";
import type { Call } from "../verb.ts";

/** One of the things that can be done with calendars. */
export interface Deed {
  /** What its one word is, for usage. */
  readonly word: "JOB" | "FILE";
  /** Resolves with the exit status. */
  run(call: Call, word: string): Promise<number>;
}

/**
 * Runs `work`; a CalendarProblem in it becomes `Cannot <attempt>: <problem>`.
 *
 * @param attempt Such as `install calendar "FILE"`.
 */
export async function asCalendarError<Value>(
  attempt: string,
  detail: ErrorDetail,
  work: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CalendarProblem)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new RunnerError("CALENDAR", `Cannot ${attempt}: ${error.message}`, {
      ...detail,
      ...hint,
    });
  }
}

/** The bytes of a file. @throws {RunnerError} CALENDAR, `Cannot <attempt>: <reason>`. */
export function readFileFor(attempt: string, path: string): Uint8Array {
  try {
    return readRegular(path, { sizeMax: CALENDAR_SIZE_MAX });
  } catch (cause) {
    const message = `Cannot ${attempt}: "${path}" cannot be read: ${errnoText(cause)}`;
    throw new RunnerError("CALENDAR", message, {}, { cause });
  }
}

/** The calendar that a file holds. @param verb Such as "sign". */
export async function readCalendar(verb: string, path: string): Promise<Calendar> {
  const attempt = `${verb} calendar "${path}"`;
  const bytes = readFileFor(attempt, path);
  return await asCalendarError(attempt, {}, () => decodeCalendar(bytes));
}

/** Facts as lines: labels in one column, nothing wrapped, because every blank may matter. */
export function factLines(facts: readonly Fact[]): readonly string[] {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
}
