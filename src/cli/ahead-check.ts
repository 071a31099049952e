// Ahead check: which jobs can be signed ahead, what of them cannot, and what is missing of those
// that are to be.

import { templateHash, undated } from "../calendar/action.ts";
import { aheadFault } from "../calendar/coverage.ts";
import { CalendarProblem } from "../calendar/file.ts";
import { RunnerError } from "../errors.ts";
import { coverageNow } from "../flow/signed-ahead.ts";
import { loadTemplate } from "../flow/template.ts";
import type { JobState } from "../jobs/catalog.ts";
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import type { Journal } from "../journal/journal.ts";
import type { Clock } from "../lib/ports.ts";
import { actionName } from "../mig/action.ts";
import type { Spool } from "../ports.ts";
import type { Gathering } from "./findings.ts";
import { hasAction } from "./jobs.ts";

/** What a job is held against. */
interface Around {
  readonly spool: Spool;
  readonly clock: Clock;
  /** Null when there is none, or none that can be read. */
  readonly journal: Journal | null;
}

/** Adds whether a job can be signed ahead; for one that is to be, also what is wrong with that. */
export async function checkAhead(
  { mistakes, warnings, ahead }: Gathering,
  state: JobState,
  around: Around,
): Promise<void> {
  const { job, entity } = state;
  if (entity === null) return;
  const now = around.clock.now();
  const fault = aheadFault({ entity, hasAction: await hasAction(entity) }, now);
  const { signing, path } = entity;
  ahead.push({ job, signing, can: fault === null, reason: fault ?? partOf(entity) });
  if (!isSignedAhead(entity)) return;
  if (fault !== null) {
    const message = `Cannot sign job "${job}" ahead: ${fault}`;
    mistakes.push(new RunnerError("CALENDAR", message, { job, path, hint: HINT }));
    return;
  }
  const { warning } = coverageNow(around.journal, entity, now);
  if (warning !== null) warnings.push(`${path}: calendar: ${warning}`);
  if (await isChanged(entity, around)) {
    warnings.push(`${path}: calendar: the action is not the one that was signed: ${DIFF} ${job}`);
  }
}

const HINT = 'mend that, or set signing = "live"';

const DIFF = "mig-runner calendar diff";

/** What of a job that can be signed ahead cannot. */
function partOf({ workflow }: Entity): string | null {
  return workflow ? "only its own action: steps with others need a live key" : null;
}

/** Whether the job's action is another than the one in its calendar. Macros are not looked at. */
async function isChanged(entity: Entity, { spool, journal }: Around): Promise<boolean> {
  const row = journal?.calendar(entity.job) ?? null;
  if (row === null || entity.template.kind !== "file") return false;
  try {
    const template = await loadTemplate({ spool }, entity);
    return templateHash(undated(template, actionName(entity.job))) !== row.template;
  } catch (error) {
    // What is wrong with the template is told where it is checked.
    if (error instanceof RunnerError || error instanceof CalendarProblem) return false;
    throw error;
  }
}
