// Actions: what a collect or a dispatch of a body sends, and what came of it.
//
// A step's action is the job's own with some members replaced. When the agents do not fit into one
// target, the step has several actions, its parts; they are signed, journaled and posted as any
// other, and what they collect is put together into one result.
import { RunnerError } from "../errors.ts";
import { type Edges, say } from "../flow/edges.ts";
import { signAction } from "../flow/plan.ts";
import { actionAhead, type SignedWindow } from "../flow/signed-ahead.ts";
import { type ActionRow, type Completeness, hasEnded, type RunRow } from "../journal/inflight.ts";
import type { NewAction } from "../journal/journal.ts";
import type { BodyRow, NewStep, StepOutcome, StepRow } from "../journal/steps.ts";
import { type Action, actionName, parseTemplate } from "../mig/action.ts";
import { resolveTarget } from "../mig/target.ts";
import { mergeResults } from "./merge.ts";
import type { ActionRequest, CollectValue, DispatchValue } from "./messages.ts";

/** A run whose body is at work, with the rows that it began with. */
export interface ActiveRun {
  readonly run: RunRow;
  readonly body: BodyRow;
}

/** Whether a request is the job's own action as it was declared. */
function isOwn({ targets, changes }: ActionRequest): boolean {
  return targets === null && changes === null;
}

/**
 * Signs the actions of a step and journals them with it (I1).
 *
 * @returns What was planned; null when the run has ended in the meantime.
 * @throws {RunnerError} When the action, the key or the journal cannot be used.
 */
export async function planStep(
  edges: Edges,
  active: ActiveRun,
  order: { readonly step: NewStep; readonly request: ActionRequest },
): Promise<readonly ActionRow[] | null> {
  const { run, body } = active;
  const { step, request } = order;
  const own = isOwn(request);
  const agentsMax = request.agentsMax ?? body.agentsMax;
  refuseLongList(step.name, request, agentsMax);
  const begun = edges.journal.stepNamed(run.id, step.name);
  const parts: Omit<NewAction, "runId">[] = [];
  const ahead = signedWindow(edges, run);
  if (ahead !== null) refuseUnsigned(edges, { run, name: step.name, request });
  for (const [index, template] of templatesOf(edges, active, order).entries()) {
    const part = (begun?.failures ?? 0) + index;
    const sendOnly = request.kind === "dispatch";
    const kept = {
      job: run.job,
      step: step.name,
      part,
      sendOnly,
      name: actionName(run.job, own ? "" : step.name),
      // A list says itself how many it can match.
      agentsMax: request.agents === null ? agentsMax : null,
      pageSize: request.pageSize,
      plugins: own && !sendOnly ? body.plugins : [],
    };
    const expiryMs = request.expiryMs ?? body.expiryMs;
    const live = { ...kept, template, expiryMs };
    const where = { job: run.job };
    parts.push(ahead === null ? await signAction(edges, live, where) : actionAhead(ahead, kept));
  }
  const now = edges.clock.now();
  return await edges.journal.write((transaction) => {
    if (transaction.run(run.id)?.state !== "open") return null;
    const row = transaction.stepNamed(run.id, step.name) ?? transaction.insertStep(step);
    if (row?.state !== "begun") return null;
    return parts.map((part) => transaction.insertAction({ ...part, runId: run.id }, now));
  });
}

/** The window that a run of a job that is signed ahead has taken; null for any other run. */
function signedWindow({ journal }: Edges, run: RunRow): SignedWindow | null {
  const window = journal.windowOfRun(run.id);
  const calendar = window === null ? null : journal.calendarById(window.calendarId);
  return window === null || calendar === null ? null : { window, calendar };
}

/** @throws {RunnerError} CALENDAR, for a step whose action nobody has signed ahead. */
function refuseUnsigned(
  { journal }: Edges,
  order: { readonly run: RunRow; readonly name: string; readonly request: ActionRequest },
): void {
  const { run, name, request } = order;
  // What to do is part of the message: it becomes the note of the run.
  const refuse = (state: string): never => {
    const message = `Cannot dispatch "${name}": ${state}`;
    throw new RunnerError("CALENDAR", message, { job: run.job });
  };
  if (!isOwn(request) || request.expiryMs !== null) {
    refuse(
      "it needs a live key, and the job is signed ahead (only its own action, as it is declared, " +
        'is in its calendar: make the step a job of its own, or set signing = "live")',
    );
  }
  if (journal.actionsOf(run.id).length > 0) {
    refuse("the run has posted the action of its window already, which is posted once");
  }
}

function refuseLongList(name: string, { agents }: ActionRequest, agentsMax: number | null): void {
  if (agents === null || agentsMax === null || agents <= agentsMax) return;
  const message = `Cannot dispatch "${name}": it lists ${agents} agents, maxAgents is ${agentsMax}`;
  throw new RunnerError("ACTION", message);
}

/** One template for each part. */
function templatesOf(
  edges: Edges,
  { body, run }: ActiveRun,
  { step, request }: { readonly step: NewStep; readonly request: ActionRequest },
): readonly Action[] {
  const { targets, changes, agents } = request;
  const declared = body.template === null ? null : edges.journal.source(body.template);
  if (declared === null && (targets === null || changes === null)) {
    const message = `Cannot dispatch "${step.name}": the job has no action of its own`;
    const hint = "Give the step a target and operations, or the job an action";
    throw new RunnerError("ACTION", message, { job: run.job, hint });
  }
  // Read by the rules of Go, as a template is: numbers keep the form that they were written in.
  const own = templateOf(declared ?? "{}");
  const changed = templateOf(changes ?? "{}");
  const names = Object.keys(JSON.parse(changes ?? "{}") as object) as (keyof Action)[];
  const replaced = Object.fromEntries(names.map((name) => [name, changed[name]]));
  const template: Action = { ...own, ...replaced };
  const wanted = targets ?? [own.target];
  return wanted.map((target) => ({
    ...template,
    target: agents === null && targets !== null ? resolveTarget(target, edges.macros) : target,
  }));
}

function templateOf(json: string): Action {
  return parseTemplate(new TextEncoder().encode(json));
}

/** The actions of a step, without those that an operator has given up for a new try. */
export function partsOf(edges: Pick<Edges, "journal">, step: StepRow): readonly ActionRow[] {
  return edges.journal
    .actionsOf(step.runId)
    .filter(({ step: name, part }) => name === step.name && part >= step.failures);
}

/**
 * What a step has come to, all whose actions have ended.
 *
 * @param signal Gives up what takes long.
 * @throws {Error} When results cannot be put together.
 */
export async function settleStep(
  edges: Edges,
  step: StepRow,
  signal?: AbortSignal,
): Promise<StepOutcome> {
  const parts = partsOf(edges, step);
  const [first] = parts;
  if (first === undefined || !parts.every(hasEnded)) throw new Error("it is still in flight");
  const failed = parts.filter(({ state }) => state === "failed");
  if (failed.length > 0) {
    const share = parts.length === 1 ? "" : ` (${failed.length} of its ${parts.length} actions)`;
    const why = failed[0]?.error ?? "no reason was recorded";
    const error = `${step.kind} "${step.name}" failed${share}: ${why}`;
    return { kind: "failed", error };
  }
  const actionIds = parts.flatMap(({ actionId }) => actionId ?? []);
  if (step.kind === "dispatch") return saved<DispatchValue>({ actionIds });
  if (parts.length === 1) {
    const { completeness, resultPath: path } = first;
    const value = { actionIds, path, completeness: plainCounts(completeness) };
    return saved<CollectValue>(value);
  }
  const { completeness, path } = await mergeResults(edges, parts, signal);
  say(
    edges,
    { ...first, actionId: null },
    "info",
    `put the results of ${parts.length} actions together in ${path}`,
  );
  const value = { actionIds, path, completeness: plainCounts(completeness) };
  return saved<CollectValue>(value);
}

function saved<Value>(value: Value): StepOutcome {
  return { kind: "saved", value: JSON.stringify(value) };
}

function plainCounts(completeness: Completeness | null): CollectValue["completeness"] {
  const { fetched = 0, sent = null, statuses = {}, listed } = completeness ?? {};
  return { fetched, sent, statuses, ...(listed === undefined ? {} : { listed }) };
}

/** What a step without an agent comes to at once. */
export function emptyOutcome({ kind }: ActionRequest): StepOutcome {
  if (kind === "dispatch") return saved<DispatchValue>({ actionIds: [] });
  const completeness = { fetched: 0, sent: 0, statuses: {}, listed: 0 };
  return saved<CollectValue>({ actionIds: [], path: null, completeness });
}
