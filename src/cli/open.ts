// Open: from a configuration to opened ports, and which file of edge/, lib/ and journal/sqlite/
// stands behind which. What can change while the runner works is opened by live.ts, the way to the
// API by wire.ts, where results are by results.ts; verbs that need one thing of edge/ take that.
import {
  type Config,
  type ConfigSources,
  loadConfig,
  loadRunnerConfig,
  type Written,
} from "../config/config.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { systemClock, systemRandom } from "../edge/clock.ts";
import { absolutePath, homeDirectory, readBytes } from "../edge/files.ts";
import { openModules } from "../edge/plugins/modules.ts";
import { type DiskPlugins, openPlugins } from "../edge/plugins/plugins.ts";
import { sealProcess } from "../edge/secrecy.ts";
import { type DiskSpool, openSpool, watchSpool } from "../edge/spool.ts";
import { openNotify, openWatchdog } from "../edge/systemd.ts";
import { describeHostZone, zoneWarning } from "../edge/timezone.ts";
import { workflowEdges } from "../edge/workflow/edges.ts";
import { RunnerError, RunnerErrors } from "../errors.ts";
import type { DeliveryEdges } from "../flow/deliver.ts";
import { quietHost } from "../flow/hosts.ts";
import { needsNoKey } from "../flow/signed-ahead.ts";
import type { Catalog } from "../jobs/catalog.ts";
import type { Journal } from "../journal/journal.ts";
import type { Scope } from "../journal/need.ts";
import type { Membership } from "../journal/postgres/membership.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import { type OpenLog, openLog, systemLogContext } from "../lib/log/log.ts";
import { thisUser, type User } from "../lib/os/ownership.ts";
import type { Clock, Log } from "../lib/ports.ts";
import type { EngineEdges } from "../workflow/edges.ts";
import { openCatalog } from "./catalog.ts";
import { DAEMON, DirectoryLock, PASS } from "./directory-lock.ts";
import type { HostWatch } from "./host-watch.ts";
import { type Live, openLive } from "./live.ts";
import { ownJobs } from "./own-jobs.ts";
import {
  configMistakes,
  directoryMistakes,
  fileMistakes,
  storeFileMistakes,
  toldOnce,
  viewerOf,
  warningsAbove,
} from "./owners.ts";
import { Reload } from "./reload.ts";
import { type OpenedResults, removeLeftovers, resultsOf, retentionOf } from "./results.ts";
import { type Broken, openTrusted, type TrustedJournal } from "./trusted-journal.ts";
import type { Call } from "./verb.ts";

export interface Opened {
  readonly config: Config;
  readonly edges: EngineEdges;
  readonly catalog: Catalog;
  /** The directory's lock. */
  readonly lock: DirectoryLock;
  /** This host's part of a cluster; null: it works alone. */
  readonly member: Membership | null;
  /** The hosts of the cluster, as this one sees them; null: it works alone. */
  readonly hosts: HostWatch | null;
  /** Calls `onChange` when the spool may have changed. */
  watch(onChange: () => void): { close(): void };
  /** Tells a service manager that the start is over. */
  ready(): void;
  /** Tells a service manager that the loop is alive, as often as it wants to hear it. */
  alive(): void;
  /** Resolves when the journal cannot be trusted any more: the process must end. */
  readonly broken: Promise<Broken>;
  /** Opens the log file again, after somebody moved it away. */
  reopenLog(): void;
  /** Reads the configuration and the key again. Never rejects: what came of it is in the log. */
  reload(): Promise<void>;
  /** Opens the key now instead of at the first signature. Rejects with RunnerError KEYRING. */
  openKey(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** What this process is about to do, for those who find the directory taken. */
  readonly work: string;
  /** Who else may work on the directory: with "if free" somebody may. @default "required" */
  readonly lock?: "required" | "if free";
  /** Ends the wait for the directory. */
  readonly signal?: AbortSignal;
}

/** The spool and its jobs, for verbs that need neither key nor API. */
export interface SpoolView {
  readonly config: RunnerConfig;
  readonly warnings: readonly string[];
  readonly clock: Clock;
  readonly spool: DiskSpool;
  readonly catalog: Catalog;
}

/** @throws {RunnerErrors} All mistakes of runner.cfg. */
export async function openSpoolView(call: Call): Promise<SpoolView> {
  const { config, warnings } = await loadRunnerConfig(sourcesOf(call));
  return { config, warnings, ...viewSpool(config, viewerOf(config.directory)) };
}

/**
 * The spool that a configuration means. Opens nothing: the first scan shows whether it is there.
 *
 * @param user Whose files are read, beside root's.
 */
export function viewSpool(
  config: RunnerConfig,
  user: User | null = thisUser(),
): Pick<SpoolView, "clock" | "spool" | "catalog"> {
  const spool = openSpool({ directory: config.directory, user });
  return { clock: systemClock(), spool, catalog: openCatalog(config, spool).catalog };
}

/** What verbs need that change the journal and deliver results, without key and API. */
export interface JournalAccess extends SpoolView {
  readonly edges: DeliveryEdges;
  readonly plugins: DiskPlugins;
  close(): Promise<void>;
}

/**
 * Opens the journal and the plugins. Takes no lock: others may work on the directory.
 *
 * @param scope What of it the verb works on. Null: that of this host, also where [cluster] is set.
 * @throws {RunnerError|RunnerErrors} What is wrong with runner.cfg, the log or the journal.
 */
export async function openJournalAccess(call: Call, scope: Scope | null): Promise<JournalAccess> {
  const view = await openSpoolView(call);
  const { config, clock } = view;
  assertTrusted([...fileMistakes(config.path), ...directoryMistakes(config)]);
  const log = await openVerbLog(view);
  try {
    const plugins = pluginsOf(call, { config, log });
    const { journal, close } = await openBeside(config, scope, clock);
    const random = systemRandom();
    const opened = resultsOf({ ...call, ...view, random });
    await opened.know(journal);
    const edges = { clock, random, log, journal, plugins, results: opened.results };
    return {
      ...view,
      edges,
      plugins,
      async close() {
        await opened.close();
        await close();
        await log.close();
      },
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The log, in which verbs write what they change. */
export async function openVerbLog({ config, clock }: Pick<SpoolView, "config" | "clock">) {
  return await openLog(logConfig(config, { begins: false }), systemLogContext(clock));
}

/** The journal beside whoever works with it. */
async function openBeside(
  { cluster, journalPath: path }: RunnerConfig,
  scope: Scope | null,
  clock: Clock,
): Promise<{ readonly journal: Journal; close(): Promise<void> }> {
  if (cluster === null || scope === null) {
    const journal = openJournal({ path });
    return { journal, close: () => journal.close() };
  }
  const { seeCluster } = await import("./cluster-journal.ts");
  return await seeCluster({ cluster, scope }, clock);
}

/** @throws {RunnerError} CONFIG, in a cluster: this is for one host alone. */
export function assertAlone(
  { cluster, path }: Pick<RunnerConfig, "cluster" | "path">,
  what: string,
  hint = "docs/cluster.md says what does",
): void {
  if (cluster === null) return;
  const message = `Cannot use ${what}: it does not work together with [cluster]`;
  throw new RunnerError("CONFIG", message, { path, hint });
}

/** The plugins that a configuration means. Looks at nothing yet. */
export function pluginsOf(
  { environment }: Pick<Call, "environment">,
  { config, log }: { readonly config: RunnerConfig; readonly log: Log },
): DiskPlugins {
  const { directory, pluginConfig: settings, pluginPlaces: places } = config;
  const { pluginTimeoutMs: timeoutMs, pluginGraceMs: graceMs } = config.client;
  const common = { directory, timeoutMs, graceMs, environment, log };
  return openPlugins({ ...common, modules: openModules({ ...common, settings, places }) });
}

/** Where the configuration of this call comes from. */
export function sourcesOf({ configPath, environment }: Call): ConfigSources {
  const workingDirectory = absolutePath(".");
  const where = { homeDirectory: homeDirectory(), workingDirectory };
  return { path: configPath, environment, readFile: readBytes, ...where };
}

/**
 * Opens everything for the daemon, `--once` and `run`.
 *
 * @throws {RunnerError|RunnerErrors} What keeps it from starting.
 */
export async function openRunner(call: Call, options: OpenOptions): Promise<Opened> {
  // From here on this process holds the key.
  sealProcess();
  const { config, warnings, written } = await loadTrusted(call);
  assertShared(config, options);
  const clock = systemClock();
  const lock = new DirectoryLock(config.directory, options.work);
  // While a daemon has the directory, its start has been logged by the daemon: not once more.
  const begins = options.lock !== "if free" || (await lock.take());
  const log = await openLog(logConfig(config, { begins }), systemLogContext(clock));
  if (begins) log.emit("info", "logging routine started");
  const said = begins ? [...warnings, ...warningsAbove(config.directory)] : [];
  for (const warning of said) log.emit("warning", warning);
  if (begins) sayZone(call, { log, clock });
  try {
    if (options.lock !== "if free") await lock.wait({ ...options, log });
    const isPass = options.work === PASS;
    return await openEdges(call, { config, written, clock, log, lock, isPass });
  } catch (error) {
    lock.release();
    await log.close();
    throw error;
  }
}

/** @throws {RunnerError} CONFIG, for what works only on a host that is alone. */
function assertShared(config: Config, { work }: OpenOptions): void {
  if (work !== DAEMON && work !== PASS) assertAlone(config, work);
}

/** The configuration, when nobody else can have written it or what it names. */
async function loadTrusted(call: Call): ReturnType<typeof loadConfig> {
  const loaded = await loadConfig(sourcesOf(call));
  const { config } = loaded;
  const of = [configMistakes(config), directoryMistakes(config), storeFileMistakes(config.store)];
  assertTrusted(of.flat());
  return loaded;
}

function assertTrusted(mistakes: readonly RunnerError[]): void {
  if (mistakes.length > 0) throw new RunnerErrors(toldOnce(mistakes));
}

/** Logs the host's zone: where it is not the expected one, every job runs at another hour. */
function sayZone({ hostZone }: Call, { log, clock }: { log: Log; clock: Clock }): void {
  // On a host in UTC the first lines of the log stay those of the original.
  if (!hostZone.isPlain) log.emit("info", describeHostZone(hostZone, clock.now()));
  if (hostZone.problem !== null) log.emit("warning", zoneWarning(hostZone.problem));
}

/** @param begins Whether the log may begin with a warning that its mode is not set. */
function logConfig(
  { logging, logFormat: format }: RunnerConfig,
  { begins }: { readonly begins: boolean },
): Parameters<typeof openLog>[0] {
  const none = { file: null, host: null, port: null, protocol: null, facility: null };
  const isNamed = !begins || logging.mode !== "stdout" || !logging.isAssumed;
  const mode = isNamed ? logging.mode : null;
  return { ...none, maxFileSizeBytes: null, ...logging, mode, format };
}

interface Begun {
  readonly config: Config;
  readonly written: Written;
  readonly clock: Clock;
  readonly log: OpenLog;
  readonly lock: DirectoryLock;
  /** Whether it ends by itself, soon. */
  readonly isPass: boolean;
}

async function openEdges(call: Call, begun: Begun): Promise<Opened> {
  const { environment } = call;
  const { config, clock, log, lock } = begun;
  const spool = openSpool({ directory: config.directory });
  const random = systemRandom();
  const opened = resultsOf({ config, spool, clock, random, environment });
  await opened.prove();
  if (lock.isOurs) await removeLeftovers(config, spool);
  if (lock.isOurs) await sayPlugins(call, begun);
  const member = await openMember(begun);
  const { journal, check, broken } = await openJournalOf(begun, member, opened);
  const watched = { ...begun, ...opened, spool, journal };
  const hosts = member === null ? null : await watchHosts({ ...watched, member });
  const live = liveOf(call, begun);
  const edges = {
    clock,
    random,
    log,
    journal,
    plugins: live.plugins,
    limits: live.limits,
    results: opened.results,
    ...(member === null ? { spool } : { spool: ownJobs(spool, member), lease: member }),
    ...(member === null ? {} : { hosts: hosts ?? quietHost(config.cluster?.name ?? "") }),
    api: live.api,
    signer: live.signer,
    cosigners: live.cosigners ?? [],
    macros: live.macros,
    blackouts: live.blackouts,
    ...retentionOf(config, opened, member),
    ...(config.notify.plugins.length === 0 ? {} : { notify: config.notify }),
    workflows: workflowEdges(config, opened.results),
  };
  const notify = await openNotify(environment);
  const jobs = openCatalog(config, edges.spool);
  const isKeyUsed = ({ gpg }: Config) =>
    gpg.useApiKeyAuth === null || !needsNoKey([...jobs.catalog.entities()]);
  const prepare = (next: Config) => live.prepare(next, isKeyUsed(next));
  const reload = new Reload({ log, load: () => loadTrusted(call), prepare }, begun.written);
  return {
    config,
    edges,
    catalog: jobs.catalog,
    lock,
    member,
    hosts,
    broken,
    watch: (onChange) => watchSpool(config.directory, onChange),
    ready: () => notify("READY=1"),
    alive: openWatchdog(environment, { notify, now: clock.now }),
    reopenLog: () => log.reopen(),
    reload: () => reload.request(),
    openKey: () => live.openKey(),
    async close() {
      notify("STOPPING=1");
      live.close();
      await jobs.close();
      await check?.close();
      await opened.close();
      await (member ?? journal).close();
      lock.release();
      await log.close();
    },
  };
}

async function sayPlugins(call: Call, { config, log }: Begun): Promise<void> {
  for (const { name, problem } of await pluginsOf(call, { config, log }).list()) {
    if (problem === null) log.emit("info", `plugins: registering ${name}`);
    else log.emit("warning", `plugins: skipping ${name}: ${problem}`);
  }
}

/** The journal of this host alone, or what it has of the cluster's. */
async function openJournalOf(
  { config, lock, log }: Begun,
  member: Membership | null,
  results: OpenedResults,
): Promise<TrustedJournal> {
  const trusted: TrustedJournal =
    member === null
      ? await openTrusted(config, lock)
      : { journal: member.journal, check: null, broken: refusalOf(member) };
  await results.know(trusted.journal, log);
  return trusted;
}

/** What was begun can still be journaled. */
async function refusalOf(member: Membership): Promise<Broken> {
  return { error: await member.refused, mayHeal: false, isInOrder: true };
}

/** Null: a process that ends soon watches nothing. */
async function watchHosts({
  isPass,
  ...parts
}: ConstructorParameters<typeof HostWatch>[0] & Pick<Begun, "isPass">): Promise<HostWatch | null> {
  return isPass ? null : new (await import("./host-watch.ts")).HostWatch(parts);
}

/** This host as one of a cluster; null when it works alone. */
async function openMember({ config, clock, log, isPass }: Begun): Promise<Membership | null> {
  const { cluster, journalPath } = config;
  if (cluster === null) return null;
  const { joinCluster } = await import("./cluster-journal.ts");
  return await joinCluster({ cluster, journalPath, isVisitor: isPass }, { clock, log });
}

/** What a reload of the configuration can replace. The plugins' folder stays where it is. */
function liveOf(call: Call, { config, clock, log }: Begun): Live {
  const { environment } = call;
  const { directory } = config;
  const plugins = (next: Config) => pluginsOf(call, { config: { ...next, directory }, log });
  return openLive({ config, clock, environment, log, plugins });
}
