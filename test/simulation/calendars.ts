// Calendars: windows that people have signed, as they are installed in a simulated world, and what
// must hold of the actions that are posted from them. Its signatures are names: whether they hold
// was asked when a calendar was installed, which is no part of what is simulated.
import type { ApiAction } from "./api.ts";
import type { CalendarManners, SimulatedJob } from "./profile.ts";
import type { World } from "./world.ts";

/** What was signed for one fire time. */
interface Signed {
  readonly job: string;
  readonly sequence: number;
  readonly firesAt: number;
  readonly validFrom: number;
  readonly expireAfter: number;
}

/** So long after a calendar was withdrawn what was on its way may still arrive. */
const ON_ITS_WAY_MS = 10_000;

/** Windows reach so far beyond the end of chaos: what comes after has none. */
const BEYOND_MS = 15 * 60_000;

/** Or so far, and then it is not asked for the next one. */
const LONG_MS = 10 * 86_400_000;

export class Calendars {
  readonly #signed = new Map<string, Signed>();
  readonly #used = new Set<string>();
  /** True times by calendar. */
  readonly #withdrawnAt = new Map<number, number>();
  #sequence = 0;

  /** Installs a new calendar of a job, in place of the one before. */
  install(world: World, simulated: SimulatedJob): void {
    const { calendar, job, schedule } = simulated;
    const { dice, ledger, profile, wall } = world;
    if (calendar === null || schedule.fires === null) return;
    const sequence = ++this.#sequence;
    const beyondMs = calendar.isLong ? LONG_MS : BEYOND_MS;
    const until = profile.beginsAt + profile.chaosMs + beyondMs;
    const windows = schedule
      .fires(wall, until)
      .filter(() => !dice.chance(calendar.gaps))
      .map((firesAt) => ({
        ...this.#sign(simulated, firesAt, { calendar, sequence }),
        firesAt,
      }));
    const row = {
      job,
      sequence,
      hash: `hash${sequence}`,
      template: "template",
      minSigners: 2,
      action: actionOf(job),
      signers: ["ann", "bob"],
      requestedAt: wall,
      windows,
    };
    ledger.outside((transaction) => void transaction.insertCalendar(row, wall));
  }

  #sign(
    { job, expirySeconds, spreadSeconds }: SimulatedJob,
    firesAt: number,
    { calendar, sequence }: { calendar: CalendarManners; sequence: number },
  ): { validFrom: number; expireAfter: number; signatures: string[] } {
    const validFrom = firesAt - calendar.leadSeconds * 1_000;
    // Valid whatever the job's part of its spread is: a host installs no window that is over then.
    const expireAfter = firesAt + (spreadSeconds + expirySeconds) * 1_000;
    const signature = `${job} ${sequence} ${firesAt}`;
    this.#signed.set(signature, { job, sequence, firesAt, validFrom, expireAfter });
    return { validFrom, expireAfter, signatures: [signature, `with ${signature}`] };
  }

  /** Takes back what is installed of a job. */
  withdraw({ ledger, timeline, wall }: World, job: string): void {
    const sql = "SELECT id, sequence FROM calendar WHERE job = ? AND state = 'installed'";
    const [row] = ledger.rows(sql, job);
    if (row === undefined) return;
    this.#withdrawnAt.set(Number(row.sequence), timeline.now);
    ledger.outside((transaction) => transaction.withdrawCalendar(Number(row.id), wall));
  }

  /** What is wrong with an action that comes to the API: nothing comes of what was taken back. */
  lateness({ timeline }: World, signature: string): string | null {
    const signed = this.#signed.get(signature);
    const withdrawnAt = this.#withdrawnAt.get(signed?.sequence ?? 0) ?? null;
    if (withdrawnAt === null || timeline.now - withdrawnAt <= ON_ITS_WAY_MS) return null;
    return `I2: an action of ${signed?.job} was posted, whose calendar had been withdrawn`;
  }

  /** What is wrong with an action that the API has accepted, of a job that is signed ahead. */
  problem({ ledger, profile }: World, { body, name, signature }: ApiAction): string | null {
    const job = profile.jobs.find((one) => name === `mig-runner: ${one.job}`);
    if (job === undefined || job.calendar === null) return null;
    const signed = this.#signed.get(signature);
    if (signed?.job !== job.job) return `I2: ${name} was posted, which nobody has signed`;
    const when = new Date(signed.firesAt).toISOString();
    if (this.#used.has(signature)) return `I3: the window of ${name} for ${when} was posted twice`;
    this.#used.add(signature);
    const { validfrom, expireafter } = JSON.parse(body) as Record<string, string>;
    const [from, until] = [Date.parse(validfrom ?? ""), Date.parse(expireafter ?? "")];
    if (from !== signed.validFrom || until !== signed.expireAfter) {
      return `I2: ${name} for ${when} was posted with other times than were signed`;
    }
    const sql =
      "SELECT run.fires_at FROM action JOIN run ON run.id = action.run_id " +
      "JOIN calendar_window ON calendar_window.run_id = run.id " +
      "WHERE action.signature = ? AND instr(signatures, ?) > 0";
    const [row] = ledger.rows(sql, signature, JSON.stringify(signature));
    if (Number(row?.fires_at) === signed.firesAt) return null;
    return `I2: ${name} for ${when} was posted by a run that has not taken its window`;
  }
}

function actionOf(job: string): string {
  return JSON.stringify({
    name: `mig-runner: ${job}`,
    target: "status='online'",
    operations: [{ module: "timedrift", parameters: { drift: "" } }],
    syntaxversion: 2,
  });
}
