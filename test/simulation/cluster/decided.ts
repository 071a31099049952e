// Decided: which fire times the hosts of a cluster have decided, and whether each is accounted for
// (I2): by the cursors that PostgreSQL has had, and when their owners took on the jobs.
import { FireTimes } from "../fire-times.ts";
import type { SimulatedJob } from "../profile.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { Decoded } from "./model.ts";

/** A job that came, or that another host has had. */
const TAKEN = /^(?:added entity (.+)|cluster: this host has job (.+) now)$/;

export class Decided {
  readonly #cluster: Cluster;
  readonly #times = new FireTimes();
  /** When a process took on a job, by its clock. */
  readonly #takenAt = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** A process has said something in its log. */
  logged(host: Host, message: string): void {
    const [, added, handed] = TAKEN.exec(message) ?? [];
    const job = added ?? handed;
    if (job !== undefined) this.#takenAt.set(`${host.me} ${job}`, host.wall);
  }

  /** PostgreSQL has another cursor than before. */
  moved({ job, decided_at, ahead_at }: Decoded, shard: number): void {
    const { owner } = this.#cluster.model.shard(shard);
    const since = this.#takenAt.get(`${owner} ${job}`) ?? null;
    const aheadAt = ahead_at == null ? null : Number(ahead_at);
    this.#times.moved(String(job), { decidedAt: Number(decided_at), aheadAt }, since);
  }

  problems({ job, schedule: { fires } }: SimulatedJob): readonly string[] {
    if (fires === null) return [];
    const { model, pauses } = this.#cluster;
    const of = (table: string) => model.table(table).filter(({ row }) => row.job === job);
    const runs = of("run").flatMap(({ row }) =>
      row.cause === "schedule" ? [Number(row.fires_at)] : [],
    );
    const missed = of("missed").map(({ row }) => ({
      firstAt: Number(row.first_at),
      lastAt: Number(row.last_at),
      count: Number(row.count),
      kind: String(row.kind),
    }));
    const isHeld = pauses.isHeld(job);
    const hasCursor = of("cursor").length > 0;
    return this.#times.problems(job, fires, { runs, missed, hasCursor, isHeld });
  }
}
