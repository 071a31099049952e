// People: who answers `run.waitFor` and `run.approval` in a simulation, as others do by the verbs.
import { RunnerError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { StepRow } from "../journal/steps.ts";
import type { Instant } from "../time.ts";
import {
  encodeAnswer,
  openQuestions,
  questionOf,
  type Reply,
  replyTo,
  type Said,
} from "../workflow/answers.ts";

/** What a workflow asks people. */
export interface SimulatedQuestion {
  /** With the names of the branches around it. */
  readonly name: string;
  readonly kind: "wait" | "approval";
  /** What they are shown; null for nothing. */
  readonly show: unknown;
  /** 1 at first, one more each time that the schema of a wait has refused the answer before. */
  readonly attempt: number;
}

/**
 * What people answer, by the names of the questions, or a function that says so. To an approval
 * it is true, false or `{ approved, by, why }`; to a wait any JSON. Undefined: no one answers.
 */
export type People =
  | Readonly<Record<string, PlainValue | ((question: SimulatedQuestion) => unknown)>>
  | ((question: SimulatedQuestion) => unknown);

/** A value beside a function: `unknown` would hide from editors what the function is called with. */
export type PlainValue = string | number | boolean | object | null | undefined;

/** What people have said, over all histories of one simulation: by name and number. */
export type Sayings = Map<string, unknown>;

/** Who answers without a name. */
const SOMEBODY = "somebody";

/** People in one history. They outlive the process of the runner. */
export class SimulatedPeople {
  readonly #people: People;
  readonly #sayings: Sayings;
  /** How often each question was answered, and which of them no one answers. */
  readonly #answered = new Map<string, number>();
  readonly #left = new Set<string>();

  constructor(plot: { readonly people: People; readonly sayings: Sayings }) {
    this.#people = plot.people;
    this.#sayings = plot.sayings;
  }

  /**
   * Answers what a run asks now.
   *
   * @returns Whether anything was answered.
   * @throws {RunnerError|TypeError} For what is no answer.
   */
  async reply(journal: Journal, runId: number, now: Instant): Promise<boolean> {
    let isAny = false;
    for (const step of openQuestions(journal, runId)) {
      const { name } = step;
      const attempt = (this.#answered.get(name) ?? 0) + 1;
      const key = `${attempt} ${name}`;
      if (this.#left.has(key)) continue;
      const given = this.#saying(step, { attempt, key });
      if (given === undefined) {
        this.#left.add(key);
        continue;
      }
      this.#answered.set(name, attempt);
      const order = { runId, name, ...wordOf(step, given) };
      await journal.write((tables) => replyTo(tables, order, now));
      isAny = true;
    }
    return isAny;
  }

  #saying(step: StepRow, { attempt, key }: { readonly attempt: number; readonly key: string }) {
    const { name, kind } = step;
    if (!this.#sayings.has(key)) {
      const show = questionOf(step)?.show ?? null;
      const question = { name, kind: kind as SimulatedQuestion["kind"], show, attempt };
      this.#sayings.set(key, this.#ask(question));
    }
    return this.#sayings.get(key);
  }

  #ask(question: SimulatedQuestion): unknown {
    const people = this.#people;
    const { name, attempt } = question;
    if (typeof people === "function") return people(question);
    const said = Object.hasOwn(people, name) ? people[name] : undefined;
    if (typeof said === "function") return (said as (of: SimulatedQuestion) => unknown)(question);
    // The same words again would be refused again.
    return attempt === 1 ? said : undefined;
  }
}

function wordOf({ kind, name }: StepRow, given: unknown): { said: Said; reply: Reply } {
  if (kind === "wait") {
    const json = encodeAnswer(given);
    return { said: { by: SOMEBODY, why: null }, reply: { kind, json } };
  }
  const word = typeof given === "boolean" ? { approved: given } : given;
  const {
    approved,
    by = SOMEBODY,
    why = null,
  } = (word ?? {}) as Partial<Said & { approved: unknown }>;
  if (typeof approved !== "boolean") {
    const hint = 'Wanted true, false, or { approved: true, by: "ann", why: "change 7" }';
    throw new RunnerError("ENTITY", `Cannot answer approval "${name}" by people`, { hint });
  }
  return { said: { by, why }, reply: { kind: "approval", approved } };
}
