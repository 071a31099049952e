// Redeliver: the verb that gives a stored result to its plugins again.

import { onSignals } from "../edge/signals.ts";
import { findResult, latestResult, readResult } from "../edge/spool/stored.ts";
import { messageOf, RunnerError } from "../errors.ts";
import { deliverResult } from "../flow/deliver.ts";
import { adoptResult, redeliverResult } from "../flow/redeliver.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import type { ActionRow, DeliveryRow } from "../journal/inflight.ts";
import { parseActionId } from "../mig/ids.ts";
import { readStoredResult } from "../mig/result-file.ts";
import { DirectoryLock, serverText, servingHolder } from "./directory-lock.ts";
import { UsageError } from "./flags.ts";
import { loadJobs, unknownJob } from "./jobs.ts";
import { type JournalAccess, openJournalAccess } from "./open.ts";
import { Recorder } from "./record.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

export const redeliver: Verb = {
  usage: "ACTIONID|JOB [--plugin NAME] [--json]",
  flags: [{ name: "plugin", kind: "text", value: "NAME", help: "Only to this plugin" }, JSON_FLAG],
  help:
    "Gives the result of an action, or the newest result of a job, to its plugins again, also when\n" +
    "they have taken it before or were given up. A result that is only a file in results/ is first\n" +
    "taken into the journal. If a mig-runner works on the directory, that one delivers; otherwise\n" +
    "this process tries once, and leaves what fails to the next mig-runner. Ends with 1 when a\n" +
    "plugin failed. Of several hosts the one that has the job delivers.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg redeliver 6019583\n" +
    "  mig-runner -c runner.cfg redeliver sshd-config --plugin slack",
  async run(call) {
    const [word, ...others] = call.positionals;
    if (word === undefined || others.length > 0) {
      throw new UsageError("redeliver takes one ACTIONID or JOB");
    }
    const access = await openJournalAccess(call, { kind: "named", word: word });
    try {
      const plugin = call.flags.text("plugin");
      if (plugin !== null) await requirePlugin(access, plugin);
      const states = await loadJobs(access);
      const action = await findAction(access, { word, plugin, states });
      const rows = await putBack(call, access, { action, plugin, states });
      return await handOver(call, access, { action, rows, entity: entityOf(states, action.job) });
    } finally {
      await access.close();
    }
  },
};

async function requirePlugin({ plugins, config }: JournalAccess, name: string): Promise<void> {
  const problem = await plugins.check(name);
  if (problem === null) return;
  const path = config.pluginsDirectory;
  throw new RunnerError("PLUGIN", `Cannot deliver to plugin "${name}": ${problem}`, { path });
}

interface Wanted {
  readonly word: string;
  readonly plugin: string | null;
  readonly states: readonly JobState[];
}

/** The collected action that a word means, adopted from its file when the journal has none. */
async function findAction(access: JournalAccess, wanted: Wanted): Promise<ActionRow> {
  const { word, states } = wanted;
  const actionId = parseActionId(word);
  const byId = actionId === null ? null : await resultOfAction(access, actionId, wanted);
  if (byId !== null) return byId;
  // Of a job that was removed the results may be all that is left.
  const hasResult = (await latestFile(access, word)) !== null;
  if (hasResult || states.some(({ job }) => job === word)) {
    return await resultOfJob(access, word, wanted);
  }
  const path = access.config.runnersDirectory;
  if (actionId === null) {
    throw unknownJob(
      { verb: "redeliver", job: word },
      { jobs: states.map(({ job }) => job), path },
    );
  }
  const isShared = access.config.cluster !== null;
  const state = isShared ? "the journal of the cluster has none" : "it has no result file";
  throw new RunnerError("SPOOL", `Cannot redeliver action "${word}": ${state}`, {
    path,
    hint: isShared
      ? "mig-runner history lists the actions"
      : "the names of files in results/ are the ids of their actions",
  });
}

async function resultOfAction(
  access: JournalAccess,
  actionId: number,
  wanted: Wanted,
): Promise<ActionRow | null> {
  const { config, edges } = access;
  const known = edges.journal.actionById(actionId);
  if (known === null) {
    // Which host would have to deliver it lies with none of them.
    if (config.cluster !== null) return null;
    const file = await findResult(config.directory, actionId);
    return file === null ? null : await adopt(access, file, wanted);
  }
  const { resultPath, state, job } = known;
  if (resultPath === null) {
    const now = state === "posted" ? "it is still in flight" : `it is ${state}, without a result`;
    throw new RunnerError("SPOOL", `Cannot redeliver action "${actionId}": ${now}`, { job });
  }
  // In a cluster it may lie on another host, which says so when it is to deliver it.
  if (config.cluster !== null || (await edges.results.find(resultPath)) !== null) return known;
  throw new RunnerError("SPOOL", `Cannot redeliver action "${actionId}": its result is gone`, {
    job,
    path: resultPath,
    hint: "restore the file, or give it up with mig-runner drop",
  });
}

/** The newest result file of a job; in a cluster none: only what its journal knows is delivered. */
async function latestFile(
  { config }: JournalAccess,
  job: string,
): Promise<Awaited<ReturnType<typeof latestResult>>> {
  return config.cluster === null ? await latestResult(config.directory, job) : null;
}

/** Runs of a job that are looked through for one with a result. */
const RUNS_MAX = 1_000;

async function resultOfJob(access: JournalAccess, job: string, wanted: Wanted): Promise<ActionRow> {
  const { config, edges } = access;
  const { journal } = edges;
  const newest = await latestFile(access, job);
  // A file that the journal does not know is newer only if the API gave it a higher id.
  const known = journal
    .runs(job, RUNS_MAX)
    .flatMap(({ id }) => journal.actionsOf(id))
    .find(({ resultPath }) => resultPath !== null);
  // Of several actions of one step the journal knows which has the result of all.
  const isNewer = newest !== null && journal.actionById(newest.actionId) === null;
  const actionId = Math.max(known?.actionId ?? 0, isNewer ? newest.actionId : 0);
  const found = actionId === 0 ? null : await resultOfAction(access, actionId, wanted);
  if (found !== null) return found;
  throw new RunnerError("SPOOL", `Cannot redeliver job "${job}": it has no result yet`, {
    job,
    path: config.runnersDirectory,
    hint: `mig-runner run ${job} --wait makes one`,
  });
}

async function adopt(
  { edges }: JournalAccess,
  file: { readonly job: string; readonly path: string },
  { plugin, states }: Wanted,
): Promise<ActionRow> {
  const { job, path } = file;
  const { journal, clock, log } = edges;
  const attempt = `Cannot redeliver result "${path}"`;
  const result = await readStoredResult(readResult(path)).catch((cause: unknown) => {
    const hint = "the original left it incomplete, it cannot be delivered: remove it";
    throw new RunnerError(
      "SPOOL",
      `${attempt}: ${messageOf(cause)}`,
      { job, path, hint },
      { cause },
    );
  });
  const own = result.plugin === "" ? pluginsOf(states, job) : [result.plugin];
  const plugins = plugin === null ? own : [plugin];
  if (plugins.length === 0) throw withoutPlugin({ job, actionId: result.action.actionId });
  log.emit("info", `${job}: took over result ${path}`, { job });
  return await journal.write((transaction) =>
    adoptResult(transaction, { job, path, result, plugins }, clock.now()),
  );
}

function pluginsOf(states: readonly JobState[], job: string): readonly string[] {
  return entityOf(states, job)?.plugins ?? [];
}

function entityOf(states: readonly JobState[], job: string): Entity | null {
  return states.find((state) => state.job === job)?.entity ?? null;
}

function withoutPlugin({ job, actionId }: Pick<ActionRow, "job" | "actionId">): RunnerError {
  const message = `Cannot redeliver action "${actionId}": job "${job}" has no plugin`;
  return new RunnerError("PLUGIN", message, { job, hint: "name one with --plugin" });
}

async function putBack(
  call: Call,
  { edges, config }: JournalAccess,
  order: Pick<Wanted, "plugin" | "states"> & { readonly action: ActionRow },
): Promise<readonly DeliveryRow[]> {
  const { action, plugin, states } = order;
  const jobPlugins = pluginsOf(states, action.job);
  const now = edges.clock.now();
  const recorder = new Recorder(call, { edges, config });
  const rows = await edges.journal.write((transaction) => {
    const back = redeliverResult(transaction, action, { plugin, jobPlugins, now });
    const to = back.map((row) => row.plugin).join(", ");
    const detail = `the result of action ${action.actionId} to ${to}`;
    if (to !== "") recorder.note(transaction, { deed: "redeliver", subject: action.job, detail });
    return back;
  });
  recorder.tell();
  if (rows.length === 0) throw withoutPlugin(action);
  return rows;
}

interface Order {
  readonly action: ActionRow;
  readonly rows: readonly DeliveryRow[];
  /** The job as it is now; null when it is broken or gone. */
  readonly entity: Entity | null;
}

/** Lets the daemon of the directory deliver, or does it here while holding the directory. */
async function handOver(call: Call, access: JournalAccess, order: Order): Promise<number> {
  const { cluster, directory } = access.config;
  if (cluster !== null) return report(call, access, { ...order, by: null, who: OWNER });
  if (call.person !== undefined) return leave(call, order, servingHolder(directory)?.pid ?? null);
  const lock = new DirectoryLock(directory, "redeliver");
  if (!(await lock.take())) {
    const holder = servingHolder(directory)?.pid ?? null;
    if (holder !== null) {
      return report(call, access, { ...order, by: holder, who: serverText(holder) });
    }
    await lock.wait(access.edges);
  }
  const stop = new AbortController();
  const signals = onSignals({ stop: () => stop.abort(), scan() {} });
  try {
    for (const row of order.rows) {
      if (stop.signal.aborted) break;
      const timeoutMs = order.entity?.pluginTimeoutMs ?? null;
      await deliverResult(access.edges, row, { signal: stop.signal, timeoutMs });
    }
    return report(call, access, { ...order, by: null, who: null });
  } finally {
    signals.close();
    lock.release();
  }
}

/** Who delivers in a cluster. */
const OWNER = "the host that has the job";

/** Plugins are not run by the page. */
function leave(call: Call, { action, rows }: Order, holder: number | null): number {
  const who = serverText(holder);
  const plugins = rows.map(({ plugin }) => plugin).join(", ");
  call.terminal.out([`${action.job}: action ${action.actionId}: ${who} delivers it to ${plugins}`]);
  return 0;
}

/** Who makes the delivery, when it is not this process. */
interface Others {
  /** Its process, on this host. */
  readonly by: number | null;
  readonly who: string | null;
}

function report(
  call: Call,
  { edges }: JournalAccess,
  { action, rows, by, who }: Order & Others,
): number {
  const { actionId, job, resultPath } = action;
  const after = rows.map((row) => edges.journal.delivery(row.id) ?? row);
  const deliveries = after.map(({ plugin, state, error }) => ({ plugin, state, error }));
  if (call.flags.has("json")) {
    const plain = { job, actionId, resultPath, by, deliveries };
    call.terminal.json(JSON.stringify(plain));
  } else if (who !== null) {
    const plugins = deliveries.map(({ plugin }) => plugin).join(", ");
    call.terminal.out([`${job}: action ${actionId}: ${who} delivers it to ${plugins}`]);
  } else {
    const lines = deliveries.map(({ plugin, state, error }) => {
      const why = error === null ? "" : `: ${error}; the next mig-runner tries again`;
      return `${job}: action ${actionId}: plugin ${plugin}: ${state}${why}`;
    });
    call.terminal.out(lines);
  }
  return who !== null || deliveries.every(({ state }) => state === "delivered") ? 0 : 1;
}
