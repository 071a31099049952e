// Template: a job's action template (action.json, or part of its definition) as the action that
// will be signed.
import { posix } from "node:path";
import { type ErrorDetail, RunnerError } from "../errors.ts";
import type { Entity } from "../jobs/entity.ts";
import {
  type Action,
  actionMistakes,
  actionName,
  compressAction,
  dateAction,
  parseTemplate,
  sizeMistake,
} from "../mig/action.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Edges } from "./edges.ts";

/** An action template larger than this is refused. */
const TEMPLATE_SIZE_MAX = 16 * 1024 * 1024;

/** Reads and decodes the job's action template. */
export async function loadTemplate(
  edges: Pick<Edges, "spool">,
  entity: Pick<Entity, "job" | "path" | "template">,
): Promise<Action> {
  return readTemplate(entity, await templateBytes(edges, entity));
}

/** The job's action template as it is written. */
export async function templateBytes(
  { spool }: Pick<Edges, "spool">,
  { job, template }: Pick<Entity, "job" | "template">,
): Promise<Uint8Array> {
  if (template.kind === "inline") return new TextEncoder().encode(template.json);
  return await spool.read(job, template.name, TEMPLATE_SIZE_MAX);
}

/** The file to name when there is a mistake in a job's action. */
export function templatePath({ path, template }: Pick<Entity, "path" | "template">): string {
  return template.kind === "inline" ? path : posix.join(posix.dirname(path), template.name);
}

/** The action that a template is. @throws {RunnerError} ACTION, with the place of the mistake. */
export function readTemplate(
  entity: Pick<Entity, "job" | "path" | "template">,
  bytes: Uint8Array,
): Action {
  try {
    return parseTemplate(bytes);
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    const { line, column, ...detail } = error.detail;
    // An inline template has no line numbers that the operator could look up.
    const place = entity.template.kind === "inline" ? {} : { line, column };
    const where = { ...detail, ...place, job: entity.job, path: templatePath(entity) };
    throw new RunnerError(error.code, error.message, where as ErrorDetail, { cause: error });
  }
}

/**
 * Dates and compresses a template: what will be signed.
 *
 * @throws {RunnerError} ACTION, when the API would refuse it whatever the signature.
 */
export function prepareAction(
  template: Action,
  order: { readonly name: string; readonly now: Instant; readonly expiryMs: Milliseconds },
  where: ErrorDetail = {},
): Action {
  const dated = dateAction(template, order);
  const compressed = compressAction(dated);
  const mistake = actionMistakes(dated)[0] ?? sizeMistake(compressed);
  if (mistake !== null) {
    throw new RunnerError("ACTION", mistake.message, { ...where, hint: mistake.hint });
  }
  return compressed;
}

/** The action of a job as it would be signed at `now`. @throws {RunnerError} ACTION. */
export function draftAction(template: Action, entity: Entity, now: Instant): Action {
  const { job, expiryMs } = entity;
  const order = { name: actionName(job), now, expiryMs };
  return prepareAction(template, order, { job, path: templatePath(entity) });
}
