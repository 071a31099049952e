// Run request: what `run` writes to the journal, for whoever works on the directory to find.
import { RunnerError } from "../errors.ts";
import { notSignedAhead } from "../flow/signed-ahead.ts";
import { type Entity, isSignedAhead } from "../jobs/entity.ts";
import type { RunRow } from "../journal/inflight.ts";
import { SECOND_MS } from "../time.ts";
import { formatClock } from "../view/text.ts";
import { paramsText } from "../workflow/params.ts";
import { type DirectoryLock, serverText, servingHolder } from "./directory-lock.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import { type JournalAccess, type Opened, openJournalAccess } from "./open.ts";
import { Recorder } from "./record.ts";
import { startOf } from "./run-at.ts";
import type { Call } from "./verb.ts";

/** The jobs of a directory, and where they are. */
type Jobs = Pick<Opened, "catalog"> & {
  readonly config: Pick<JournalAccess["config"], "directory" | "runnersDirectory">;
};

/** Where a run is asked for. */
interface Asking {
  readonly config: Pick<JournalAccess["config"], "cluster" | "logging">;
  readonly edges: Pick<JournalAccess["edges"], "clock" | "journal" | "log">;
  /** Null where it is never held. */
  readonly lock: Pick<DirectoryLock, "isOurs"> | null;
}

/** Asks for a run and leaves it to whoever works on the directory. */
export async function leaveRun(call: Call, job: string): Promise<number> {
  const access = await openJournalAccess(call, { kind: "named", word: job });
  try {
    const { id, notBefore } = await askByJournal(call, access, { job, lock: null });
    const who = serverText(servingHolder(access.config.directory)?.pid ?? null);
    const at = notBefore === null ? "" : `, ${formatClock(notBefore)} or later`;
    call.terminal.out([`${job}: ${who} begins run ${id}${at}`]);
    return 0;
  } finally {
    await access.close();
  }
}

/** Asks for a run that this process does not do itself, once the job is known and takes it. */
export async function askByJournal(
  call: Call,
  access: JournalAccess,
  { job, lock }: Pick<Asking, "lock"> & { readonly job: string },
): Promise<RunRow> {
  await loadJobs(access);
  const params = await paramsOf(call, access, requireJob(access, job));
  return await requestRun(call, { ...access, lock }, { job, params });
}

/** @throws {RunnerError} ENTITY, when there is no such job, or when it is broken. */
export function requireJob({ catalog, config }: Jobs, job: string): Entity {
  const states = [...catalog.states()];
  const found = states.find((state) => state.job === job);
  const [mistake] = found?.errors ?? [];
  if (mistake !== undefined) throw mistake;
  if (found?.entity != null && isSignedAhead(found.entity)) {
    const state = "it is signed ahead, for its fire times only, not for a run by hand";
    throw notSignedAhead(job, state);
  }
  if (found?.entity != null) return found.entity;
  const jobs = states.map((state) => state.job);
  throw unknownJob({ verb: "run", job }, { jobs, path: config.runnersDirectory });
}

/**
 * The parameters of the run as JSON; null for a job that takes none.
 *
 * @throws {RunnerErrors} ENTITY, with each that is wrong or missing.
 */
export async function paramsOf(
  call: Call,
  { config }: Jobs,
  entity: Entity,
): Promise<string | null> {
  const set = call.flags.pairs("set");
  const isNone = Object.keys(set).length === 0;
  if (isNone && entity.params === null) return null;
  if (isNone && entity.params?.unset != null) return entity.params.unset;
  const { job, path } = entity;
  if (!entity.workflow) {
    const hint = "Parameters are for job.ts with a workflow";
    throw new RunnerError("ENTITY", "Cannot set parameters: the job takes none", {
      job,
      path,
      hint,
    });
  }
  const { checkParams } = await import("../edge/modules/params.ts");
  return await checkParams({ job, path, below: config.directory }, set);
}

/** Writes the request; two requests of one millisecond get fire times of their own (I2). */
export async function requestRun(
  call: Call,
  opened: Asking,
  { job, params }: { readonly job: string; readonly params: string | null },
): Promise<RunRow> {
  const { edges, lock, config } = opened;
  const now = edges.clock.now();
  const notBefore = startOf(call, now);
  const recorder = new Recorder(call, opened);
  const row = await edges.journal.write((transaction) => {
    for (let firesAt = notBefore ?? now; ; firesAt++) {
      // A whole second may be a fire time of its schedule, which is not to be taken from it.
      if (firesAt % SECOND_MS === 0) continue;
      const order = { job, firesAt, cause: "manual", params, notBefore } as const;
      const row = transaction.insertRun(order, "requested", now);
      if (row === null) continue;
      const at = notBefore === null ? "" : ` at ${new Date(notBefore).toISOString()}`;
      const detail = `run ${row.id}${at} ${paramsText(params)}`.trim();
      recorder.note(transaction, { deed: "run", subject: job, detail });
      return row;
    }
  });
  // Beside a daemon only the answer to the call is wanted on the terminal.
  if (lock === null || lock.isOurs || config.logging.mode !== "stdout") recorder.tell();
  return row;
}
