// Move lock: what a move needs whichever way it goes: the whole journal of the cluster locked, and
// how a refusal is told.
import { RunnerError } from "../../errors.ts";
import type { Ask } from "./server.ts";

/** The cluster, locked until the transaction ends. */
export interface Locked {
  readonly shards: number;
  readonly nextId: number;
  readonly movedTo: string | null;
  readonly movedBy: string | null;
  /** How far each shard was written, by their ids. */
  readonly versions: readonly number[];
}

/** Locks all that there is: nobody writes, claims or renews anything until the transaction ends. */
export async function lockAll(ask: Ask): Promise<Locked> {
  const all = await ask("SELECT version FROM mig_shard ORDER BY id FOR UPDATE");
  const [row] = await ask("SELECT * FROM mig_cluster FOR UPDATE");
  return {
    shards: Number(row?.shards),
    nextId: Number(row?.next_id),
    movedTo: (row?.moved_to ?? null) as string | null,
    movedBy: (row?.moved_by ?? null) as string | null,
    versions: all.map(({ version }) => Number(version)),
  };
}

/** Why a journal is not moved. */
export function cannotMove(why: string, hint: string): RunnerError {
  return new RunnerError("JOURNAL", `Cannot move the journal: ${why}`, { hint });
}
