// Request: `calendar request`: the file that people sign, from a job as the host has it.
import { describeCalendar } from "../../calendar/describe.ts";
import { type Calendar, encodeCalendar, hashOf, WINDOWS_MAX } from "../../calendar/file.ts";
import { type RequestOrder, requestCalendar } from "../../calendar/request.ts";
import { loadConfig } from "../../config/config.ts";
import { createFile } from "../../edge/files.ts";
import { RunnerError, RunnerErrors } from "../../errors.ts";
import { loadTemplate, templatePath } from "../../flow/template.ts";
import type { Entity } from "../../jobs/entity.ts";
import { spreadOffsetMs } from "../../jobs/fires.ts";
import { durationToMs, parseDuration } from "../../lib/go/duration.ts";
import { errnoCode, errnoText } from "../../lib/os/errno.ts";
import { resolveTarget } from "../../mig/target.ts";
import type { Milliseconds } from "../../time.ts";
import { jsonAnswer, plural } from "../../view/text.ts";
import { UsageError } from "../flags.ts";
import { chooseJobs, hasAction, loadJobs } from "../jobs.ts";
import { openSpoolView, type SpoolView, sourcesOf } from "../open.ts";
import { openReadingIfThere } from "../reading.ts";
import type { Call } from "../verb.ts";
import { asCalendarError, type Deed, factLines } from "./deed.ts";

export const request: Deed = { word: "JOB", run: requestJob };

async function requestJob(call: Call, job: string): Promise<number> {
  const { flags, terminal } = call;
  const path = flags.text("o");
  if (path === null) throw new UsageError("calendar request needs -o FILE");
  const until = flags.instant("until");
  const count = flags.number("windows", 1);
  if (until === null && count === null) {
    throw new UsageError("calendar request needs --until TIME or --windows N");
  }
  const leadMs = leadOf(flags.text("lead"));
  const view = await openSpoolView(call);
  const entity = await requireJob(view, job, "request a calendar of");
  const template = await jobTemplate(call, view, entity);
  const { schedule, minSigners, expiryMs, path: jobPath } = entity;
  const attempt = `request a calendar of job "${job}"`;
  if (schedule === null) {
    const hint = "give it a schedule: only fire times that are known can be signed ahead";
    const message = `Cannot ${attempt}: it fires by hand only`;
    throw new RunnerError("CALENDAR", message, { job, path: jobPath, hint });
  }
  const { agents, before, audit } = await known(view, job);
  const made = await asCalendarError(attempt, { job, path: templatePath(entity) }, () =>
    requestCalendar({
      job,
      template,
      schedule,
      expiryMs,
      leadMs,
      minSigners,
      timezone: schedule.timezone ?? call.hostZone.name,
      offsetMs: spreadOffsetMs(job, entity.spreadMs),
      until: until ?? Number.MAX_SAFE_INTEGER,
      count: count ?? WINDOWS_MAX,
      before,
      audit,
      agents,
      now: view.clock.now(),
    }),
  );
  const shown = await asCalendarError(attempt, { job }, () => describe(path, { made, entity }));
  await write(path, made);
  if (flags.has("json")) terminal.json(jsonAnswer(summaryOf(path, made)));
  else terminal.out(shown);
  return 0;
}

/** What a calendar is, for programs. */
export function summaryOf(path: string, calendar: Calendar) {
  const { job, sequence, previous, requestedAt, minSigners, windows, signers } = calendar;
  return {
    path,
    job,
    sequence,
    hash: hashOf(calendar),
    previous,
    requestedAt,
    minSigners,
    windows: windows.length,
    firstAt: windows[0]?.firesAt,
    lastAt: windows.at(-1)?.firesAt,
    signers: signers.map(({ fingerprint, manifest }) => ({
      fingerprint,
      whole: manifest !== null,
    })),
  };
}

function leadOf(text: string | null): Milliseconds | null {
  if (text === null) return null;
  try {
    const ms = durationToMs(parseDuration(text));
    if (ms >= 0) return ms;
  } catch {
    // Said below, as for one that is negative.
  }
  throw new UsageError(`invalid value "${text}" for flag -lead: a duration such as 90s or 2m`);
}

/**
 * A job that can be loaded.
 *
 * @param attempt What it is wanted for, such as "request a calendar of".
 * @throws {RunnerErrors} What is wrong with it, or that there is none.
 */
export async function requireJob(view: SpoolView, job: string, attempt: string): Promise<Entity> {
  const names = { verb: attempt, names: [job], path: view.config.runnersDirectory };
  const { chosen, unknown } = chooseJobs(await loadJobs(view), names);
  if (unknown.length > 0) throw new RunnerErrors(unknown);
  const [state] = chosen;
  if (state === undefined || state.entity === null) throw new RunnerErrors(state?.errors ?? []);
  return state.entity;
}

/**
 * The template of a job's own action as it is posted, macros resolved.
 *
 * @throws {RunnerError} When the job has none: its workflow makes its actions.
 */
export async function jobTemplate(call: Call, { spool }: SpoolView, entity: Entity) {
  const { job, path } = entity;
  if (!(await hasAction(entity))) {
    const message = `Cannot sign job "${job}" ahead: its workflow makes its actions when it runs`;
    const hint = "give it an action of its own, which a calendar can hold";
    throw new RunnerError("CALENDAR", message, { job, path, hint });
  }
  const template = await loadTemplate({ spool }, entity);
  if (entity.template.kind === "file") return template;
  const { config } = await loadConfig(sourcesOf(call));
  return { ...template, target: resolveTarget(template.target, config.targets) };
}

/** Runs that are looked at for how many agents matched. */
const RUNS_MAX = 20;

/** The tables that tell it. */
const KNOWN = ["run", "action", "calendar", "audit"];

/** What the journal knows of a job: the calendar before, and how many agents matched last. */
async function known(
  view: SpoolView,
  job: string,
): Promise<Pick<RequestOrder, "agents" | "before" | "audit">> {
  const reading = await openReadingIfThere(view, { kind: "tables", tables: KNOWN, job });
  if (reading === null) return { agents: null, before: null, audit: null };
  const { journal, close } = reading;
  try {
    const runs = journal.runs(job, RUNS_MAX).flatMap(({ id }) => journal.actionsOf(id));
    const own = runs.find(({ step, completeness }) => step === "" && completeness?.sent != null);
    const audit = journal.auditHead()?.hash ?? null;
    return { agents: own?.completeness?.sent ?? null, before: journal.newestCalendar(job), audit };
  } finally {
    await close();
  }
}

async function write(path: string, calendar: Calendar): Promise<void> {
  try {
    await createFile(path, encodeCalendar(calendar));
  } catch (cause) {
    const isThere = errnoCode(cause) === "EEXIST";
    const state = isThere ? "it is there already" : errnoText(cause);
    const hint = isThere ? "name another file, or move that one away" : "name another file";
    throw new RunnerError("CALENDAR", `Cannot make "${path}": ${state}`, { hint }, { cause });
  }
}

function describe(
  path: string,
  { made, entity }: { readonly made: Calendar; readonly entity: Entity },
): string[] {
  const { job, minSigners, signing } = entity;
  return [
    job,
    ...factLines(describeCalendar(made)),
    `${path}: to be signed by ${plural(minSigners, "person")}: mig-runner calendar sign FILE --key ID`,
    ...(signing === "calendar" ? [] : [LIVE]),
  ];
}

const LIVE = 'note: the job signs live; calendars are used once it has signing = "calendar"';
