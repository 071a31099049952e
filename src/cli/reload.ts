// Reload: SIGHUP reads the configuration again. What can change does, what needs a restart is told,
// and a mistake keeps what was.
import type { Config, Written } from "../config/config.ts";
import { describeError, explain, RunnerError, RunnerErrors } from "../errors.ts";
import type { Log } from "../lib/ports.ts";

/** Keys that hold from the next use on. All others need a restart. */
const LIVE: readonly RegExp[] = [
  /^\[(?:api|gpg|targets|client)\] /,
  /^\[(?:plugin|blackout) "/,
  /^\[logging\] level$/,
];

/** Which keys differ between two readings, sorted. */
export interface Changes {
  readonly live: readonly string[];
  readonly restart: readonly string[];
}

/** The keys that were set, unset or given another value. */
export function changesBetween(before: Written, after: Written): Changes {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const changed = names.filter((name) => before.get(name) !== after.get(name));
  const isLive = (name: string): boolean => LIVE.some((pattern) => pattern.test(name));
  return {
    live: changed.filter(isLive),
    restart: changed.filter((name) => !isLive(name)),
  };
}

/** What reading again needs. */
export interface ReloadEdges {
  readonly log: Log;
  /** Rejects with RunnerError or RunnerErrors, also for files that others can write. */
  load(): Promise<{
    readonly config: Config;
    readonly written: Written;
    readonly warnings: readonly string[];
  }>;
  /** Opens what the configuration means; what it resolves with puts it in force. */
  prepare(config: Config): Promise<() => void>;
}

/** Reads the configuration again when it is told to, one reading at a time. */
export class Reload {
  readonly #edges: ReloadEdges;
  /** What is in force. */
  #written: Written;
  #running: Promise<void> | null = null;
  #isWanted = false;

  constructor(edges: ReloadEdges, written: Written) {
    this.#edges = edges;
    this.#written = written;
  }

  /** Reads it; called again meanwhile, it is read once more. Never rejects. */
  request(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#read();
      } catch (error) {
        const errors = error instanceof RunnerErrors ? error.errors : [error];
        for (const each of errors) this.#edges.log.emit("err", refusal(each));
      }
    }
  }

  async #read(): Promise<void> {
    const { log } = this.#edges;
    const { config, warnings, written } = await this.#edges.load();
    const commit = await this.#edges.prepare(config);
    const { live, restart } = changesBetween(this.#written, written);
    commit();
    for (const warning of warnings) log.emit("warning", warning);
    log.emit("info", `configuration and key read again: ${live.join(", ") || "nothing"} changed`);
    if (restart.length > 0) {
      const names = restart.join(", ");
      log.emit("warning", `${names} changed: in force after a restart`);
    }
    // What needs a restart is told again the next time.
    const isInForce = (name: string): boolean => !restart.includes(name);
    const kept = [...this.#written].filter(([name]) => !isInForce(name));
    this.#written = new Map([...[...written].filter(([name]) => isInForce(name)), ...kept]);
  }
}

function refusal(error: unknown): string {
  const reason = error instanceof RunnerError ? describeError(error) : explain(error);
  return `configuration not taken, the old one stays in force: ${reason}`;
}
