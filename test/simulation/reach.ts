// Reach: what the oracle knows of how the API was reached, by what came back on the network. It
// knows nothing of what the runner made of it.
import type { Profile } from "./profile.ts";
import type { World } from "./world.ts";

/** The part of a world that is asked about alarms: of one host alone, or of several. */
export interface Asked
  extends Pick<World, "calm" | "disk" | "life" | "timeline" | "violate" | "wall"> {
  /** The journal, by SQL. */
  readonly ledger: Pick<World["ledger"], "rows">;
  readonly profile: Pick<
    Profile,
    "alarms" | "beginsAt" | "chaosMs" | "checkDirectoryMs" | "jobs"
  > & {
    readonly happenings: readonly { readonly what: { readonly kind: string } }[];
  };
}

/** The runner tells of an API that has not answered for so long. */
const DOWN_MS = 10 * 60_000;

/** Within this after a request, what it has shown is known to the runner, and durable. */
const KNOWN_MS = 20_000;

/** Within this after it has to be told it is: a look every ten seconds, or a start. */
const TOLD_MS = 60_000;

/** An alarm of an API that has answered so recently is wrong: a request is a part of some work. */
const RECENT_MS = 5 * 60_000;

/** Unanswered requests of one process. */
interface Unanswered {
  readonly firstAt: number;
  lastAt: number;
}

/** When requests were answered, and when not, by true time. */
export class Reach {
  #answered: { readonly at: number; readonly life: number } | null = null;
  readonly #unanswered = new Map<number, Unanswered>();

  /** A request of a process was answered as a whole, or not at all. */
  exchanged({ life, timeline: { now } }: Asked, isAnswered: boolean): void {
    if (isAnswered) {
      this.#answered = { at: now, life: life.number };
      this.#unanswered.clear();
      return;
    }
    const own = this.#unanswered.get(life.number);
    if (own === undefined) this.#unanswered.set(life.number, { firstAt: now, lastAt: now });
    else own.lastAt = now;
  }

  /** Whether the API has to be told of as down; null where that is not certain. */
  isDown(world: Asked): boolean | null {
    const { calm, life, profile, timeline } = world;
    const { now } = timeline;
    const answered = this.#answered;
    if (calm)
      return answered?.life === life.number && answered.at > calmSince(world) ? false : null;
    // By a clock that is wrong, ten minutes can be any time.
    if (profile.happenings.some(({ what }) => what.kind === "jump" || what.kind === "glitch")) {
      return null;
    }
    const answeredMs = answered === null ? Number.POSITIVE_INFINITY : now - answered.at;
    // The work that it was asked for may not be done yet, and tells of it at its end.
    if (answeredMs < TOLD_MS) return null;
    if (answeredMs < RECENT_MS) return false;
    const own = this.#unanswered.get(life.number);
    if (own === undefined || now - own.firstAt < TOLD_MS) return null;
    const known = [...this.#unanswered.values()].filter(
      (one) => one === own || one.lastAt - one.firstAt >= KNOWN_MS,
    );
    const since = Math.min(...known.map(({ firstAt }) => firstAt));
    return now - since >= DOWN_MS + TOLD_MS ? true : null;
  }
}

/** When peace began, by true time. */
function calmSince({ profile }: Asked): number {
  return profile.beginsAt + profile.chaosMs;
}
