// Redeliver: what operators can do with results and actions: deliver again, adopt.
//
// Each works on the journal alone, in one transaction, so that it is safe beside a daemon.
// Owns:     the rows afterwards.
// Not here: finding result files, making the delivery (deliver.ts), who works on the directory.

import { type ActionRow, advanceDelivery, type DeliveryRow } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { StoredResult } from "../mig/result-file.ts";
import type { Instant } from "../time.ts";
import { deliveryKey, queueDeliveries } from "./deliver.ts";
import { openAdopted } from "./runs.ts";
import { transit } from "./transition.ts";

/** To whom a result goes again. */
export interface RedeliverOrder {
  /** Null: the plugins it went to before; if there were none, those of its action, then its job. */
  readonly plugin: string | null;
  /** The plugins that the job has now. */
  readonly jobPlugins: readonly string[];
  readonly now: Instant;
}

/** Queues the deliveries of a collected action again, and adds those that are missing. */
export function redeliverResult(
  transaction: JournalTransaction,
  action: ActionRow,
  { plugin, jobPlugins, now }: RedeliverOrder,
): readonly DeliveryRow[] {
  const before = transaction.deliveriesOf(action.id);
  const usual = [before.map((row) => row.plugin), action.plugins, jobPlugins];
  const plugins = plugin !== null ? [plugin] : (usual.find((names) => names.length > 0) ?? []);
  return plugins.flatMap((name) => {
    const row = before.find((delivery) => delivery.plugin === name);
    if (row !== undefined) {
      const again = advanceDelivery(row, { kind: "redeliver" }, now);
      transaction.saveDelivery(again);
      return [again];
    }
    const key = deliveryKey(action, name);
    const { id: actionRow, job } = action;
    return transaction.insertDelivery({ actionRow, job, plugin: name, key }, now) ?? [];
  });
}

/** A result file that the journal does not know: of the original, or of a lost journal. */
export interface FoundResult {
  readonly job: string;
  readonly path: string;
  readonly result: StoredResult;
  /** Who is to get it. */
  readonly plugins: readonly string[];
}

/** Takes a result file into the journal, as a collected action with a run of its own. */
export function adoptResult(
  transaction: JournalTransaction,
  { job, path, result, plugins }: FoundResult,
  now: Instant,
): ActionRow {
  const { action, actionBytes, commands, statuses } = result;
  const { actionId, expireAt, name, signatures, counters } = action;
  const run = openAdopted(transaction, { job, at: expireAt }, now);
  const planned = transaction.insertAction(
    {
      runId: run.id,
      job,
      step: "",
      name,
      body: "",
      expireAt,
      sendOnly: false,
      plugins,
      signature: signatures.at(-1) ?? "",
    },
    now,
  );
  const posted = transit(
    transaction,
    planned,
    { kind: "posted", actionId, reply: actionBytes, expireAt, collectAt: expireAt },
    now,
  );
  const sent = counters?.sent ?? null;
  const completeness = { fetched: commands, sent, counters, statuses, strays: 0 };
  const stored = { resultPath: path, completeness, sweepAt: null };
  const collected = transit(transaction, posted, { kind: "collected", ...stored }, now);
  queueDeliveries(transaction, collected, now);
  return collected;
}
