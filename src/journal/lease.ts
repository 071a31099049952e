// Lease: a host's right to act on the jobs of some shards for a time (I12), and which shards it is
// to have, as pure rules of what all hosts see.
import type { Instant, Milliseconds } from "../time.ts";

/** What the flow asks before it acts. Where there is one host alone, nobody asks. */
export interface Lease {
  /**
   * Whether this process may act on a job, to be asked in the same turn as the act: it holds the
   * lease by then, and has held it since this call. After a break another host may have acted, and
   * what was known before is not known any more.
   */
  unbroken(job: string): () => boolean;
  /** Since when: another host may have acted until then. */
  heldSince(job: string): Instant;
}

/**
 * How long a host waits for an answer to the renewal of its leases: so that one that was lost on
 * its way can be made again, twice, while they last.
 */
export function renewalMs(leaseMs: Milliseconds): Milliseconds {
  return leaseMs / 4;
}

/** A shard as all hosts see it. */
export interface SeenShard {
  readonly id: number;
  readonly owner: string | null;
  /** Whether anybody may claim it. */
  readonly free: boolean;
}

/** A host as all hosts see it. */
export interface SeenHost {
  readonly instance: string;
  readonly draining: boolean;
  /** How long nothing was heard of it. */
  readonly silent: Milliseconds;
}

/** What a host is to do about its share. */
export interface Share {
  /** Shards that it may claim now. */
  readonly claim: readonly number[];
  /** How many of its own it is to give to others. */
  readonly give: number;
}

/**
 * What `me` is to do, so that all shards have an owner and each host as many as any other, by one
 * at the most. All hosts come to the same from the same.
 *
 * @param shards Those that have owners.
 */
export function shareOf(
  me: string,
  { shards, hosts }: { readonly shards: readonly SeenShard[]; readonly hosts: readonly SeenHost[] },
  leaseMs: Milliseconds,
): Share {
  const here = hosts.filter(({ draining, silent }) => !draining && silent < leaseMs);
  const names = here.map(({ instance }) => instance).toSorted();
  const place = names.indexOf(me);
  const mine = shards.filter(({ owner }) => owner === me).length;
  if (place < 0) return { claim: [], give: mine };
  const whole = Math.floor(shards.length / names.length);
  const wanted = whole + (place < shards.length % names.length ? 1 : 0);
  const free = shards.filter((shard) => shard.free && shard.owner !== me).map(({ id }) => id);
  // Each begins at another place: they seldom want the same.
  const from = Math.floor((free.length * place) / names.length);
  const turned = [...free.slice(from), ...free.slice(0, from)];
  return {
    claim: turned.slice(0, Math.max(0, wanted - mine)),
    give: Math.max(0, mine - wanted),
  };
}
