// Serve: the work of the daemon, and of the one pass of --once.
import { reapOrphans } from "../edge/reaper.ts";
import { holdSignals, onSignals } from "../edge/signals.ts";
import { explain, isPassing, messageOf, RunnerError, RunnerErrors } from "../errors.ts";
import { deferMs } from "../flow/defer.ts";
import { DAEMON_LATENESS, ONCE_LATENESS } from "../flow/launch.ts";
import { needsNoKey } from "../flow/signed-ahead.ts";
import { compileAsUsual, releaseMemory } from "../lib/os/runtime.ts";
import { Runner } from "../runner.ts";
import { againText, MINUTE_MS, type Milliseconds } from "../time.ts";
import { DAEMON, PASS } from "./directory-lock.ts";
import { openMetricsFile } from "./metrics.ts";
import { type Opened, openRunner } from "./open.ts";
import type { Broken } from "./trusted-journal.ts";
import { type Call, STATUS_CANNOT_START, STATUS_TRY_AGAIN } from "./verb.ts";

/** How long work in hand may take after a signal: within it the process ends by itself. */
const STOP_GRACE_MS: Milliseconds = 4_000;

/** How long after all jobs are loaded memory is given back: by then what was due has been begun. */
const SETTLE_MS: Milliseconds = 2_000;

/** How often it is given back again: what ran in between took some. */
const RELEASE_EACH_MS: Milliseconds = 10 * MINUTE_MS;

/** Runs jobs by their schedules until it is told to stop. Resolves with the exit status. */
export async function runForever(call: Call): Promise<number> {
  const begun = await openHeld(call, DAEMON);
  if (begun === null) return 0;
  const { held, opened } = begun;
  const { config, edges, catalog } = opened;
  const { log } = edges;
  const runner = new Runner(edges, catalog, {
    checkDirectoryMs: config.checkDirectoryMs,
    lateness: DAEMON_LATENESS,
    once: false,
    ticked: opened.alive,
  });
  const signals = handleSignals(runner, opened);
  if (held.release()) runner.stop();
  const watcher = opened.watch(() => runner.rescan());
  opened.member?.serve(runner);
  const ended = new AbortController();
  const reaper = reapOrphans();
  let keyError: unknown = null;
  const journalFailure = endWhenBroken({ runner, stop: signals.stop }, opened);
  const metrics = openMetricsFile(opened, runner);
  try {
    log.emit("info", "results processing routine started");
    await runner.start();
    opened.ready();
    void metrics?.writeUntil(ended.signal);
    void opened.hosts?.lookUntil(ended.signal);
    void giveBack(opened, ended.signal);
    void checkTellers(opened);
    // A key that cannot be used is told at the start, not at three in the night.
    void proveKeyIfUsed(opened, ended.signal).catch((error: unknown) => {
      // With an API key what is in flight can still be collected, as by the original.
      if (config.gpg.useApiKeyAuth !== null) return sayFailure(call, opened, error);
      keyError = error;
      runner.stop();
    });
    await runner.run();
    const failure = journalFailure();
    if (failure !== null) return endBroken(call, opened, failure);
    if (keyError !== null) throw keyError;
    log.emit("info", "runner exiting due to notification");
    return 0;
  } catch (error) {
    sayFailure(call, opened, error);
    return isPassing(error) ? STATUS_TRY_AGAIN : STATUS_CANNOT_START;
  } finally {
    ended.abort();
    reaper.close();
    watcher.close();
    signals.close();
    await metrics?.close();
    await opened.close();
  }
}

/** Says which plugins of [notify] cannot tell anybody, before there is something to tell. */
async function checkTellers({ config, edges }: Opened): Promise<void> {
  for (const name of config.notify.plugins) {
    const fault = await edges.plugins.check(name, "alarm").catch(messageOf);
    if (fault === null) continue;
    edges.log.emit("warning", `[notify] plugins: ${name} cannot tell alarms: ${fault}`);
  }
}

/** A host whose jobs are all signed ahead, and which asks the API by an API key, needs no key. */
async function proveKeyIfUsed(opened: Opened, ended: AbortSignal): Promise<void> {
  const { catalog, config, edges } = opened;
  if (config.gpg.useApiKeyAuth !== null) {
    await catalog.loading;
    if (needsNoKey([...catalog.entities()])) {
      edges.log.emit("info", "every job is signed ahead: this host uses no private key");
      return;
    }
  }
  await proveKey(opened, ended);
}

/** Rejects when the key cannot be used. A gpg that is being started again is waited for. */
async function proveKey({ edges, openKey }: Opened, ended: AbortSignal): Promise<void> {
  for (let failures = 1; !ended.aborted; failures++) {
    try {
      return await openKey();
    } catch (error) {
      if (!isPassing(error)) throw error;
      const waitMs = deferMs(failures, edges.random.next());
      const again = againText(waitMs);
      edges.log.emit("warning", `${messageOf(error)}; ${again}`);
      await edges.clock.sleep(waitMs, ended);
    }
  }
}

interface Held {
  readonly held: ReturnType<typeof holdSignals>;
  readonly opened: Opened;
}

/**
 * Opens everything. A signal that comes meanwhile is heard when it is released; null when one
 * ended the wait for another process.
 */
async function openHeld(call: Call, work: string): Promise<Held | null> {
  const held = holdSignals();
  try {
    return { held, opened: await openRunner(call, { work, signal: held.signal }) };
  } catch (error) {
    if (held.release() && error instanceof RunnerError && error.code === "BUSY") return null;
    throw error;
  }
}

/** Gives back the memory that only the start needed, and now and then what work has taken. */
async function giveBack({ catalog, edges }: Opened, ended: AbortSignal): Promise<void> {
  await catalog.loading;
  compileAsUsual();
  while (!ended.aborted) {
    await catalog.loading;
    await edges.clock.sleep(SETTLE_MS, ended);
    if (!ended.aborted) await releaseMemory();
    await edges.clock.sleep(RELEASE_EACH_MS, ended);
  }
}

/** Makes one pass; with `wait`, until nothing is in flight. Resolves with the exit status. */
export async function runPass(call: Call, wait: boolean): Promise<number> {
  const begun = await openHeld(call, PASS);
  if (begun === null) return 0;
  const { held, opened } = begun;
  const { config, edges, catalog } = opened;
  const runner = new Runner(edges, catalog, {
    checkDirectoryMs: config.checkDirectoryMs,
    lateness: ONCE_LATENESS,
    once: true,
  });
  const signals = handleSignals(runner, opened);
  if (held.release()) runner.stop();
  const journalFailure = endWhenBroken({ runner, stop: signals.stop }, opened);
  try {
    if (opened.member?.isIdle && config.cluster !== null) {
      const { idleText } = await import("./holders.ts");
      edges.log.emit("notice", await idleText(config.cluster, edges.clock));
      return 0;
    }
    opened.member?.serve(runner);
    await runner.start();
    await runner.runOnce(wait, () => {
      compileAsUsual();
      showProgress(call, opened);
    });
    call.terminal.progress("");
    const failure = journalFailure();
    if (failure !== null) return endBroken(call, opened, failure);
    const metrics = openMetricsFile(opened, runner);
    await metrics?.write();
    await metrics?.close();
    return runner.failures > 0 || edges.journal.counts().deadDeliveries > 0 ? 1 : 0;
  } catch (error) {
    sayFailure(call, opened, error);
    return isPassing(error) ? STATUS_TRY_AGAIN : STATUS_CANNOT_START;
  } finally {
    signals.close();
    await opened.close();
  }
}

/** Into the log, as the original; and where it was started by hand, when the log is elsewhere. */
function sayFailure({ terminal }: Call, { config, edges }: Opened, error: unknown): void {
  for (const reason of reasonsOf(error)) {
    edges.log.emit("crit", `runner error: ${reason}`);
    if (config.logging.mode !== "stdout") terminal.error([`error: ${reason}`]);
  }
}

/** The original's texts begin with their call and name the path themselves. */
function reasonsOf(error: unknown): readonly string[] {
  const errors = error instanceof RunnerErrors ? error.errors : [error];
  return errors.map(explain);
}

/**
 * Ends everything at once when the journal is damaged, or the disk has failed to keep what was
 * written: what the journal holds is unknown until a new process reads it. Ends in order where the
 * journal is sound, and this process is not to work with it.
 *
 * @returns Tells that failure, or null.
 */
export function endWhenBroken(
  { runner, stop }: { readonly runner: Pick<Runner, "stop" | "abort">; stop(): void },
  { broken }: Pick<Opened, "broken">,
): () => Broken | null {
  let failure: Broken | null = null;
  void broken.then((found) => {
    failure = found;
    if (found.isInOrder === true) return stop();
    runner.stop();
    runner.abort();
  });
  return () => failure;
}

/**
 * The status that lets a service manager start it again. @throws {RunnerError} When that is no use.
 */
function endBroken(call: Call, opened: Opened, { error, mayHeal }: Broken): number {
  if (!mayHeal) throw error;
  sayFailure(call, opened, error);
  return 1;
}

/** Stops in order at the first signal; what then takes too long is aborted, and goes on later. */
export function handleSignals(
  runner: Runner,
  { edges, reload, reopenLog }: Opened,
): { stop(): void; close(): void } {
  const ended = new AbortController();
  const stop = (): void => {
    runner.stop();
    void edges.clock.sleep(STOP_GRACE_MS, ended.signal).then(() => runner.abort());
  };
  const signals = onSignals({
    stop() {
      edges.log.emit("info", "signal, exiting");
      stop();
    },
    scan() {
      reopenLog();
      edges.log.emit("info", "signal, scanning");
      runner.rescan();
      void reload().then(() => runner.reloaded());
    },
  });
  return {
    stop,
    close() {
      signals.close();
      ended.abort();
    },
  };
}

/** One line for a person who waits: how much is in flight, and until when. */
export function showProgress({ terminal }: Call, { edges }: Pick<Opened, "edges">): void {
  terminal.progress(() => progressLine(edges));
}

function progressLine({ journal, clock }: Pick<Opened["edges"], "journal" | "clock">): string {
  const [first] = journal.pendingActions(1);
  if (first?.nextAt == null) return "";
  const { pendingActions, pendingDeliveries } = journal.counts();
  const seconds = Math.max(0, Math.ceil((first.nextAt - clock.now()) / 1_000));
  const what = first.state === "planned" ? "post" : "collect";
  return `${pendingActions} in flight, ${pendingDeliveries} to deliver; next ${what} in ${seconds} s`;
}
