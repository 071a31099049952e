// In hand: what hosts have at plugins, by the calls that they make: a shard changes hands in peace
// only while nothing of it is there. Whoever gets it would give the same result once more.
import type { Plugins } from "../../../src/ports.ts";
import type { Life } from "../life.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";

/** A shard of which something is always in hand is kept from the others for so long. */
const KEPT_MS = 60_000;

interface Work {
  readonly key: string;
  readonly shard: number | null;
  readonly since: number;
}

export class InHand {
  readonly #cluster: Cluster;
  readonly #open = new Map<Life, Set<Work>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The plugins of a process, whose calls are noted. */
  watch(host: Host, life: Life, plugins: Plugins): Plugins {
    const open = new Set<Work>();
    this.#open.set(life, open);
    return {
      ...plugins,
      deliver: async (order) => {
        const { model, timeline } = this.#cluster;
        const found = model.table("delivery").find(({ row }) => row.key === order.key);
        const work = { key: order.key, shard: found?.shard ?? null, since: timeline.now };
        open.add(work);
        try {
          return await plugins.deliver(order);
        } finally {
          open.delete(work);
        }
      },
      alarm: async (order) => {
        this.#cluster.alarms.telling(host, order);
        return (await plugins.alarm?.(order)) ?? { kind: "missing", message: "" };
      },
    };
  }

  /** A process gives shards that it has to others. */
  giving({ life, me }: Host, ids: readonly number[]): void {
    const { model, timeline } = this.#cluster;
    for (const { key, shard, since } of this.#open.get(life) ?? []) {
      if (shard === null || !ids.includes(shard) || model.shard(shard).owner !== me) continue;
      if (timeline.now - model.shard(shard).claimedAt >= KEPT_MS) continue;
      const forMs = timeline.now - since;
      this.#cluster.violate(`I12: ${me} gave ${key} away, which was at its plugin for ${forMs} ms`);
    }
  }
}
