// Signals: what the operator and the service manager say while the daemon runs.
//
//   SIGTERM, SIGINT    stop in order; the runner ends what it is doing and leaves
//   SIGINT again       leave now
//   SIGHUP             scan now, without waiting for the next turn
//
// The original ends on SIGINT only; SIGTERM and SIGHUP kill it.

/** What to do on each signal. Handlers must not throw. */
export interface SignalHandlers {
  /** Called once, with the name of the first signal that asks to stop. */
  stop(name: "SIGTERM" | "SIGINT"): void;
  scan(): void;
  /** Called by a SIGINT after the first request to stop. Default: end with status 130. */
  force?(): void;
}

/** The status that a shell gives to a process that SIGINT ended. */
const STATUS_INTERRUPTED = 130;

/**
 * Listens for the three signals until closed.
 *
 * @returns `close` gives the signals back their usual effect.
 */
export function onSignals(handlers: SignalHandlers): { close(): void } {
  let stopping = false;
  const stop = (name: "SIGTERM" | "SIGINT"): void => {
    if (!stopping) {
      stopping = true;
      handlers.stop(name);
    } else if (name === "SIGINT") {
      // A service manager repeats SIGTERM by itself; only a person presses Ctrl-C twice.
      if (handlers.force === undefined) process.exit(STATUS_INTERRUPTED);
      handlers.force();
    }
  };
  const listeners = [
    ["SIGTERM", () => stop("SIGTERM")],
    ["SIGINT", () => stop("SIGINT")],
    ["SIGHUP", () => handlers.scan()],
  ] as const;
  for (const [name, listener] of listeners) process.on(name, listener);
  return {
    close() {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}

/**
 * Keeps a signal from ending the process while it opens what it needs.
 *
 * @returns `release` gives the signals back, and tells whether one asked to stop meanwhile, which
 * aborts `signal` at once.
 */
export function holdSignals(): { readonly signal: AbortSignal; release(): boolean } {
  const stopped = new AbortController();
  const signals = onSignals({ stop: () => stopped.abort(), scan() {} });
  return {
    signal: stopped.signal,
    release() {
      signals.close();
      return stopped.signal.aborted;
    },
  };
}
