// Life: one life of the runner's process in a simulation. Its ports are those of the simulation
// until it is over; from then on nothing that it began goes on.
import type { Journal, JournalReads, JournalTransaction } from "../journal/journal.ts";
import type { Clock } from "../lib/ports.ts";

/** A moment in which a process dies: at a write of its journal, counted from 1. */
export interface CrashPoint {
  readonly write: number;
  /** Before the write is made, or when it is durable and nobody has heard of it. */
  readonly side: "before" | "after";
}

/** One life of a process. */
export class Life {
  #isAlive = true;
  readonly #onDeath: () => void;

  /** @param onDeath Called once, when it is over. */
  constructor(onDeath: () => void) {
    this.#onDeath = onDeath;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Ends it, as kill -9 does. */
  end(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#onDeath();
  }

  /** What something comes to, if it is still there to hear of it; else this never resolves. */
  async heard<Value>(work: () => Promise<Value>): Promise<Value> {
    if (!this.#isAlive) return await never();
    try {
      const value = await work();
      if (this.#isAlive) return value;
    } catch (error) {
      if (this.#isAlive) throw error;
    }
    return await never();
  }

  /** The methods of a port, as long as it lives. Everything else of the port is left as it is. */
  port<Port extends object>(port: Port, names: readonly (keyof Port)[]): Port {
    const methods = new Map<PropertyKey, unknown>();
    const methodOf = (name: PropertyKey): unknown => {
      const value: unknown = Reflect.get(port, name);
      if (typeof value !== "function") return value;
      if (!(names as readonly PropertyKey[]).includes(name)) return value.bind(port);
      return (...given: unknown[]) => this.heard(() => Reflect.apply(value, port, given));
    };
    return new Proxy(port, {
      get: (_, name) => {
        if (!methods.has(name)) methods.set(name, methodOf(name));
        return methods.get(name);
      },
    });
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      until: (at, signal) => this.heard(() => clock.until(at, signal)),
      sleep: (ms, signal) => this.heard(() => clock.sleep(ms, signal)),
    };
  }

  /** @param hooks Called around each write; they may end this life. */
  journal(
    journal: Journal,
    hooks: {
      /** Answers the number of the write. */
      before(): number;
      after(write: number): void;
    },
  ): Journal {
    const write = async <T>(work: (transaction: JournalTransaction) => T): Promise<T> => {
      if (!this.#isAlive) return await never();
      const number = hooks.before();
      const value = await this.heard(() => journal.write(this.#guarded(work)));
      hooks.after(number);
      return this.#isAlive ? value : await never();
    };
    const port = this.port(journal, []);
    return new Proxy(port, {
      get: (reads, name) => (name === "write" ? write : Reflect.get(reads, name)),
    });
  }

  /** What waits to be written when the process dies is not written. */
  #guarded<T>(work: (transaction: JournalTransaction) => T) {
    return (transaction: JournalTransaction): T => {
      if (!this.#isAlive) throw new Error("its process is gone");
      return work(transaction);
    };
  }
}

function never<Value>(): Promise<Value> {
  return new Promise(() => undefined);
}

/** Names of steps and keys of deliveries of which a try was begun that nobody has heard of. */
export function lostTries(journal: JournalReads, runId: number): ReadonlySet<string> {
  const steps = journal
    .stepsOf(runId)
    .filter(({ state, attempts, failures }) => state === "begun" && attempts > failures);
  const deliveries = journal
    .actionsOf(runId)
    .flatMap(({ id }) => journal.deliveriesOf(id))
    .filter(({ state, attempts, error }) => state === "pending" && attempts > 0 && error === null);
  return new Set([...steps.map(({ name }) => name), ...deliveries.map(({ key }) => key)]);
}
