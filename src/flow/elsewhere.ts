// Elsewhere: posted actions that another runner has collected: the original, when a host went back
// to it for a while (I9). What it has collected and delivered is not collected and delivered again.
//
//   in-flight record exists       → ours to collect
//   no record, but a result file  → collected elsewhere, unless that file may be our own
//   no record and no result       → ours to collect; the record is written again, so that a host
//                                   can go back to the original with nothing lost
//
// A process of ours may have died between writing a result and journaling it. Such a file is known
// by `writing`, which is journaled before a result file gets its name.
import { messageOf } from "../errors.ts";
import type { ActionRow, Completeness } from "../journal/inflight.ts";
import { encodeInflight } from "../mig/result.ts";
import { readStoredResult } from "../mig/result-file.ts";
import type { FoundTrace } from "../ports.ts";
import { type Edges, say } from "./edges.ts";
import { record } from "./transition.ts";

/** The note of a run whose action another runner has collected. */
export const ELSEWHERE = "collected by another runner";

/** What is needed where records and results of another runner are looked at. */
export type Adopting = Pick<
  Edges,
  "clock" | "journal" | "lease" | "limits" | "log" | "mayAct" | "spool"
>;

/** A posted action. */
type Posted = ActionRow & { readonly actionId: number; readonly reply: Uint8Array };

/**
 * Settles a posted action that another runner has collected.
 *
 * @returns True when it was settled. Else it is still in flight, and has its in-flight record.
 * @throws {RunnerError} SPOOL or JOURNAL.
 */
export async function settleElsewhere(edges: Adopting, row: ActionRow): Promise<boolean> {
  if (!isPosted(row) || row.writing) return false;
  const trace = await edges.spool.trace(row.job, row.actionId);
  if (trace.kind === "gone") await markInflight(edges, row, row);
  if (trace.kind !== "result") return false;
  const completeness = await readCompleteness(edges, row, trace);
  // Looked at again: this process may have begun to collect it since, and have written that file.
  if (completeness === null || edges.journal.action(row.id)?.writing !== false) return false;
  const { path: resultPath } = trace;
  const event = { kind: "elsewhere", resultPath, completeness } as const;
  await record(edges, row, event, (transaction, next) => {
    const run = transaction.run(next.runId);
    if (run?.state === "open") transaction.saveRun({ ...run, note: ELSEWHERE });
  });
  const way = row.plugins.length === 0 ? "" : `; \`mig-runner redeliver ${row.actionId}\` does`;
  const what = `action ${row.actionId} was ${ELSEWHERE}: ${resultPath}`;
  say(edges, row, "notice", `${what}; it is not delivered again${way}`);
  return true;
}

/** How complete a result file is; null when it is no result, so the action is collected again. */
async function readCompleteness(
  edges: Adopting,
  row: Posted,
  { path, bytes }: FoundTrace,
): Promise<Completeness | null> {
  try {
    const { action, commands, statuses } = await readStoredResult(bytes);
    if (action.actionId !== row.actionId) throw new Error(`it is of action ${action.actionId}`);
    const { counters } = action;
    const sent = counters?.sent ?? null;
    return { fetched: commands, sent, counters, statuses, strays: 0 };
  } catch (error) {
    const found = `a result that nobody has journaled cannot be used, "${path}"`;
    say(edges, row, "warning", `${found}: ${messageOf(error)}; collecting it`);
    return null;
  }
}

function isPosted(row: ActionRow): row is Posted {
  return row.state === "posted" && row.actionId !== null && row.reply !== null;
}

/**
 * Writes the original's in-flight record, so that a host can go back to the original with nothing
 * lost. The journal does not need it: a failure is a warning.
 */
export async function markInflight(
  edges: Adopting,
  row: ActionRow,
  posted: { readonly actionId: number; readonly reply: Uint8Array },
): Promise<void> {
  // Of several hosts any may collect it: a record that one of them keeps would have it adopted as a
  // new one when the journal has forgotten it.
  if (edges.lease !== undefined) return;
  const about = { ...row, actionId: posted.actionId };
  try {
    const plugin = row.plugins[0] ?? "";
    const record = encodeInflight(posted.reply, row.job, { plugin });
    const path = await edges.spool.writeInflight(row.job, posted.actionId, record);
    say(edges, about, "info", `action marked as inflight: ${path}`);
  } catch (error) {
    say(edges, about, "warning", messageOf(error));
  }
}
