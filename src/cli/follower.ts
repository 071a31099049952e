// Follower: a copy of the cluster's journal that is kept up to date, and what keeps it from that.
import type { ClusterConfig } from "../config/cluster.ts";
import { describeError } from "../errors.ts";
import { Contact } from "../journal/postgres/contact.ts";
import type { ClusterJournal } from "../journal/postgres/journal.ts";
import { hostOf } from "../journal/postgres/owner.ts";
import { otherSchema } from "../journal/postgres/problem.ts";
import { CLUSTER_SCHEMA } from "../journal/postgres/schema.ts";
import type { Server } from "../journal/postgres/server.ts";
import type { Seen } from "../journal/postgres/store.ts";
import type { Clock } from "../lib/ports.ts";
import { SECOND_MS } from "../time.ts";
import { formatClock } from "../view/text.ts";

/** How old what is read may be. */
const REFRESH_MS = SECOND_MS;

interface Parts {
  readonly server: Pick<Server, "look">;
  readonly journal: Pick<ClusterJournal, "refresh">;
  readonly clock: Clock;
  /** This host. */
  readonly cluster: Pick<ClusterConfig, "name" | "leaseMs">;
}

/** Follows until it is closed. */
export class Follower {
  readonly #parts: Parts;
  readonly #contact: Contact;
  readonly #ended = new AbortController();
  readonly #followed: Promise<void>;
  #seen: Seen | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#contact = new Contact(() => parts.clock.now());
    this.#followed = this.#follow();
  }

  /**
   * Why what is read is old, or this host is none for the others; null: all is well.
   *
   * @param isAtWork Whether a process of this host works.
   */
  outage(isAtWork: boolean): string | null {
    const outage = this.#contact.outage();
    if (outage !== null) {
      return (
        `PostgreSQL has not answered since ${formatClock(outage.since)}: ${outage.why}. ` +
        "What is shown is from before; nothing new is begun meanwhile"
      );
    }
    const schema = this.#seen?.schema ?? CLUSTER_SCHEMA;
    if (schema !== CLUSTER_SCHEMA) return describeError(otherSchema(schema));
    const { name, leaseMs } = this.#parts.cluster;
    const own = this.#seen?.hosts.find((host) => host.name === name);
    if (!isAtWork || own === undefined || own.silent < leaseMs) return null;
    return `host ${name} does not reach PostgreSQL although its process works: other hosts have its jobs`;
  }

  /** Which host has a job now; null: none has; undefined: it is not known yet. */
  hostOf(job: string): string | null | undefined {
    return this.#seen === null ? undefined : hostOf(this.#seen, job);
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#followed;
  }

  async #follow(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await clock.sleep(REFRESH_MS, signal);
      if (signal.aborted) return;
      // What cannot be asked now is asked again, and told by who asks for the outage.
      await this.#contact.ask(() => this.#refresh()).catch(() => {});
    }
  }

  async #refresh(): Promise<void> {
    const { server, journal } = this.#parts;
    const seen = await server.look();
    this.#seen = seen;
    if (seen.schema !== CLUSTER_SCHEMA) return;
    await journal.refresh(seen);
  }
}
