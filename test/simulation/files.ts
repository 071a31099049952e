// Files: what an operator writes into the runner directory of a simulated world.
import type { LegacyRecord } from "./oracle.ts";
import { RUNNERS } from "./ports.ts";
import type { Profile, SimulatedJob } from "./profile.ts";
import type { World } from "./world.ts";

const TEMPLATE = JSON.stringify({
  target: "status='online'",
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
});

/** The files of a sound job. @param mend Keeps the marks of files that are as they should be. */
export function writeJob(
  world: World,
  job: SimulatedJob,
  { mend = false, schedule = job.schedule.text }: { mend?: boolean; schedule?: string } = {},
): void {
  const { expirySeconds, onMissed, overlap, plugins, sendOnly, spreadSeconds } = job;
  const timezone = job.schedule.timezone;
  const entity = [
    `schedule = "${schedule}"`,
    ...(timezone === null ? [] : [`timezone = "${timezone}"`]),
    `expiry = "${expirySeconds}s"`,
    `plugins = [${plugins.map((name) => `"${name}"`).join(", ")}]`,
    `sendonly = ${sendOnly}`,
    `spread = "${spreadSeconds}s"`,
    `onmissed = "${onMissed}"`,
    `overlap = "${overlap}"`,
  ].join("\n");
  const files = { "entity.toml": entity, "action.json": TEMPLATE };
  const known = world.disk.jobs.get(job.job);
  const broken = Object.entries(files).filter(([name]) => {
    if (!mend) return true;
    const text = known?.get(name)?.text ?? "";
    return text === "" || text.startsWith("broken");
  });
  world.disk.writeJob(job.job, Object.fromEntries(broken));
}

/** A record of the original, of an action that it had posted before it was replaced. */
export function writeLegacy(world: World, record: Profile["legacy"][number]): LegacyRecord {
  const { job, kind } = record;
  const { dice, disk, timeline } = world;
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
