// Replay: plays a run again and again, each time with a process that dies at another write of the
// journal, and tells what a death changed that it must not change.
import { type History, playHistory } from "./history.ts";
import type { Plot } from "./plot.ts";
import { differences } from "./transcript.ts";

/** What the deaths of a process showed. */
export interface ReplayVerdict {
  /** Histories with a death in them. */
  readonly crashes: number;
  /** What is wrong, the first history that shows something; empty when nothing is. */
  readonly problems: readonly string[];
}

/** Histories at the most: a long run is not let die at each of its writes, but at as many. */
const DEATHS_MAX = 200;

type Seen = Pick<History, "transcripts" | "posted" | "repeated" | "run" | "actions">;

/** What two executions in one history must not differ in, one sentence each. */
export function problemsWithin(history: Seen): readonly string[] {
  const { transcripts, repeated, run } = history;
  const found = transcripts.flatMap((transcript, index) => {
    const next = transcripts[index + 1];
    return next === undefined ? [] : differences(transcript, next);
  });
  const globals = new Set(transcripts.flatMap((transcript) => [...transcript.globals]));
  const left = [...globals].map((name) => {
    return `it changes globalThis.${name}, which a replay begins without: keep it in a variable`;
  });
  const twice = repeated.map((step) => `step "${step}" ran again after its outcome was saved`);
  const all = [...found, ...left, ...twice, ...postedTwice(history)];
  // The runner has seen a difference that the transcripts do not show.
  const isPaused = transcripts.length > 1 && run.state === "paused";
  return all.length === 0 && isPaused ? [run.note ?? "a replay was paused"] : all;
}

/** Each action of the journal is one part of one step, and reaches the API once. */
function postedTwice({ actions, posted }: Seen): readonly string[] {
  const parts = actions.map(({ step, part, name }) => `part ${part + 1} of ${step || name}`);
  const planned = repeatsOf(parts).map((part) => `${part} was made into an action twice`);
  const counts = countsOf(actions.map(({ name }) => name));
  const more = [...countsOf(posted.map(({ name }) => name))].filter(
    ([name, count]) => count > (counts.get(name) ?? 0),
  );
  const sent = more.map(([name, count]) => {
    return `action "${name}" was posted ${count} times instead of ${counts.get(name) ?? 0}`;
  });
  return [...planned, ...sent];
}

function countsOf(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function repeatsOf(names: readonly string[]): readonly string[] {
  return [...countsOf(names)].flatMap(([name, count]) => (count > 1 ? [name] : []));
}

/**
 * Lets the process die after every write of the journal, each time in a history of its own; and
 * before each write by which it would remember what it has done in the world.
 */
export async function replayEverywhere(plot: Plot, base: History): Promise<ReplayVerdict> {
  const stride = Math.max(1, Math.ceil(base.writes / DEATHS_MAX));
  let crashes = 0;
  for (let write = 1; ; write += stride) {
    const sides = base.risky.has(write) ? (["before", "after"] as const) : (["after"] as const);
    for (const side of sides) {
      const history = await playHistory(plot, { write, side });
      if (!history.hasDied) return { crashes, problems: [] };
      crashes++;
      const problems = [...problemsWithin(history), ...changedEnd(plot, base, history)];
      if (problems.length === 0) continue;
      const where = `when the runner dies ${side} write ${write} of its journal`;
      return { crashes, problems: problems.map((problem) => `${where}: ${problem}`) };
    }
  }
}

/** A death may cost time, and time alone may decide how a run ends; nothing else may. */
function changedEnd({ entity }: Plot, base: History, history: History): readonly string[] {
  const { state, note } = history.run;
  if (state === base.run.state || entity.deadlineMs !== null) return [];
  const isLate = history.actions.some(({ error }) => error?.includes("expired unposted") === true);
  if (isLate) return [];
  const why = note === null ? "" : ` (${note})`;
  return [`the run ends as ${state}${why}, without that as ${base.run.state}`];
}
