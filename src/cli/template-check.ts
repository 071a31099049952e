// Template check: everything that is wrong or odd about the action that a job would post.
import { describeError, type ErrorDetail, RunnerError } from "../errors.ts";
import { readTemplate, templateBytes, templatePath } from "../flow/template.ts";
import type { Entity } from "../jobs/entity.ts";
import { JOB_KEYS } from "../jobs/keys.ts";
import type { Clock } from "../lib/ports.ts";
import {
  type Action,
  type ActionMistake,
  actionMistakes,
  actionName,
  compressAction,
  dateAction,
  hasStaleSignatures,
  positionOf,
  sizeMistake,
} from "../mig/action.ts";
import { picksProcesses, targetMistakes } from "../mig/target.ts";
import type { Spool } from "../ports.ts";
import { lintTemplate, type Oddity } from "../sdk/modules/lint.ts";
import type { Gathering } from "./findings.ts";
import { errorsOf } from "./jobs.ts";

/** The part of a job that says which action it posts. */
export type Templated = Pick<Entity, "job" | "path" | "template"> &
  Partial<Pick<Entity, "expiryMs">>;

export interface TemplateEdges {
  readonly spool: Spool;
  readonly clock: Clock;
}

/**
 * Adds what is wrong with a job's action template to what was found.
 *
 * @param place Of the action, when it is in the job's program.
 */
export async function checkTemplate(
  found: Gathering,
  entity: Templated,
  { spool, clock, place }: TemplateEdges & { readonly place: ErrorDetail },
): Promise<void> {
  const { mistakes, warnings } = found;
  const path = templatePath(entity);
  try {
    const bytes = await templateBytes({ spool }, entity);
    const isInline = entity.template.kind === "inline";
    const whereOf = (offset: number): ErrorDetail =>
      isInline ? place : { job: entity.job, path, ...positionOf(bytes, offset) };
    const oddities = lintTemplate(bytes);
    for (const oddity of oddities) tell(found, oddity, whereOf(oddity.offset));
    const action = readTemplate(entity, bytes);
    // What is only misspelt is not told as missing as well.
    const meant = oddities.map((oddity) => oddity.meant);
    const where = isInline ? place : { job: entity.job, path };
    for (const { member, message, hint } of refusals(action, entity, clock)) {
      if (meant.includes(member)) continue;
      mistakes.push(new RunnerError("ACTION", message, { ...where, hint }));
    }
    warnings.push(...targetWarnings(action.target, where));
    if (hasStaleSignatures(action)) {
      warnings.push(`${path}: its signature can never hold and is left out (remove pgpsignatures)`);
    }
  } catch (error) {
    mistakes.push(...errorsOf(error));
  }
}

function tell(
  { mistakes, warnings }: Gathering,
  { isMistake, message, hint }: Oddity,
  where: ErrorDetail,
): void {
  const error = new RunnerError("ACTION", message, hint === null ? where : { ...where, hint });
  if (isMistake) mistakes.push(error);
  else warnings.push(describeError(error));
}

/** What the API takes and the scheduler cannot run, or runs otherwise than was meant. */
function targetWarnings(target: string, where: ErrorDetail): string[] {
  const warn = (message: string, hint: string): string =>
    describeError(new RunnerError("ACTION", message, { ...where, hint }));
  const mistakes = targetMistakes(target);
  return [
    ...(mistakes.length === 0
      ? []
      : [warn(`Cannot run the target: ${mistakes.join(", ")}`, "mend the SQL of the target")]),
    ...(picksProcesses(target)
      ? [
          warn(
            "The target picks agents by id: one that was restarted has another id",
            "pick hosts: queueloc IN (SELECT queueloc FROM agents WHERE id IN (...))",
          ),
        ]
      : []),
  ];
}

/** What the API would refuse, whatever the signature. */
function refusals(template: Action, { job, expiryMs }: Templated, clock: Clock): ActionMistake[] {
  const order = { name: actionName(job), now: clock.now() };
  const action = dateAction(template, { ...order, expiryMs: expiryMs ?? JOB_KEYS.expiry.default });
  return [...actionMistakes(action), sizeMistake(compressAction(action)) ?? []].flat();
}
