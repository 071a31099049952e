// Drop: what becomes of the rows of an action that an operator gives up, or of deliveries of it.
// Works on the journal alone, in one transaction, so that it is safe beside a daemon.
import { type ActionRow, advanceDelivery, awaitsSweep } from "../journal/inflight.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Instant } from "../time.ts";
import { settleDelivered } from "./deliver.ts";
import { transit } from "./transition.ts";

/** What `dropAction` gave up. */
export interface Dropped {
  /**
   * The state that the action had, when it was in flight or waited for its sweep; null when only
   * its result was still to be delivered.
   */
  readonly action: "planned" | "posted" | "collected" | null;
  /** Names of the plugins that do not get the result any more. */
  readonly plugins: readonly string[];
}

/** Why a dropped action or run ended. */
export const DROPPED = "given up by an operator";

/** Gives up an action that is in flight, or the deliveries of its result that are not made yet. */
export function dropAction(
  transaction: JournalTransaction,
  action: ActionRow,
  { plugin, now }: { readonly plugin: string | null; readonly now: Instant },
): Dropped {
  if (action.state === "planned" || action.state === "posted") {
    transit(transaction, action, { kind: "dropped", error: DROPPED }, now);
    // Of a result that was to be collected again.
    return { action: action.state, plugins: dropDeliveries(transaction, action, null, now) };
  }
  const plugins = dropDeliveries(transaction, action, plugin, now);
  const isLast = plugin === null && awaitsSweep(action);
  if (isLast) transit(transaction, action, { kind: "swept" }, now);
  settleDelivered(transaction, action.id, now);
  return { action: isLast && plugins.length === 0 ? "collected" : null, plugins };
}

/** @param plugin Null: those of all. @returns The plugins that do not get it any more. */
function dropDeliveries(
  transaction: JournalTransaction,
  { id }: ActionRow,
  plugin: string | null,
  now: Instant,
): readonly string[] {
  const waiting = transaction
    .deliveriesOf(id)
    .filter(({ state }) => state === "pending" || state === "dead")
    .filter((row) => plugin === null || row.plugin === plugin);
  for (const row of waiting) {
    transaction.saveDelivery(advanceDelivery(row, { kind: "drop" }, now));
  }
  return waiting.map((row) => row.plugin);
}
