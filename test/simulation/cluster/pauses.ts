// Pauses: what people hold is not run, by whichever host has the job, and is run again once they
// let it. What a host decides by is seen from outside: the pauses that PostgreSQL had when it took
// the shard, or long enough before it decided.
import type { Stored } from "../../../src/journal/postgres/store.ts";
import type { Cluster } from "./cluster.ts";
import type { Decoded } from "./model.ts";

/** Within this a host has seen what others have written to its shards, or lost them. */
const SEEN_MS = 60_000;

/** So long after peace began clocks are right, and all has been seen. */
const RIGHT_MS = 20_000;

export class ClusterPauses {
  readonly #cluster: Cluster;
  /** When each pause was written last. */
  readonly #writtenAt = new Map<string, number>();
  readonly #runs = new Set<string>();
  /** How far each record of what was not run goes. */
  readonly #skippedTo = new Map<number, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** PostgreSQL has another row than before. */
  written({ tbl, key, data, shard }: Stored): void {
    if (data === null) return;
    const { model, timeline } = this.#cluster;
    if (tbl === "pause") this.#writtenAt.set(key, timeline.now);
    if (tbl === "missed") this.#skipped(JSON.parse(data) as Decoded);
    if (tbl !== "run" || this.#runs.has(key)) return;
    this.#runs.add(key);
    const row = JSON.parse(data) as Decoded;
    if (row.cause !== "schedule") return;
    const at = Number(row.fires_at);
    const { claimedAt } = model.shard(shard);
    const held = model.table("pause").find((one) => {
      const writtenAt = this.#writtenAt.get(`${one.row.id}`) ?? timeline.now;
      const isSeen = writtenAt < claimedAt || timeline.now - writtenAt > SEEN_MS;
      return isSeen && one.row.job === row.job && holds(one.row, at);
    });
    if (held === undefined) return;
    const when = new Date(at).toISOString();
    this.#cluster.violate(`I2: ${row.job} was run at ${when}, held by pause ${held.row.id}`);
  }

  /** Whether somebody wanted fire times of a job to be skipped. */
  isHeld(job: string): boolean {
    const { happenings } = this.#cluster.profile;
    return happenings.some(({ what }) => what.kind === "pause job" && what.job === job);
  }

  /** In peace nothing is skipped that no pause holds, and of no fire time that is still to come. */
  #skipped({ id, job, kind, last_at }: Decoded): void {
    const { calm, model, profile, timeline } = this.#cluster;
    const at = Number(last_at);
    // One that a clock far ahead has made is kept until its day has come.
    if (at <= (this.#skippedTo.get(Number(id)) ?? 0)) return;
    this.#skippedTo.set(Number(id), at);
    const isOfPeace = calm && at >= profile.beginsAt + profile.chaosMs + RIGHT_MS;
    if (kind !== "skipped" || !isOfPeace || at > timeline.now) return;
    const pauses = model.table("pause").filter(({ row }) => row.job === job);
    if (pauses.some(({ row }) => holds(row, at))) return;
    const when = new Date(at).toISOString();
    this.#cluster.violate(`I2: ${job} was skipped at ${when}, and no pause held it`);
  }
}

/** Whether a pause is in force at a fire time. */
function holds({ since, until, ended_at }: Decoded, at: number): boolean {
  const isBefore = (end: Decoded[string] | undefined): boolean => end == null || at < Number(end);
  return Number(since) <= at && isBefore(until) && isBefore(ended_at);
}
