// Oracle: whether the invariants hold in a simulated world. Shares no code with the runner: it
// compares what the API accepted, what lies on the disk, what plugins took, and the journal's
// rows as its own SQL reads them.
//
//   at once      I1 a POST without a durable plan · I3 accepted twice · I5 a file that is not whole
//                I6 a delivery of what is not durable · I7 a loop that spins
//   at the end   I2 fire times · I4 every action ended · I6 every plugin served · I8 · I9
import { AlarmOracle } from "./alarms.ts";
import type { ApiAction } from "./api.ts";
import { Calendars } from "./calendars.ts";
import { FireTimes } from "./fire-times.ts";
import { Fresh } from "./fresh.ts";
import type { Watch } from "./life.ts";
import { RUNNERS } from "./ports.ts";
import type { Legacy, SimulatedJob } from "./profile.ts";
import { resultProblem } from "./results.ts";
import type { World } from "./world.ts";

/** Turns of the loop in one second of true time: so many at least, and so many for each row. */
const TURNS_MAX = 200;
const TURNS_A_ROW_MAX = 6;

/** What makes the clock tell nothing of when something was done. */
const ODD: readonly string[] = ["jump", "glitch"];

/** So long after its time a job that is due has begun when nothing is wrong. */
const STANDSTILL_MS = 20_000;

/** What has to come to its end by the judgement: what was begun by the end of chaos. */
export interface Marks {
  /** The last row of each table. */
  readonly actions: number;
  readonly runs: number;
  /** An action that was dated after this, by a clock far ahead, is not waited for. */
  readonly expireAt: number;
}

/** A record of the original that was in an inflight/ folder at the beginning. */
export interface LegacyRecord {
  readonly job: string;
  readonly kind: Legacy;
  readonly path: string;
  readonly actionId: number | null;
}

/**
 * Planned with this body. Actions of one job that are dated within one second are signed alike, and
 * so the API's answer for one may have been taken for that of its twin, which arrives later.
 */
const JOURNALED =
  "SELECT id FROM action AS mine WHERE body = ? AND (state = 'planned' OR EXISTS " +
  "(SELECT 1 FROM action AS twin WHERE twin.signature = mine.signature AND twin.id <> mine.id))";

export class Oracle implements Watch {
  world!: World;
  readonly legacy: LegacyRecord[] = [];
  /** Jobs whose fire times cannot be counted any more: changed, removed, or a clock gone wild. */
  readonly uncounted = new Set<string>();
  /** Actions that the operator gave up. */
  readonly dropped = new Set<number>();
  readonly calendars = new Calendars();
  readonly alarms = new AlarmOracle(this.uncounted);
  readonly #accepted: ApiAction[] = [];
  readonly #acceptedBy = new Map<string, number>();
  readonly #signedAs = new Map<number, string>();
  readonly #collectingSince = new Map<string, number>();
  readonly #decided = new FireTimes();
  readonly #fresh = new Fresh();
  /** Jobs that a living process has loaded, and when by the wall clock. */
  readonly #loaded = new Map<string, { life: number; at: number }>();
  /** The last run that was looked at for what holds its job. */
  #lastRun = 0;
  #second = 0;
  #turns = 0;
  #turnsMax = TURNS_MAX;

  /** I1: what arrives at the API is in the journal, byte for byte, as planned. */
  arrived(body: string): void {
    const { ledger } = this.world;
    const { pgpsignatures } = JSON.parse(body) as { pgpsignatures: string[] };
    const signature = pgpsignatures[0] ?? "";
    const late = this.calendars.lateness(this.world, signature);
    if (late !== null) this.world.violate(late);
    if (ledger.rows(JOURNALED, body).length > 0) return;
    // What an operator gives up while it is on its way arrives all the same.
    const same = ledger.rows("SELECT id FROM action WHERE signature = ?", signature);
    if (same.some(({ id }) => this.dropped.has(Number(id)))) return;
    this.world.violate("I1: a POST that the journal does not hold as planned");
  }

  /** I3: as many accepted actions of one signature as the journal has rows, never more. */
  accepted(action: ApiAction): void {
    const { ledger } = this.world;
    this.#accepted.push(action);
    const count = (this.#acceptedBy.get(action.signature) ?? 0) + 1;
    this.#acceptedBy.set(action.signature, count);
    const sql = "SELECT count(*) AS rows FROM action WHERE signature = ?";
    const rows = ledger.rows(sql, action.signature)[0]?.rows ?? 0;
    if (count > Number(rows)) this.world.violate(`I3: ${action.name} was accepted ${count} times`);
    this.#signedOnce(action);
    const problem = this.calendars.problem(this.world, action);
    if (problem !== null) this.world.violate(problem);
  }

  /** I3: of one row the API has accepted one signature, although it may be signed again. */
  #signedOnce({ name, signature }: ApiAction): void {
    const sql = "SELECT id FROM action WHERE signature = ?";
    const [own, ...twins] = this.world.ledger.rows(sql, signature);
    if (own === undefined || twins.length > 0) return;
    const before = this.#signedAs.get(Number(own.id)) ?? signature;
    this.#signedAs.set(Number(own.id), signature);
    if (before !== signature) this.world.violate(`I3: ${name} was accepted, then signed anew`);
  }

  collecting(path: string): void {
    this.#collectingSince.set(path, this.world.timeline.now);
  }

  /** I5: what has its final name is whole, and holds each command once. */
  published(path: string, bytes: Uint8Array): void {
    const problem = this.#resultProblem(path, bytes);
    if (problem !== null) this.world.violate(`I5: ${path}: ${problem}`);
  }

  #resultProblem(path: string, bytes: Uint8Array): string | null {
    const since = this.#collectingSince.get(path) ?? 0;
    return resultProblem(this.world, { path, bytes, since });
  }

  /** I6: a plugin is given what is durable, and what the journal knows to be. */
  delivering(order: { plugin: string; resultPath: string; key: string }): void {
    const { disk, ledger } = this.world;
    if (!disk.visible.has(order.resultPath)) this.world.violate("I6: a result that is not there");
    if (!disk.isDurable(order.resultPath)) this.world.violate("I6: a result that is not durable");
    const sql =
      "SELECT 1 AS yes FROM action JOIN delivery ON delivery.action_row = action.id " +
      "WHERE coalesce(delivery.result_path, action.result_path) = ? AND plugin = ? " +
      "AND action.state IN ('collected', 'settled')";
    if (ledger.rows(sql, order.resultPath, order.plugin).length === 0) {
      this.world.violate("I6: a delivery that the journal does not know");
    }
  }

  /** I3 for the steps of workflows: one whose outcome is saved is never done again. */
  worked(key: string): void {
    const [, runId, name] = /\/(\d+)\/(.+)$/.exec(key) ?? [];
    const sql = "SELECT state FROM step WHERE run_id = ? AND name = ?";
    const [step] = this.world.ledger.rows(sql, Number(runId), name ?? "");
    if (step !== undefined && step.state !== "begun") {
      this.world.violate(`I3: step ${key} was done again after it was ${step.state}`);
    }
  }

  /** I6 for what people are told: only what is so. */
  raised(about: { event: string; job: string; subject: string }): void {
    this.alarms.raised(this.world, about);
  }

  noticed(notice: Parameters<AlarmOracle["noticed"]>[1]): void {
    this.alarms.noticed(this.world, notice);
  }

  told(key: string, body: string): void {
    this.alarms.told(key, body);
  }

  exchanged(isAnswered: boolean): void {
    this.alarms.reach.exchanged(this.world, isAnswered);
  }

  outageEnds(): void {
    this.alarms.outageEnds(this.world);
  }

  /** A process says that it knows a job: from now on it must account for the job's fire times. */
  logged(message: string): void {
    const begun = /^(\S+): running$/.exec(message)?.[1];
    if (begun !== undefined) this.#fresh.began(this.world, begun);
    const job = /^added entity (.+)$/.exec(message)?.[1];
    if (job === undefined) return;
    const { life, wall } = this.world;
    if (this.#loaded.get(job)?.life !== life.number) {
      this.#loaded.set(job, { life: life.number, at: wall });
    }
  }

  /** I2: what people hold is not run. Told of at once, while it is known what held it. */
  #checkHeld(): void {
    const { ledger, profile, wall } = this.world;
    const { blackouts, beginsAt, happenings } = profile;
    const isHeld = happenings.some(({ what }) => what.kind === "pause") || blackouts.length > 0;
    // A clock that jumps between a decision and its record tells nothing of when it was made.
    const isOdd = happenings.some(({ what }) => ODD.includes(what.kind));
    if (!isHeld || isOdd) return;
    const sql = "SELECT id, job, fires_at FROM run WHERE id > ? AND cause = 'schedule'";
    for (const { id, job, fires_at } of ledger.rows(sql, this.#lastRun)) {
      this.#lastRun = Number(id);
      const at = Number(fires_at);
      const posted = profile.jobs.find((one) => one.job === job)?.calendar?.postAheadSeconds ?? 0;
      if (posted > 0) continue;
      const paused =
        "SELECT 1 FROM pause WHERE job = ? AND ended_at IS NULL AND since <= ? AND " +
        "(until IS NULL OR until > ?)";
      const isPaused = ledger.rows(paused, String(job), at, wall).length > 0;
      const isDark = blackouts.some(
        ({ fromMs, untilMs }) => beginsAt + fromMs <= at && wall < beginsAt + untilMs,
      );
      const when = new Date(at).toISOString();
      if (isPaused || isDark) this.world.violate(`I2: ${job} was run at ${when} while it was held`);
    }
  }

  /** What is asked for at a time is not begun before it. */
  #checkEarly(): void {
    const { ledger, profile } = this.world;
    const isOdd = profile.happenings.some(({ what }) => ODD.includes(what.kind));
    if (isOdd || !profile.happenings.some(({ what }) => what.kind === "request")) return;
    const sql = "SELECT id, job FROM run WHERE not_before > begun_at";
    for (const { id, job } of ledger.rows(sql)) {
      this.world.violate(`I2: run ${id} of ${job} was begun before it was to`);
    }
  }

  committed(): void {
    this.#checkHeld();
    this.#checkEarly();
    for (const problem of this.#fresh.problems(this.world)) this.world.violate(problem);
    const { ledger, life } = this.world;
    for (const { job, decided_at, ahead_at } of ledger.rows("SELECT * FROM cursor")) {
      const loaded = this.#loaded.get(String(job));
      const since = loaded?.life === life.number ? loaded.at : null;
      const aheadAt = ahead_at === null ? null : Number(ahead_at);
      this.#decided.moved(String(job), { decidedAt: Number(decided_at), aheadAt }, since);
    }
  }

  /** I7: the loop does not spin. */
  woken(): void {
    const second = Math.floor(this.world.timeline.now / 1_000);
    if (second !== this.#second) {
      [this.#second, this.#turns, this.#turnsMax] = [second, 0, TURNS_MAX];
    }
    if (++this.#turns !== this.#turnsMax) return;
    // Work explains turns, and there is no more of it at a time than there are rows.
    const [counted] = this.world.ledger.rows(
      "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM action) + " +
        "(SELECT count(*) FROM delivery) AS rows",
    );
    this.#turnsMax = TURNS_MAX + TURNS_A_ROW_MAX * Number(counted?.rows);
    if (this.#turns < this.#turnsMax) return;
    this.world.violate(`I7: ${this.#turns} turns within one second`);
  }

  /** Whether a record of the original waits to be adopted: that is tried again now and then. */
  get isAdopting(): boolean {
    const { disk, ledger } = this.world;
    return this.legacy.some(({ actionId, path }) => {
      if (actionId === null) return disk.visible.has(path);
      const [row] = ledger.rows("SELECT state FROM action WHERE action_id = ?", actionId);
      return row === undefined || row.state === "posted";
    });
  }

  /** All that must hold once faults have stopped and everything had time to end. */
  atRest(marks: Marks): void {
    this.#checkFireTimes();
    this.#checkActions(marks);
    this.#checkDeliveries(marks);
    this.#checkRuns(marks);
    this.#checkLegacy();
  }

  /** I2: every fire time is a run or missed, and never both. */
  #checkFireTimes(): void {
    const { ledger, profile } = this.world;
    for (const row of ledger.rows(
      "SELECT job, fires_at FROM run GROUP BY job, fires_at HAVING count(*) > 1",
    )) {
      this.world.violate(`I2: ${row.job} has two runs of ${row.fires_at}`);
    }
    for (const job of profile.jobs) this.#checkJob(job);
  }

  /** What must hold in peace, before a restart helps: every job that is sound goes on. */
  inPeace(): void {
    for (const job of this.world.profile.jobs) {
      this.#checkGoesOn(job);
      this.#checkWindows(job);
    }
    const { problem } = this.alarms.state(this.world);
    if (problem !== null) this.world.violate(problem);
  }

  /** I8: what was due in peace is decided, whatever became of the other jobs and of the clock. */
  #checkGoesOn({ calendar, job, schedule, spreadSeconds }: SimulatedJob): void {
    const { calmAt, disk, ledger, profile, wall } = this.world;
    if (schedule.fires === null || this.uncounted.has(job) || !disk.jobs.has(job)) return;
    const until = wall - spreadSeconds * 1_000 - STANDSTILL_MS;
    // A job that was mended when peace began is seen by the next scan.
    const since = calmAt + profile.checkDirectoryMs + STANDSTILL_MS;
    // What a clock that was ahead has run is done, and nothing has to be decided of it.
    const sql = "SELECT 1 FROM run WHERE job = ? AND fires_at = ?";
    const due = schedule
      .fires(since, until)
      .filter((at) => ledger.rows(sql, job, at).length === 0)
      .at(-1);
    const [cursor] = ledger.rows("SELECT decided_at FROM cursor WHERE job = ?", job);
    const decidedAt = Number(cursor?.decided_at ?? 0);
    const when = new Date(due ?? decidedAt).toISOString();
    const aheadMs = (calendar?.postAheadSeconds ?? 0) * 1_000;
    if (wall >= since && decidedAt > wall + aheadMs)
      this.world.violate(`I7: ${job} is decided up to ${when}, ahead of now`);
    if (due === undefined || decidedAt >= due) return;
    this.world.violate(`I8: ${job} stands still, it was due at ${when}`);
  }

  /** I2 of what people have signed: in peace no window of the calendar that holds passes unused. */
  #checkWindows({ calendar, job, overlap, spreadSeconds }: SimulatedJob): void {
    const { calmAt, disk, ledger, profile, wall } = this.world;
    const { checkDirectoryMs, downMaxMs } = profile;
    if (this.uncounted.has(job) || !disk.jobs.has(job) || overlap !== "allow") return;
    // What is posted ahead was decided that much earlier, by the clock of then.
    const aheadMs = (calendar?.postAheadSeconds ?? 0) * 1_000;
    const since = calmAt + checkDirectoryMs + downMaxMs + STANDSTILL_MS + aheadMs;
    const until = wall - spreadSeconds * 1_000 - STANDSTILL_MS;
    const sql =
      "SELECT fires_at FROM calendar_window JOIN calendar ON calendar.id = calendar_id " +
      "WHERE job = ? AND state = 'installed' AND installed_at < ? AND fires_at BETWEEN ? AND ? " +
      "AND NOT EXISTS (SELECT 1 FROM run WHERE run.job = calendar.job AND run.fires_at = " +
      "calendar_window.fires_at) AND NOT EXISTS (SELECT 1 FROM missed WHERE missed.job = " +
      "calendar.job AND kind = 'skipped' AND calendar_window.fires_at BETWEEN first_at AND last_at)";
    for (const { fires_at } of ledger.rows(sql, job, calmAt, since, until)) {
      const when = new Date(Number(fires_at)).toISOString();
      this.world.violate(`I2: ${job} has a window for ${when}, which no run has used`);
    }
  }

  #checkJob({ job, schedule: { fires } }: SimulatedJob): void {
    const { world } = this;
    const { ledger } = world;
    const { blackouts, happenings } = world.profile;
    if (fires === null || this.uncounted.has(job)) return;
    const sql = "SELECT fires_at FROM run WHERE job = ? AND cause = 'schedule'";
    const runs = ledger.rows(sql, job).map(({ fires_at }) => Number(fires_at));
    const missed = ledger
      .rows("SELECT first_at, last_at, count, kind FROM missed WHERE job = ?", job)
      .map((row) => ({
        firstAt: Number(row.first_at),
        lastAt: Number(row.last_at),
        count: Number(row.count),
        kind: String(row.kind),
      }));
    const hasCursor = ledger.rows("SELECT 1 FROM cursor WHERE job = ?", job).length > 0;
    // A pause that was made and ended under a clock that was ahead is not kept, its skipped times
    // are until their day has come.
    const isPaused = happenings.some(({ what }) => what.kind === "pause" && what.job === job);
    const isHeld = isPaused || blackouts.length > 0;
    const rows = { runs, missed, hasCursor, isHeld };
    for (const problem of this.#decided.problems(job, fires, rows)) world.violate(problem);
  }

  /** I4: what the API accepted has ended, with a whole file or a failure that says why. */
  #checkActions({ actions: lastRow, expireAt }: Marks): void {
    const { ledger, disk } = this.world;
    for (const row of ledger.rows(
      "SELECT id, job, state, error FROM action WHERE state IN ('planned', 'posted') " +
        "AND id <= ? AND expire_at <= ?",
      lastRow,
      expireAt,
    )) {
      this.world.violate(`I4: action ${row.id} of ${row.job} is still ${row.state}: ${row.error}`);
    }
    for (const action of this.#accepted) {
      const sql = "SELECT * FROM action WHERE ";
      const own = ledger.rows(`${sql} action_id = ?`, action.id)[0];
      if (own === undefined) {
        const same = ledger.rows(`${sql} signature = ?`, action.signature);
        if (same.some(({ id }) => Number(id) > lastRow)) continue;
        if (same.some(({ id }) => this.dropped.has(Number(id)))) continue;
        const why = same.map(({ state, error }) => `${state} (${error})`).join(", ");
        this.world.violate(`I4: accepted action ${action.id} (${action.name}) is lost: ${why}`);
        continue;
      }
      if (Number(own.id) > lastRow || own.send_only === 1) continue;
      if (own.state === "posted" && Number(own.expire_at) > expireAt) continue;
      if (own.state === "failed" && this.dropped.has(Number(own.id))) continue;
      if (own.state !== "collected" && own.state !== "settled") {
        this.world.violate(`I4: accepted action ${action.id} ended as ${own.state}: ${own.error}`);
      } else if (!disk.isDurable(String(own.result_path))) {
        this.world.violate(`I5: the result of action ${action.id} is not there`);
      }
    }
    for (const [path, bytes] of disk.visible) {
      if (!path.includes("/results/")) continue;
      const problem = this.#resultProblem(path, bytes);
      if (problem !== null) this.world.violate(`I5: at rest ${path}: ${problem}`);
    }
  }

  /** I6: a collected result has gone to each of its plugins, or is listed as dead. */
  #checkDeliveries({ actions: lastRow, expireAt }: Marks): void {
    const { ledger, received } = this.world;
    const rows = ledger.rows(
      "SELECT id, job, plugins, state, action_id FROM action " +
        "WHERE state IN ('collected', 'settled') AND send_only = 0 AND id <= ? AND " +
        // One that a clock far ahead has dated is not waited for: it may have ended just now.
        "((state = 'settled' AND next_at IS NULL) OR expire_at <= ?)",
      lastRow,
      expireAt,
    );
    for (const row of rows) {
      const deliveries = ledger.rows(
        "SELECT plugin, state, attempts, key FROM delivery WHERE action_row = ?",
        row.id ?? 0,
      );
      for (const plugin of JSON.parse(String(row.plugins)) as string[]) {
        if (!deliveries.some((delivery) => delivery.plugin === plugin)) {
          this.world.violate(`I6: ${plugin} was never to get action ${row.action_id}`);
        }
      }
      for (const { plugin, state, key, attempts } of deliveries) {
        const taken = received.get(String(key)) ?? 0;
        if (state === "delivered" && taken === 0) {
          this.world.violate(`I6: ${plugin} never took action ${row.action_id}`);
        }
        if (state === "pending" || (state === "dead" && Number(attempts) < 30)) {
          this.world.violate(`I6: ${plugin}: action ${row.action_id} is ${state} at rest`);
        }
      }
      const open = deliveries.some(({ state }) => state === "pending" || state === "dead");
      if ((row.state === "settled") === open) {
        this.world.violate(
          `I6: action ${row.action_id} is ${row.state}, with its deliveries ${open}`,
        );
      }
    }
  }

  /** I4: a run of a job that is there has ended, and says why when it failed. */
  #checkRuns({ runs: lastRun, expireAt }: Marks): void {
    const { ledger, disk } = this.world;
    for (const { id, job, state, note } of ledger.rows(
      "SELECT * FROM run WHERE id <= ?1 AND NOT EXISTS " +
        "(SELECT 1 FROM action WHERE run_id = run.id AND expire_at > ?2 AND " +
        "(next_at IS NOT NULL OR state = 'collected')) " +
        "AND NOT (state = 'requested' AND coalesce(not_before, 0) > ?3)",
      lastRun,
      expireAt,
      this.world.wall,
    )) {
      if (state === "open" || (state === "requested" && disk.jobs.has(String(job)))) {
        this.world.violate(`I4: run ${id} of ${job} is still ${state}`);
      }
      if (state === "paused" && !/was started \d+ times/.test(String(note))) {
        this.world.violate(`I4: run ${id} of ${job} is paused: ${note}`);
      }
      if (state === "failed" && /Cannot begin|TypeError/.test(String(note))) {
        this.world.violate(`I4: run ${id} of ${job} failed by its own body: ${note}`);
      }
      if (state === "failed" && (note === null || note === "")) {
        this.world.violate(`I4: run ${id} of ${job} failed without a reason`);
      }
    }
  }

  /** I9: records of the original are collected, or set aside. */
  #checkLegacy(): void {
    const { disk, ledger } = this.world;
    for (const { actionId, kind, path } of this.legacy) {
      if (actionId === null) {
        if (disk.visible.has(path)) this.world.violate(`I9: ${path} was not set aside`);
        continue;
      }
      const sql = "SELECT id, state FROM action WHERE action_id = ?";
      const row = ledger.rows(sql, actionId)[0];
      if (this.dropped.has(Number(row?.id))) continue;
      if (row?.state !== "collected" && row?.state !== "settled") {
        this.world.violate(`I9: the ${kind} record ${path} is ${row?.state ?? "not adopted"}`);
      }
    }
    for (const path of disk.visible.keys()) {
      const name = new RegExp(`^${RUNNERS}/[^/]+/inflight/(\\d+)\\.json$`).exec(path)?.[1];
      if (name === undefined) continue;
      const row = ledger.rows("SELECT state FROM action WHERE action_id = ?", Number(name))[0];
      if (row !== undefined && row.state !== "posted") {
        this.world.violate(`I9: ${path} is left behind by an action that is ${row.state}`);
      }
    }
  }
}
