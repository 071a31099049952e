// Files: what an operator writes into the runner directory of a simulated world.
import type { LegacyRecord } from "./oracle.ts";
import { RUNNERS } from "./ports.ts";
import type { Profile, SimulatedJob } from "./profile.ts";
import type { World } from "./world.ts";

const ACTION = {
  target: "status='online'",
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
};

/** The template, which tells its revisions apart; all of them are as long. */
function templateText({ revision }: World["disk"]): string {
  const [operation] = ACTION.operations;
  const parameters = { ...operation?.parameters, revision: 1_000_000 + revision };
  return JSON.stringify({ ...ACTION, operations: [{ ...operation, parameters }] });
}

/** The file that defines a job. */
export function definitionName({ workflow }: SimulatedJob): string {
  return workflow === null ? "entity.toml" : "job.ts";
}

/** The files of a sound job. @param mend Keeps the marks of files that are as they should be. */
export function writeJob(
  world: Pick<World, "disk">,
  job: SimulatedJob,
  { mend = false, schedule = job.schedule.text }: { mend?: boolean; schedule?: string } = {},
): void {
  const files: Record<string, string> =
    job.workflow === null
      ? { "entity.toml": tableText(job, schedule), "action.json": templateText(world.disk) }
      : { "job.ts": programText(job, schedule) };
  const known = world.disk.jobs.get(job.job);
  const broken = Object.entries(files).filter(([name]) => {
    if (!mend) return true;
    const text = known?.get(name)?.text ?? "";
    return text === "" || text.startsWith("broken");
  });
  world.disk.writeJob(job.job, Object.fromEntries(broken));
}

function tableText(job: SimulatedJob, schedule: string): string {
  const { timezone } = job.schedule;
  return [
    `schedule = "${schedule}"`,
    ...(timezone === null ? [] : [`timezone = "${timezone}"`]),
    ...Object.entries(boundsOf(job)).map(([name, text]) => `${name} = "${text}"`),
    `expiry = "${job.expirySeconds}s"`,
    `plugins = [${job.plugins.map((name) => `"${name}"`).join(", ")}]`,
    `sendonly = ${job.sendOnly}`,
    `spread = "${job.spreadSeconds}s"`,
    `onmissed = "${job.onMissed}"`,
    `overlap = "${job.overlap}"`,
    `early = ${job.early}`,
    `late = "${job.lateSeconds}s"`,
    ...(job.expectSeconds === null ? [] : [`expect = "${job.expectSeconds}s"`]),
    ...(job.deadlineSeconds === null ? [] : [`deadline = "${job.deadlineSeconds}s"`]),
    ...(job.calendar === null
      ? []
      : ['signing = "calendar"', `postahead = "${job.calendar.postAheadSeconds}s"`]),
  ].join("\n");
}

/** The bounds of its schedule, as it writes them. */
function boundsOf({ schedule: { from, until } }: SimulatedJob): Readonly<Record<string, string>> {
  if (from === undefined || until === undefined) return {};
  return { from: new Date(from).toISOString(), until: new Date(until).toISOString() };
}

/** What a job.ts says, as JSON: the simulation knows the body by its kind. */
function programText(job: SimulatedJob, cron: string): string {
  const { deadlineSeconds, expectSeconds, onMissed, overlap, schedule, workflow: kind } = job;
  const timezone = schedule.timezone ?? undefined;
  const spread = `${job.spreadSeconds}s`;
  const definition = {
    schedule: { cron, timezone, spread, onMissed, overlap, ...boundsOf(job) },
    expiry: `${job.expirySeconds}s`,
    plugin: job.plugins,
    early: job.early,
    deadline: deadlineSeconds === null ? undefined : `${deadlineSeconds}s`,
    expect: expectSeconds === null ? undefined : `${expectSeconds}s`,
    action: ACTION,
  };
  return JSON.stringify({ kind, definition });
}

/** A record of the original, of an action that it had posted before it was replaced. */
export function writeLegacy(world: World, record: Profile["legacy"][number]): LegacyRecord {
  const { job, kind } = record;
  const { dice, disk, timeline } = world;
  world.count(`legacy ${kind}`);
  const folder = `${RUNNERS}/${job}/inflight`;
  const put = (name: string, text: string): string => {
    const path = `${folder}/${name}`;
    disk.rename(path, new TextEncoder().encode(text));
    disk.sync(path);
    return path;
  };
  const expireAt = timeline.now + dice.int(-300_000, 120_000);
  const action = world.api.insert(
    JSON.stringify({
      name: `mig-runner: ${job}`,
      target: "status='online'",
      expireafter: new Date(expireAt).toISOString(),
      pgpsignatures: [`legacy${dice.int(0, 1e9)}`],
    }),
    Math.min(timeline.now, expireAt) - 60_000,
  );
  const { id } = action;
  const text = `{"action":${action.stored}},"commands":null,"name":"${job}","plugin":"alpha"}`;
  switch (kind) {
    case "good":
      return { job, kind, path: put(`${id}.json`, text), actionId: id };
    case "misnamed":
      return { job, kind, path: put(`copy of ${id}.json`, text), actionId: id };
    case "forgotten":
      world.api.actions.delete(id);
      return { job, kind, path: put(`${id}.json`, text), actionId: id };
    case "empty":
      return { job, kind, path: put(`${id}.json`, ""), actionId: null };
    case "torn":
      return { job, kind, path: put(`${id}.json`, text.slice(0, -20)), actionId: null };
    case "noise":
      return { job, kind, path: put(`${id}.json`, "\0".repeat(400)), actionId: null };
  }
}
