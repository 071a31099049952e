// Operator: what people and the machine itself do to a runner while it works.
import { dropAction } from "../../src/flow/drop.ts";
import { redeliverResult } from "../../src/flow/redeliver.ts";
import { definitionName, writeJob } from "./files.ts";
import type { Oracle } from "./oracle.ts";
import { type Happening, PLUGINS, type SimulatedJob } from "./profile.ts";
import type { World } from "./world.ts";

/** A runner in its world, as far as people can get at it. */
export interface Operated {
  readonly world: World;
  readonly oracle: Oracle;
  readonly runner: { rescan(): void } | null;
  /** SIGTERM. */
  terminate(): void;
}

/** How much later a run may be asked for. */
const LATER_MAX_MS = 600_000;

/** Lets one thing happen. */
export function happen(simulation: Operated, what: Happening): void {
  const { world } = simulation;
  const { dice, timeline } = world;
  if (world.calm) return;
  const isClock = what.kind === "jump" || what.kind === "glitch";
  world.count(isClock ? `${what.kind} ${what.byMs > 0 ? "ahead" : "back"}` : what.kind);
  switch (what.kind) {
    case "jump":
      world.offsetMs += what.byMs;
      return;
    case "glitch":
      world.offsetMs += what.byMs;
      timeline.after(what.forMs, () => {
        if (!world.calm) world.offsetMs -= what.byMs;
      });
      return;
    case "diskFull":
      world.diskFull = true;
      timeline.after(what.forMs, () => {
        world.diskFull = false;
      });
      return;
    case "outage":
      world.outage = what.fault;
      timeline.after(what.forMs, () => {
        if (world.calm) return;
        world.watch.outageEnds();
        world.outage = null;
      });
      return;
    case "terminate":
      simulation.terminate();
      return;
    case "kill":
      world.crash(world.life, { name: "kill -9", power: what.power });
      return;
    case "removePlugin": {
      const plugin = dice.pick(PLUGINS);
      world.missingPlugins.add(plugin);
      timeline.after(dice.int(1_000, 120_000), () => world.missingPlugins.delete(plugin));
      return;
    }
    case "install":
    case "withdraw": {
      const ahead = world.profile.jobs.filter(({ calendar }) => calendar !== null);
      if (ahead.length === 0) return;
      const { calendars } = simulation.oracle;
      if (what.kind === "install") calendars.install(world, dice.pick(ahead));
      else calendars.withdraw(world, dice.pick(ahead).job);
      return;
    }
    case "pause":
    case "unpause":
      byPause(simulation, what);
      return;
    case "request":
    case "redeliver":
    case "drop":
      byVerb(simulation, what.kind);
      return;
    default:
      byEditor(simulation, what.kind, dice.pick(world.profile.jobs));
  }
}

/** Pauses a job, as the verb does: what was paused before is so no longer. */
function byPause(
  { world: { ledger, wall } }: Operated,
  what: Extract<Happening, { readonly kind: "pause" | "unpause" }>,
): void {
  const { job } = what;
  ledger.outside((tables) => {
    tables.endPauses(job, wall);
    if (what.kind === "unpause") return;
    const until = what.forMs === null ? null : wall + what.forMs;
    tables.insertPause({ job, since: wall, until, actor: "ann", why: "" });
  });
}

/** A verb of the command line: another process that writes to the same journal. */
function byVerb(simulation: Operated, verb: "request" | "redeliver" | "drop"): void {
  const { oracle, world } = simulation;
  const { dice, ledger } = world;
  const now = world.wall;
  const rows = ledger.rows(
    verb === "drop"
      ? "SELECT id FROM action WHERE state IN ('planned', 'posted', 'collected')"
      : "SELECT id FROM action WHERE result_path IS NOT NULL",
  );
  const { job } = dice.pick(world.profile.jobs);
  if (verb !== "request" && rows.length === 0) return;
  const id = verb === "request" ? 0 : Number(dice.pick(rows).id);
  if (verb === "drop") oracle.dropped.add(id);
  ledger.outside((transaction) => {
    if (verb === "request") {
      // Some of them for later: told by the time itself, for the dice fall for all worlds alike.
      const notBefore = now % 3 === 0 ? now + 1 + (now % LATER_MAX_MS) : null;
      for (let firesAt = notBefore ?? now; ; firesAt++) {
        const run = { job, firesAt, cause: "manual", notBefore } as const;
        if (transaction.insertRun(run, "requested", now) !== null) return;
      }
    }
    const action = transaction.action(id);
    if (action === null) return;
    if (verb === "drop") dropAction(transaction, action, { plugin: null, now });
    else redeliverResult(transaction, action, { plugin: null, jobPlugins: [], now });
  });
  if (dice.chance(0.7)) simulation.runner?.rescan();
}

/** Somebody edits the files of a job. */
function byEditor(
  simulation: Operated,
  edit: "touch" | "reschedule" | "breakEntity" | "breakTemplate" | "remove",
  job: SimulatedJob,
): void {
  const { oracle, world } = simulation;
  const { dice, disk } = world;
  if (!disk.jobs.has(job.job)) return;
  switch (edit) {
    case "touch":
      writeJob(world, job);
      return;
    case "reschedule":
      oracle.uncounted.add(job.job);
      writeJob(world, job, { schedule: dice.pick(["* * * * *", "*/7 * * * *"]) });
      return;
    case "breakEntity":
      disk.writeJob(job.job, { [definitionName(job)]: "broken = [" });
      return;
    case "breakTemplate":
      disk.writeJob(job.job, { "action.json": "broken {" });
      return;
    case "remove":
      oracle.uncounted.add(job.job);
      disk.jobs.delete(job.job);
      return;
  }
}
