// Runner check: everything that `check` can find wrong, part by part. No part stops another.

import type { ClientConfig } from "../config/client.ts";
import { type Config, inspectConfig } from "../config/config.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { systemClock, systemRandom } from "../edge/clock.ts";
import { isThere, isWritable } from "../edge/files.ts";
import { sealProcess } from "../edge/secrecy.ts";
import { zoneWarning } from "../edge/timezone.ts";
import { RunnerError } from "../errors.ts";
import { needsNoKey } from "../flow/signed-ahead.ts";
import type { JobState } from "../jobs/catalog.ts";
import { isSignedAhead } from "../jobs/entity.ts";
import type { Journal } from "../journal/journal.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import { verifyJournal } from "../journal/sqlite/maintenance.ts";
import { readMoveNote } from "../journal/sqlite/moved.ts";
import { linkedDirectories } from "../lib/os/links.ts";
import type { Log } from "../lib/ports.ts";
import { parseInflight } from "../mig/result.ts";
import { checkAhead } from "./ahead-check.ts";
import { checkApi, notAsked } from "./api-check.ts";
import { askCluster, clusterWarnings } from "./cluster-check.ts";
import { type ApiView, attempt, type Findings, type Gathering } from "./findings.ts";
import { typesAdvice } from "./init-sdk.ts";
import { checkJob } from "./job-check.ts";
import { chooseJobs, errorsOf, loadJobs } from "./jobs.ts";
import { checkKey } from "./key-check.ts";
import { pluginsOf, sourcesOf, viewSpool } from "./open.ts";
import {
  configMistakes,
  directoryMistakes,
  fileMistakes,
  toldOnce,
  warningsAbove,
} from "./owners.ts";
import { checkedOnce, checkOtherPlugins } from "./plugin-check.ts";
import { readableConfigs } from "./secret-check.ts";
import { askStore, type StoreView, storeMistakes } from "./store-check.ts";
import type { Call } from "./verb.ts";
import { openWire } from "./wire.ts";

/** Looks at everything. Never rejects for a mistake of the operator. */
export async function findMistakes(call: Call, names: readonly string[]): Promise<Findings> {
  const { runner, client, mistakes, warnings } = await inspectConfig(sourcesOf(call));
  const found: Gathering = { mistakes: [...mistakes], warnings: [...warnings], ahead: [] };
  const { configPath: path } = call;
  const foreign = client === null ? fileMistakes(path) : configMistakes({ path, ...client });
  found.mistakes.push(...foreign);
  const isKeyKnown = found.mistakes.some(({ code }) => code === "KEYRING");
  if (client !== null && !isKeyKnown && (await usesKey({ client, runner }))) {
    await checkKey(found, { client, runner, environment: call.environment });
  }
  const { environment } = call;
  found.mistakes.push(...(await readableConfigs({ client, runner, environment })));
  const { problem } = call.hostZone;
  if (problem !== null) found.warnings.push(zoneWarning(problem));
  if (runner === null) return { jobs: null, ...found, api: null, store: null, cluster: null };
  found.warnings.push(...clusterWarnings(runner.cluster));
  found.mistakes.push(...(await storeMistakes(runner.store, runner.runnersDirectory)));
  // With a configuration or a key that is wrong, the API would only say so again.
  const isSound = found.mistakes.length === 0;
  const untrusted = directoryMistakes(runner);
  found.mistakes.push(...untrusted);
  found.warnings.push(...warningsAbove(runner.directory));
  await attempt(found, () => checkPlaces(found, runner));
  const states = await attempt(found, () => checkSpool(call, found, { runner, names }));
  const isJournalTrusted = !untrusted.some(({ code }) => code === "JOURNAL");
  if (isJournalTrusted) await attempt(found, () => checkJournal(found, runner));
  const api = !call.flags.has("api")
    ? null
    : isSound && untrusted.length === 0 && client !== null
      ? await askApi(call, found, { config: { ...runner, ...client }, states: states ?? [] })
      : notAsked(client?.api.url ?? null, "mend the configuration and the key first");
  const isAsked = call.flags.has("api") && isSound;
  const store = isAsked ? await askStoreOf(call, found, runner) : null;
  const cluster = isAsked ? await askCluster(found.mistakes, runner.cluster) : null;
  const { warnings: told, ahead } = found;
  const jobs = states?.length ?? null;
  return { jobs, mistakes: toldOnce(found.mistakes), warnings: told, ahead, api, store, cluster };
}

/** Opens the key and the way to the API as the daemon does, and asks. */
async function askApi(
  { environment, terminal }: Call,
  found: Gathering,
  setup: { readonly config: Config; readonly states: readonly JobState[] },
): Promise<ApiView> {
  sealProcess();
  const { config, states } = setup;
  const { spool, clock } = viewSpool(config);
  return await checkApi(found, {
    config,
    clock,
    spool,
    entities: states.flatMap(({ entity }) => entity ?? []),
    open: (seen) => openWire({ config, clock, environment, seen }),
    progress: (text) => terminal.progress(text),
  });
}

async function askStoreOf(
  { environment }: Call,
  { mistakes }: Gathering,
  config: RunnerConfig,
): Promise<StoreView | null> {
  sealProcess();
  const asking = { config, environment, clock: systemClock(), random: systemRandom() };
  return await askStore(mistakes, asking);
}

/** With an API key, a host whose jobs are all signed ahead uses no private key. */
async function usesKey(setup: {
  readonly client: ClientConfig;
  readonly runner: RunnerConfig | null;
}): Promise<boolean> {
  const { client, runner } = setup;
  if (client.gpg.useApiKeyAuth === null || runner === null) return true;
  const states = await loadJobs(viewSpool(runner)).catch(() => []);
  return !needsNoKey(states.flatMap(({ entity }) => entity ?? []));
}

/** Where node_exporter is to find the metrics. */
async function checkMetrics(
  mistakes: RunnerError[],
  { path, metricsFile }: RunnerConfig,
): Promise<void> {
  if (metricsFile === null) return;
  const folder = folderOf(metricsFile);
  const isFolder = await isThere(folder);
  // The file is replaced: it is its folder that has to be writable.
  if (isFolder && (await isWritable(folder))) return;
  const state = isFolder ? "permission denied" : "no such file or directory";
  const hint =
    "the folder of [metrics] textfile must be there, and mig-runner's user may write to it";
  mistakes.push(
    new RunnerError("CONFIG", `Cannot write metrics to "${metricsFile}": ${state}`, { path, hint }),
  );
}

/** Where the runner writes. */
async function checkPlaces({ mistakes }: Gathering, config: RunnerConfig): Promise<void> {
  const { directory, runnersDirectory, journalPath, logging } = config;
  const places = [directory, runnersDirectory, folderOf(journalPath)];
  for (const path of new Set(places)) {
    if (!(await isThere(path)) || (await isWritable(path))) continue;
    const hint = "make it writable for the user who runs mig-runner";
    mistakes.push(
      new RunnerError("SPOOL", `Cannot write to "${path}": permission denied`, { path, hint }),
    );
  }
  await checkMetrics(mistakes, config);
  if (logging.mode !== "file") return;
  const folder = folderOf(logging.file);
  if (await isWritable((await isThere(logging.file)) ? logging.file : folder)) return;
  const state = (await isThere(folder)) ? "permission denied" : "no such file or directory";
  mistakes.push(
    new RunnerError("CONFIG", `Cannot log to file "${logging.file}": ${state}`, {
      path: config.path,
      hint: "set [logging] file to a place where the user who runs mig-runner may write",
    }),
  );
}

function folderOf(path: string): string {
  const folder = path.replace(/[^/]*$/, "").replace(/(.)\/+$/, "$1");
  return folder === "" ? "." : folder;
}

const SILENT: Log = { emit() {} };

/** The jobs, their plugins and the original's in-flight records. Resolves with the jobs. */
async function checkSpool(
  call: Call,
  found: Gathering,
  { runner, names }: { readonly runner: RunnerConfig; readonly names: readonly string[] },
): Promise<readonly JobState[]> {
  const view = viewSpool(runner);
  const plugins = checkedOnce(pluginsOf(call, { config: runner, log: SILENT }));
  const used = new Set<string>();
  const toldPlugins = new Set<string>();
  const states = await loadJobs(view);
  const path = runner.runnersDirectory;
  const { chosen, unknown } = chooseJobs(states, { verb: "check", names, path });
  found.mistakes.push(...unknown);
  const isAhead = chosen.some(({ entity }) => entity !== null && isSignedAhead(entity));
  const journal = isAhead ? await openIfSound(runner) : null;
  for (const state of chosen) {
    for (const name of state.entity?.plugins ?? []) used.add(name);
    const around = { ...view, plugins, toldPlugins, folder: path };
    await attempt(found, () => checkJob(found, state, around));
    await attempt(found, () => checkAhead(found, state, { ...view, journal }));
  }
  await journal?.close();
  if (names.length === 0) {
    const hasWorkflows = states.some(({ entity }) => entity?.workflow === true);
    const use = { plugins, used, hasWorkflows };
    await attempt(found, () => checkOtherPlugins(found, runner, use));
    const advice = await typesAdvice(runner.directory, plugins).catch(() => null);
    if (advice !== null) found.warnings.push(advice);
    await checkInflight(found, view);
    for (const name of linkedDirectories(path)) {
      const hint = "make it a directory; the files in it may be links";
      found.warnings.push(`${path}/${name}: a symbolic link is not a job (${hint})`);
    }
  }
  return chosen;
}

/** Null without a journal, and for one that cannot be used or trusted: that is told elsewhere. */
async function openIfSound(runner: RunnerConfig): Promise<Journal | null> {
  const path = runner.journalPath;
  const isTrusted = !directoryMistakes(runner).some(({ code }) => code === "JOURNAL");
  if (!isTrusted || !(await isThere(path))) return null;
  try {
    return openJournal({ path, readOnly: true });
  } catch {
    return null;
  }
}

async function checkInflight(
  { mistakes, warnings }: Gathering,
  { spool }: Pick<ReturnType<typeof viewSpool>, "spool">,
): Promise<void> {
  for (const file of await spool.inflight()) {
    if (file.kind === "unreadable") {
      const { job, path, message } = file;
      mistakes.push(
        new RunnerError("SPOOL", `Cannot read in-flight record "${path}": ${message}`, {
          job,
          path,
        }),
      );
      continue;
    }
    try {
      parseInflight(file.bytes);
    } catch (error) {
      const [first] = errorsOf(error);
      warnings.push(`${file.path}: ${first?.message}: the next start sets it aside`);
    }
  }
}

async function checkJournal(
  { mistakes }: Gathering,
  { cluster, journalPath: path }: RunnerConfig,
): Promise<void> {
  if (!(await isThere(path))) return;
  // It was moved into a cluster, whose journal is not looked at here.
  if (cluster !== null && readMoveNote(path)?.kind === "to") return;
  const { damage, faults } = await verifyJournal(path, { quick: true });
  if (damage.length > 0) {
    const hint = "run mig-runner journal salvage, which keeps the damaged one";
    const state = `it is damaged: ${damage[0]}`;
    mistakes.push(
      new RunnerError("JOURNAL", `Cannot use the journal "${path}": ${state}`, { path, hint }),
    );
  }
  for (const fault of faults) {
    mistakes.push(new RunnerError("JOURNAL", `Cannot trust the journal: ${fault}`, { path }));
  }
}
