// Fresh: whether an action that is planned is what its launch signs, or at least would have signed:
// with the template and the clock of the launch, however long before it was signed (I1, I7).
import type { World } from "./world.ts";

/** So much may lie between the date of an action and the clock of its launch. */
const SLACK_MS = 5_000;

/** A launch that began longer ago than this says nothing of what is planned now. */
const BEGUN_MS = 50_000;

/** What a launch found when it began. */
interface Begun {
  /** By true time. */
  readonly at: number;
  readonly wall: number;
  /** The oldest template that it can have read. */
  readonly revision: number;
}

export class Fresh {
  readonly #begun = new Map<string, readonly Begun[]>();
  /** The last action that was looked at. */
  #last = 0;

  /** A launch of a job has begun. */
  began(world: World, job: string): void {
    const { disk, timeline, wall } = world;
    const revision =
      revisionOf(disk.jobs.get(job)?.get("action.json")?.text) ?? 1_000_000 + disk.revision;
    const recent = this.#begun.get(job)?.filter(({ at }) => at > timeline.now - BEGUN_MS) ?? [];
    this.#begun.set(job, [...recent, { at: timeline.now, wall, revision }]);
  }

  /** What is wrong with the actions that were planned since it was asked last. */
  problems({ ledger, profile, timeline, wall }: World): readonly string[] {
    const sql = "SELECT id, job, body FROM action WHERE id > ? AND state = 'planned' ORDER BY id";
    const problems: string[] = [];
    for (const { id, job, body } of ledger.rows(sql, this.#last)) {
      this.#last = Number(id);
      const known = profile.jobs.find((one) => one.job === job);
      if (known === undefined || known.workflow !== null || known.calendar !== null) continue;
      const begun = this.#begun.get(known.job) ?? [];
      const recent = begun.filter(({ at }) => at > timeline.now - BEGUN_MS);
      if (recent.length === 0) continue;
      // Of several that go on at once nobody knows which has planned it.
      const walls = [...recent.map((one) => one.wall), wall];
      const { validfrom } = JSON.parse(String(body)) as { validfrom: string };
      const datedAt = Date.parse(validfrom) + 60_000;
      const early = Math.min(...walls) - SLACK_MS;
      const late = Math.max(...walls) + SLACK_MS;
      if (datedAt < early || datedAt > late) {
        const dated = new Date(datedAt).toISOString();
        problems.push(
          `I7: ${job} plans an action of ${dated}, which is not the time of its launch`,
        );
      }
      if ((revisionOf(String(body)) ?? 0) < Math.min(...recent.map((one) => one.revision))) {
        problems.push(`I1: ${job} plans an action of a template that was replaced before`);
      }
    }
    return problems;
  }
}

function revisionOf(text: string | undefined): number | null {
  const digits = /"revision":(\d+)/.exec(text ?? "")?.[1];
  return digits === undefined ? null : Number(digits);
}
