// Transcript: what one execution of a workflow said and heard, and how two of them differ.
import type { LogLevel } from "../sdk/run.ts";
import type { Instant } from "../time.ts";
import type { FromBody, StepRequest, ToBody } from "../workflow/messages.ts";

/** What the workflow asked for by a name. */
export interface TranscriptAsk {
  readonly name: string;
  readonly request: StepRequest;
}

/** One execution, from its beginning to its end or to a crash. */
export interface Transcript {
  readonly asks: TranscriptAsk[];
  /** The outcome that each step was answered, by its name. */
  readonly answers: Map<string, string>;
  readonly times: Instant[];
  readonly dice: number[];
  readonly log: { readonly level: LogLevel; readonly message: string }[];
  /** What was read outside of a step, and showed the run's own values: "Date.now() at job.ts:3". */
  readonly used: Set<string>;
  /** Globals that the function left behind. */
  readonly globals: Set<string>;
  /** How the function ended; null while it has not. */
  ended: { readonly error: string | null } | null;
}

/** A transcript of nothing yet. */
export function emptyTranscript(): Transcript {
  return {
    asks: [],
    answers: new Map(),
    times: [],
    dice: [],
    log: [],
    used: new Set(),
    globals: new Set(),
    ended: null,
  };
}

/** Notes what the workflow says. */
export function noteSaid(transcript: Transcript, message: FromBody): void {
  if (message.kind === "ask") {
    transcript.asks.push({ name: message.name, request: message.request });
  } else if (message.kind === "log") {
    transcript.log.push({ level: message.level, message: message.message });
  } else if (message.kind === "ended") {
    transcript.ended = { error: message.error };
  }
}

/** Notes what the workflow hears. */
export function noteHeard(transcript: Transcript, message: ToBody): void {
  if (message.kind !== "answer") return;
  const { outcome } = message;
  transcript.answers.set(
    message.name,
    outcome.kind === "saved" ? `saved ${outcome.value}` : `failed: ${outcome.error}`,
  );
}

/**
 * How a second execution of the same run differs from the first, one sentence a difference. As far
 * as both went, they must ask for the same, hear the same, and see the same time and chance.
 */
export function differences(first: Transcript, second: Transcript): readonly string[] {
  const found = [
    ...askDifferences(first, second),
    ...answerDifferences(first, second),
    ...listDifferences("run.now()", first.times, second.times),
    ...listDifferences("run.random()", first.dice, second.dice),
    ...endDifferences(first, second),
  ];
  return found;
}

function askDifferences(first: Transcript, second: Transcript): string[] {
  const later = new Map(second.asks.map((ask) => [ask.name, ask]));
  const changed = first.asks.flatMap((ask) => {
    const again = later.get(ask.name);
    return again === undefined ? [] : requestDifferences(ask, again);
  });
  const earlier = new Set(first.asks.map(({ name }) => name));
  const missing = first.asks.filter(({ name }) => first.answers.has(name) && !later.has(name));
  const added = second.asks.filter(({ name }) => !earlier.has(name));
  const [lost, gained] = [missing[0], added[0]];
  // What is not asked for again may only not have been reached.
  if (lost !== undefined && gained !== undefined) {
    changed.push(`it asked for ${titleOf(lost)}, and in a replay for ${titleOf(gained)}`);
  } else if (lost !== undefined && second.ended !== null) {
    changed.push(`${titleOf(lost)} was done, and a replay ends without asking for it`);
  } else if (gained !== undefined && first.ended !== null) {
    changed.push(`${titleOf(gained)} is asked for by a replay only`);
  }
  return changed;
}

function titleOf({ name, request }: TranscriptAsk): string {
  return `${request.kind} "${name}"`;
}

/** Each member of what was asked for that differs, with both values. */
function requestDifferences(first: TranscriptAsk, second: TranscriptAsk): string[] {
  const [one, other]: readonly Readonly<Record<string, unknown>>[] = [
    first.request,
    second.request,
  ];
  if (first.request.kind !== second.request.kind) {
    return [`"${first.name}" was a ${first.request.kind}, in a replay it is a ${other?.kind}`];
  }
  // How a step is tried may change: it is no part of what it is.
  if (first.request.kind === "step") return [];
  return Object.keys(one ?? {}).flatMap((key) => {
    const [before, after] = [JSON.stringify(one?.[key]), JSON.stringify(other?.[key])];
    if (before === after) return [];
    return [`${titleOf(first)}: ${key} was ${before}, in a replay it is ${after}`];
  });
}

function answerDifferences(first: Transcript, second: Transcript): string[] {
  return [...first.answers].flatMap(([name, before]) => {
    const after = second.answers.get(name);
    if (after === undefined || after === before) return [];
    return [`"${name}" ended twice: it ${before}, and in a replay ${after}`];
  });
}

function listDifferences(what: string, first: readonly number[], second: readonly number[]) {
  const at = first.findIndex((value, index) => index < second.length && second[index] !== value);
  if (at < 0) return [];
  return [`call ${at + 1} of ${what} gave ${first[at]}, in a replay ${second[at]}`];
}

function endDifferences({ ended: first }: Transcript, { ended: second }: Transcript): string[] {
  if (first === null || second === null || first.error === second.error) return [];
  return [`it ${endOf(first.error)}, and a replay ${endOf(second.error)}`];
}

function endOf(error: string | null): string {
  return error === null ? "comes to its end" : `fails with "${error}"`;
}
