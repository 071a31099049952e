// Ready: actions that are dated and signed some seconds before their fire time.
//
//   10 s before ──▶ template read, dated by the launch to come, signed ──▶ kept here
//   launch ──▶ taken, if it is still what would be signed now ──▶ journaled (I1) ──▶ posted
//
// When many jobs are due in one second, the signatures are most of the work, and they need nothing
// of that second. What is kept here is in memory alone and was promised to nobody: a crash, a stop,
// a changed job or a clock that was set leave nothing to be taken back; it is signed again.
//
// Owns:    what may be signed ahead, how much of it, and when it has become stale.
// Not its: what is signed (plan.ts), calendars that people have signed (signed-ahead.ts).
import type { Catalog } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { guardsOf } from "../jobs/guards.ts";
import type { Entry } from "../jobs/heap.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Edges, SignedAction } from "./edges.ts";
import { signLive } from "./plan.ts";
import { Pool } from "./pool.ts";
import { isSignedAhead } from "./signed-ahead.ts";

/** So long before a fire time its action may be signed: a thousand signatures take a second. */
const AHEAD_MS: Milliseconds = 10_000;

/** A launch that is so much off the time by which its action is dated signs another. */
const DATE_SLACK_MS: Milliseconds = 2_000;

/** What is kept at the most: actions, and characters of their bodies. */
const ACTIONS_MAX = 4_096;
const BODIES_MAX = 16 * 1024 * 1024;

/** Signed at a time. */
const AT_A_TIME = 4;

interface Kept {
  readonly entity: Entity;
  readonly launchAt: Instant;
  /** Of the template's file when it was read. */
  readonly stamp: string;
  /** Null: it could not be signed, and the launch will say why. */
  readonly actions: readonly SignedAction[] | null;
}

/** The actions that are signed for launches to come. The runner ticks it. */
export class Ready {
  readonly #edges: Edges;
  readonly #catalog: Pick<Catalog, "entity">;
  readonly #isQuiet: () => boolean;
  readonly #kept = new Map<string, Kept>();
  readonly #pool = new Pool(AT_A_TIME, () => {});
  #characters = 0;
  /** Counts what makes everything stale. */
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
   * Gives away what was signed for this launch, if that is what would be signed now: by the same
   * definition and template, and dated by now. Null: it has to be signed.
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

  /** The key, the macros or anything else is another now: nothing that is kept holds. */
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
      // First: what changes after this look is seen by the second one.
      stamp = await this.#stampOf(entity);
      actions = await signLive(this.#edges, entity, launchAt);
    } catch {
      // The launch meets the same, and tells of it.
    }
    if (generation !== this.#generation) return;
    this.#forget(job);
    this.#kept.set(job, { entity, launchAt, stamp, actions });
    this.#characters += lengthOf(actions);
  }

  /** A definition that holds its template is another when that has changed. */
  async #stampOf({ job, template }: Entity): Promise<string> {
    return template.kind === "inline" ? "" : await this.#edges.spool.stamp(job, template.name);
  }

  #forget(job: string): void {
    this.#characters -= lengthOf(this.#kept.get(job)?.actions ?? null);
    this.#kept.delete(job);
  }
}

/** Whether a job's action is signed here, from what is known before its fire time. */
function isLive(entity: Entity): boolean {
  const { canary } = guardsOf(entity);
  // A canary's agents are counted when it is sent.
  return (
    !entity.workflow && !isSignedAhead(entity) && (canary === null || canary.kind === "always")
  );
}

function lengthOf(actions: readonly SignedAction[] | null): number {
  return (actions ?? []).reduce((sum, { body }) => sum + body.length, 0);
}
