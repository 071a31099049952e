// Answers: what a workflow run asks people, and what they say to it.
//
//   asked ──▶ answered (the run has it in the transaction of the verb) ──▶ saved
//     │  └──▶ answered, to be checked by the job's schema ──▶ saved, or refused: asked again
//     └── no one answers in time ──▶ an approval is denied, a wait has failed
//
// Owns:     the rows of such steps, from the question to the answer.
// Not here: who calls (cli/), when a run gets its answer (execution.ts), guards (flow/guard.ts).
//
// Invariant:
//   Q1. A question has one answer: it is written in one transaction, and never over another.
import { RunnerError } from "../errors.ts";
import { redated } from "../flow/clock-watch.ts";
import { awaitsApproval } from "../journal/guards.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { JournalReads, JournalTransaction } from "../journal/journal.ts";
import { asksPeople, due, type NewStep, type StepRow } from "../journal/steps.ts";
import { encodeValue } from "../lib/json/plain.ts";
import type { Approval } from "../sdk/wait.ts";
import { cutText, visible } from "../text.ts";
import { type Instant, limitText, type Milliseconds } from "../time.ts";
import type { PeopleRequest } from "./messages.ts";
import { callBody, openStep, recordEnd } from "./record.ts";

/** Characters of the JSON of one answer. */
export const ANSWER_SIZE_MAX = 64 * 1024;

/** What people are asked, as the journal keeps it. */
export interface Question {
  /** How long an answer is taken. */
  readonly ms: Milliseconds;
  /** What they are shown; null for nothing. */
  readonly show: unknown;
  /** Whether the schema of the job has a say in the answer. */
  readonly isChecked: boolean;
}

/** Who answered, as the journal keeps it. */
export interface Answer {
  readonly by: string;
  readonly why: string | null;
  readonly at: Instant;
  /** JSON that is still to be checked; missing once it has been. */
  readonly json?: string;
  /** How much was left of the time when it came, until it is checked. */
  readonly leftMs?: Milliseconds;
}

/** What somebody says. */
export type Said = Omit<Answer, "json" | "leftMs" | "at">;

/** What a step asks people; null for one that asks nobody. */
export function questionOf({ asked }: Pick<StepRow, "asked">): Question | null {
  return asked === null ? null : (JSON.parse(asked) as Question);
}

/** Who has answered a step; null: no one. */
export function answererOf({ answer }: Pick<StepRow, "answer">): Answer | null {
  return answer === null ? null : (JSON.parse(answer) as Answer);
}

/** Characters of what people are shown that go into a line of the log. */
const SHOWN_MAX = 500;

/** The JSON of an answer. @throws {TypeError|RangeError} When it cannot be kept, or is too long. */
export function encodeAnswer(value: unknown): string {
  const json = encodeValue(value) ?? "null";
  if (json.length <= ANSWER_SIZE_MAX) return json;
  throw new RangeError(`it has ${json.length} characters, ${ANSWER_SIZE_MAX} fit`);
}

/** What is asked in one line, with the word that answers it: `approval "dig": dig deeper (…)`. */
export function askedText(step: StepRow): string {
  const { kind, name } = step;
  const shown = showText(questionOf(step)?.show ?? null);
  const what = shown === "" ? "" : `: ${cutText(shown, SHOWN_MAX)}`;
  const noun = kind === "wait" ? "an answer to" : "approval";
  return `${noun} "${name}"${what} (${wayToAnswer(step)})`;
}

/** What a person types to answer, such as `mig-runner approve 12 dig, or deny`. */
export function wayToAnswer({
  kind,
  name,
  runId,
}: Pick<StepRow, "kind" | "name" | "runId">): string {
  const shown = visible(name);
  const word = /^[\w./:@%+=-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
  const typed = word.startsWith("-") ? `-- ${runId} ${word}` : `${runId} ${word}`;
  if (kind === "wait") return `mig-runner answer ${typed} JSON`;
  return `mig-runner approve ${typed}, or deny`;
}

/** What people are shown, as a text. */
export function showText(show: unknown): string {
  if (show === null) return "";
  return typeof show === "string" ? show : JSON.stringify(show);
}

/** Asks, or asks again after `resume`. Null when the run or the step has ended. */
export function recordAsked(
  transaction: JournalTransaction,
  { step, request }: { readonly step: NewStep; readonly request: PeopleRequest },
  now: Instant,
): StepRow | null {
  const { ms, show, isChecked } = request;
  const question: Question = { ms, show: JSON.parse(show ?? "null"), isChecked };
  const row = openStep(transaction, { ...step, asked: JSON.stringify(question) });
  if (row === null || row.answer !== null) return null;
  const asked = row.nextAt === null ? { ...row, ...due(now + ms, now) } : row;
  transaction.saveStep(asked);
  return asked;
}

/** The schema of the job has refused an answer: the wait goes on, with the time that was left. */
export function recordRefused(
  transaction: JournalTransaction,
  { step, why }: { readonly step: NewStep; readonly why: string },
  now: Instant,
): void {
  const row = openStep(transaction, step);
  const given = row === null ? null : answererOf(row);
  if (row === null || given === null) return;
  const error = `the answer of ${given.by} was refused: ${why}`;
  const left = due(now + (given.leftMs ?? 0), now);
  transaction.saveStep({ ...row, ...left, answer: null, error });
}

/** The schema of the job has made a value of an answer: the step has it. */
export function recordAccepted(
  transaction: JournalTransaction,
  { step, json }: { readonly step: NewStep; readonly json: string | null },
  now: Instant,
): void {
  const row = openStep(transaction, step);
  const given = row === null ? null : answererOf(row);
  if (row === null || given === null) return;
  const { json: _, leftMs: __, ...who } = given;
  transaction.saveStep({ ...row, answer: JSON.stringify(who), error: null });
  recordEnd(transaction, { step, outcome: { kind: "saved", value: json } }, now);
}

/** The time of a question is over. One that was answered meanwhile is left alone. */
export function recordLapsed(
  transaction: JournalTransaction,
  step: StepRow,
  now: Instant,
): StepRow | null {
  const row = openStep(transaction, step);
  const question = row === null ? null : questionOf(row);
  if (row === null || row.answer !== null || question === null) return null;
  const why = `no one answered within ${limitText(question.ms)}`;
  if (row.kind === "approval") {
    const value = JSON.stringify({ approved: false, by: null, why } satisfies Approval);
    return recordEnd(transaction, { step: row, outcome: { kind: "saved", value } }, now);
  }
  const last = row.error === null ? "" : `; ${row.error}`;
  const error = `wait "${row.name}": ${why}${last}`;
  return recordEnd(transaction, { step: row, outcome: { kind: "failed", error } }, now);
}

/** The questions of a run that no one has answered yet, in the order in which they were asked. */
export function openQuestions(journal: JournalReads, runId: number): readonly StepRow[] {
  const run = journal.run(runId);
  return run === null ? [] : questionsIn(run, journal.stepsOf(runId));
}

/** The same of a run whose steps are known. */
export function questionsIn(
  { state }: Pick<RunRow, "state">,
  steps: readonly StepRow[],
): readonly StepRow[] {
  if (state !== "open") return [];
  return steps.filter((step) => asksPeople(step) && step.state === "begun" && step.answer === null);
}

/** Whether a guard of its job holds a run back until a person says yes: see flow/guard.ts. */
export function isHeldByGuard(journal: JournalReads, runId: number): boolean {
  return journal.actionsOf(runId).some(awaitsApproval);
}

/** An answer to `run.waitFor`, or a person's word on `run.approval`. */
export type Reply =
  | { readonly kind: "wait"; readonly json: string }
  | { readonly kind: "approval"; readonly approved: boolean };

/** What became of an answer. */
export interface Replied {
  readonly job: string;
  readonly name: string;
  /** Whether the run has it: otherwise the schema of the job is asked first. */
  readonly isTaken: boolean;
}

/**
 * Gives a run an answer.
 *
 * @param order.name Null: the only approval that it waits for.
 * @throws {RunnerError} JOURNAL, when the run does not wait for it, or has an answer already (Q1).
 */
export function replyTo(
  transaction: JournalTransaction,
  order: Order & { readonly said: Said },
  now: Instant,
): Replied {
  const { runId, said, reply } = order;
  const row = stepAsked(transaction, order);
  const { name } = row;
  const job = transaction.run(runId)?.job ?? "";
  const untilAt = row.nextAt === null ? now : redated({ at: row.nextAt, setAt: row.setAt }, now);
  const given = answererOf(row);
  if (given !== null) throw refusal(order, `${who(row, given)}, and that is being checked`);
  if (untilAt <= now) {
    throw refusal(order, `the time of "${name}" is over: no one answered until then`);
  }
  const answer: Answer = { by: said.by, why: said.why, at: now };
  if (reply.kind === "wait" && questionOf(row)?.isChecked === true) {
    const open: Answer = { ...answer, json: reply.json, leftMs: untilAt - now };
    transaction.saveStep({ ...row, ...due(now, now), answer: JSON.stringify(open), error: null });
    callBody(transaction, runId, now);
    return { job, name, isTaken: false };
  }
  transaction.saveStep({ ...row, answer: JSON.stringify(answer), error: null });
  const value =
    reply.kind === "wait"
      ? reply.json
      : JSON.stringify({ approved: reply.approved, ...said } satisfies Approval);
  recordEnd(transaction, { step: row, outcome: { kind: "saved", value } }, now);
  return { job, name, isTaken: true };
}

interface Order {
  readonly runId: number;
  readonly name: string | null;
  readonly reply: Reply;
}

/** @throws {RunnerError} JOURNAL, when the run asks nothing of the kind. */
function stepAsked(transaction: JournalTransaction, order: Order): StepRow {
  const { runId, name, reply } = order;
  const run = transaction.run(runId);
  if (run === null) throw refusal(order, "there is none");
  const open = openQuestions(transaction, runId).filter(({ kind }) => kind === reply.kind);
  const [only, ...others] = open;
  if (name === null) {
    if (only !== undefined && others.length === 0) return only;
    if (only === undefined) {
      throw refusal(order, `it waits for no approval${decidedText(transaction, runId)}`);
    }
    const names = open.map((step) => step.name).join(", ");
    throw refusal(order, `it waits for ${open.length} approvals, say which: ${names}`);
  }
  // Of what people cannot see, as in the name of a branch, they type what they are shown.
  const row =
    transaction.stepNamed(runId, name) ??
    transaction.stepsOf(runId).find((step) => asksPeople(step) && visible(step.name) === name) ??
    null;
  if (row === null || !asksPeople(row)) {
    const names = openQuestions(transaction, runId).map((step) => `"${step.name}"`);
    const waits = names.length === 0 ? "no one" : names.join(", ");
    throw refusal(order, `it does not ask for "${name}", it waits for ${waits}`);
  }
  if (row.kind !== reply.kind) {
    throw refusal(order, `"${name}" takes another word: ${wayToAnswer(row)}`);
  }
  if (row.state !== "begun") throw refusal(order, endedText(row));
  if (run.state === "open") return row;
  const way = run.state === "paused" ? `, mig-runner resume ${runId} lets it go on` : "";
  throw refusal(order, `it is ${run.state}${way}`);
}

/** What became of the approval that was asked for last: `: "dig" was approved already, by …`. */
function decidedText(transaction: JournalTransaction, runId: number): string {
  const asked = transaction.stepsOf(runId).filter(({ kind, state }) => {
    return kind === "approval" && state !== "begun";
  });
  const last = asked.at(-1);
  if (last !== undefined) return `: ${endedText(last)}`;
  const actions = transaction.actionsOf(runId);
  if (actions.some(({ held }) => held === "approved")) {
    return ": it was approved already (mig-runner audit shows by whom)";
  }
  const denied = actions.find(({ held }) => held === "denied");
  return denied === undefined ? "" : `: it was ${denied.error}`;
}

function endedText(row: StepRow): string {
  const given = answererOf(row);
  return given === null ? `no one answered "${row.name}" in time` : who(row, given);
}

/** `"dig" was approved already, by ann at 2026-11-23T12:00:00.000Z (looks right)`. */
function who({ kind, name, value }: StepRow, { by, at, why }: Answer): string {
  const isYes = kind === "approval" && (JSON.parse(value ?? "{}") as Approval).approved === true;
  const done = kind === "wait" ? "answered" : isYes ? "approved" : "denied";
  const reason = why === null ? "" : ` (${why})`;
  return `"${name}" was ${done} already, by ${by} at ${new Date(at).toISOString()}${reason}`;
}

function refusal({ runId, reply }: Order, why: string): RunnerError {
  const verb = reply.kind === "wait" ? "answer" : reply.approved ? "approve" : "deny";
  return new RunnerError("JOURNAL", `Cannot ${verb} run ${runId}: ${why}`, {
    hint: "mig-runner status shows what waits",
  });
}
