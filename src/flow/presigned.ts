// Presigned: actions that this runner signs some seconds before their fire time.
//
//   10 s before ──▶ template read, dated by the launch to come, signed ──▶ kept in memory
//   launch ──▶ taken, if it is still what would be signed now ──▶ journaled (I1) ──▶ posted
//
// When many jobs are due in one second, signing is most of the work, and it can be done before.
// The journal does not know of what is kept here, and nobody relies on it: after a crash, a changed
// job or a changed clock it is thrown away, and the launch signs the action itself.
//
// Owns:     what is signed before its time, how much of it, and when it is stale.
// Not here: what is signed (plan.ts), calendars that people have signed (signed-ahead.ts).
import type { Catalog } from "../jobs/catalog.ts";
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import { guardsOf } from "../jobs/guards.ts";
import type { Entry } from "../jobs/heap.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Edges, SignedAction } from "./edges.ts";
import { signLive } from "./plan.ts";
import { Pool } from "./pool.ts";

/** How long before its fire time an action is signed: a thousand signatures take a second. */
const AHEAD_MS: Milliseconds = 10_000;

/** A launch that is further than this from the time its action is dated by signs another one. */
const DATE_SLACK_MS: Milliseconds = 2_000;

/** The most actions that are kept, and the most characters of their bodies. */
const ACTIONS_MAX = 4_096;
const BODIES_MAX = 16 * 1024 * 1024;

/** Jobs whose actions are signed at the same time. */
const AT_A_TIME = 4;

interface PresignedJob {
  readonly entity: Entity;
  readonly launchAt: Instant;
  /** The stamp of the template's file when it was read. */
  readonly stamp: string;
  /** Null: signing failed. The launch tries again, and reports why. */
  readonly actions: readonly SignedAction[] | null;
}

/** Signs actions for the launches of the next seconds, and keeps them. The runner ticks it. */
export class Presigned {
  readonly #edges: Edges;
  readonly #catalog: Pick<Catalog, "entity">;
  readonly #isQuiet: () => boolean;
  readonly #kept = new Map<string, PresignedJob>();
  readonly #pool = new Pool(AT_A_TIME, () => {});
  #characters = 0;
  /** Goes up with each `clear`, so that a signature that is still being made is not kept. */
  #generation = 0;

  /** @param isQuiet Whether nothing is being launched or posted, which comes first. */
  constructor(edges: Edges, catalog: Pick<Catalog, "entity">, isQuiet: () => boolean) {
    this.#edges = edges;
    this.#catalog = catalog;
    this.#isQuiet = isQuiet;
  }

  /**
   * Signs what will be due soon.
   *
   * @param dueBy The jobs that will be due by a time, with the moment of their launch.
   */
  tick(now: Instant, dueBy: (at: Instant) => readonly Entry[]): void {
    if (!this.#isQuiet()) return;
    for (const [job, { launchAt }] of this.#kept) {
      const leftMs = launchAt - now;
      if (leftMs < -DATE_SLACK_MS || leftMs > AHEAD_MS + DATE_SLACK_MS) this.#forget(job);
    }
    const soon = dueBy(now + AHEAD_MS).toSorted((a, b) => a.at - b.at);
    for (const { job, at } of soon) {
      const entity = this.#catalog.entity(job);
      if (entity === null || !isLive(entity)) continue;
      const kept = this.#kept.get(job);
      if (kept?.entity === entity && kept.launchAt === at) continue;
      this.#pool.start(job, () => this.#sign(entity, at));
    }
  }

  /**
   * Takes out what was signed for this launch, if the launch would sign the same now: the job and
   * the template are unchanged, and the date fits. Null: the launch has to sign.
   */
  async take(entity: Entity, launchAt: Instant): Promise<readonly SignedAction[] | null> {
    const { job } = entity;
    const kept = this.#kept.get(job);
    if (kept === undefined) return null;
    this.#forget(job);
    const isMeant = kept.entity === entity && kept.launchAt === launchAt;
    const offMs = Math.abs(this.#edges.clock.now() - launchAt);
    if (!isMeant || kept.actions === null || offMs > DATE_SLACK_MS) return null;
    const stamp = await this.#stampOf(entity).catch(() => null);
    return stamp === kept.stamp ? kept.actions : null;
  }

  /** Throws everything away: the configuration may have another key or other macros now. */
  clear(): void {
    this.#generation++;
    this.#kept.clear();
    this.#characters = 0;
  }

  async #sign(entity: Entity, launchAt: Instant): Promise<void> {
    const isFull = this.#kept.size >= ACTIONS_MAX || this.#characters >= BODIES_MAX;
    if (isFull || !this.#isQuiet()) return;
    const { job } = entity;
    const generation = this.#generation;
    let stamp = "";
    let actions: readonly SignedAction[] | null = null;
    try {
      // Before the template is read: a change in between shows when `take` looks again.
      stamp = await this.#stampOf(entity);
      actions = await signLive(this.#edges, entity, launchAt);
    } catch {
      // The launch will meet the same error, and reports it.
    }
    if (generation !== this.#generation) return;
    this.#forget(job);
    this.#kept.set(job, { entity, launchAt, stamp, actions });
    this.#characters += lengthOf(actions);
  }

  /** "" for a template inside the definition: when it changes, the entity is another object. */
  async #stampOf({ job, template }: Entity): Promise<string> {
    return template.kind === "inline" ? "" : await this.#edges.spool.stamp(job, template.name);
  }

  #forget(job: string): void {
    this.#characters -= lengthOf(this.#kept.get(job)?.actions ?? null);
    this.#kept.delete(job);
  }
}

/** Whether all that a job's action is made of is known before its fire time. */
function isLive(entity: Entity): boolean {
  const { canary } = guardsOf(entity);
  // A canary is cut by a count of agents that is made at the launch.
  return (
    !entity.workflow && !isSignedAhead(entity) && (canary === null || canary.kind === "always")
  );
}

function lengthOf(actions: readonly SignedAction[] | null): number {
  return (actions ?? []).reduce((sum, { body }) => sum + body.length, 0);
}
