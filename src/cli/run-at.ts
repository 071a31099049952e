// Run at: what `run` says of a run that is to start later, and when that is.
import type { Edges } from "../flow/edges.ts";
import { holdOf } from "../flow/holds.ts";
import type { RunRow } from "../journal/inflight.ts";
import type { Instant } from "../time.ts";
import { formatClock, formatDistance, jsonAnswer } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import type { Opened } from "./open.ts";
import { showProgress } from "./serve.ts";
import type { Call } from "./verb.ts";

/**
 * When the run is to start; null: now.
 *
 * @throws {UsageError} For a time that is over, or a text that is none.
 */
export function startOf(call: Pick<Call, "flags">, now: Instant): Instant | null {
  const moment = call.flags.moment("at", now, "from now");
  const at = moment === null ? null : Math.ceil(moment);
  if (at !== null && at <= now) {
    throw new UsageError("flag -at is over already: a time to come is wanted");
  }
  return at;
}

/** A run that is asked for a time. */
export type TimedRun = RunRow & { readonly notBefore: Instant };

/**
 * Tells of a run that is kept until its time.
 *
 * @param by The process of this host that begins it then; "another" is one of a cluster's hosts.
 */
export function reportAsked(
  call: Call,
  edges: Pick<Edges, "blackouts" | "clock" | "journal">,
  { by: server, ...row }: TimedRun & { readonly by: number | "another" | null },
): number {
  const { id: runId, job, firesAt, state, notBefore } = row;
  const by = server === "another" ? null : server;
  const held = holdOf(edges, job, notBefore)(notBefore);
  const warnings = [
    ...(held === null ? [] : [`held at that time (${held.reason}): it runs all the same`]),
    ...(server === null ? ["no mig-runner works on the directory: one must, for it to start"] : []),
  ];
  if (call.flags.has("json")) {
    const asked = { job, run: runId, firesAt, notBeforeAt: notBefore, state };
    call.terminal.json(jsonAnswer({ ...asked, by, warnings }));
    return 0;
  }
  const distance = formatDistance(notBefore, edges.clock.now());
  call.terminal.out([
    `run ${runId} of ${job} starts ${formatClock(notBefore)} (${distance}); ` +
      `mig-runner drop ${runId} gives it up`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ]);
  return 0;
}

/** What there is to wait for: the time of a run that is to start later, or what is in flight. */
export function showWait(call: Call, opened: Pick<Opened, "edges">, runId: number): void {
  const { clock, journal } = opened.edges;
  const { state, notBefore } = journal.run(runId) ?? {};
  const now = clock.now();
  if (state === "requested" && notBefore != null && notBefore > now) {
    call.terminal.progress(`run ${runId} starts ${formatDistance(notBefore, now)}`);
  } else showProgress(call, opened);
}
