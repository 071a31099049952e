// Ports: the runner's ports onto a simulated world, as one life of its process has them.
//
// Every call may take time, fail before or after its effect, or be the last thing the process did.
import { createHash } from "node:crypto";
import { RunnerError } from "../../src/errors.ts";
import type { Clock, Log, Signer } from "../../src/lib/ports.ts";
import type {
  ActionTrace,
  AlarmOrder,
  DeliveryAnswer,
  DeliveryOrder,
  InflightFile,
  JobDirectory,
  Loan,
  Plugins,
  ResultMark,
  ResultName,
  Results,
  ResultWriter,
  Spool,
} from "../../src/ports.ts";
import { type Life, never } from "./life.ts";
import type { Rates } from "./profile.ts";
import type { Surroundings } from "./surroundings.ts";

export const RUNNERS = "/var/mig/runners";

/** A plugin is ended after this. */
const PLUGIN_TIMEOUT_MS = 60_000;

/** As the edge: a wait for a wall time looks at the clock at least this often. */
const NAP_MS = 60_000;

export function makeClock(world: Surroundings, life: Life): Clock {
  const wait = (look: () => number, signal: AbortSignal | undefined): Promise<void> => {
    if (world.dies(life, "clock", "before")) return never();
    if (signal?.aborted === true || look() <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      let planned = world.timeline.after(Math.min(look(), NAP_MS), again);
      function again(): void {
        if (!life.alive) return;
        const left = look();
        if (left > 0) planned = world.timeline.after(Math.min(left, NAP_MS), again);
        else end();
      }
      function end(): void {
        world.timeline.cancel(planned);
        signal?.removeEventListener("abort", end);
        if (life.alive) resolve();
      }
      signal?.addEventListener("abort", end);
    });
  };
  return {
    now: () => world.wall,
    until(at, signal) {
      if (life.alive) world.watch.woken();
      const end = world.timeline.now + at - world.wall;
      return wait(() => Math.min(at - world.wall, end - world.timeline.now), signal);
    },
    sleep(ms, signal) {
      const end = world.timeline.now + ms;
      return wait(() => end - world.timeline.now, signal);
    },
  };
}

export function makeLog(world: Surroundings, life: Life): Log {
  return {
    emit(level, message) {
      if (!life.alive) return;
      world.say(() => `  ${level}: ${message}`);
      world.watch.logged(message);
    },
  };
}

/** As a real key: one text in one second has one signature. */
export function makeSigner(world: Surroundings, life: Life): Pick<Signer, "sign"> {
  return {
    sign(text) {
      return act(world, life, "sign", {
        mostMs: 300,
        before: () =>
          world.strikes("key locked", world.profile.rates.sign)
            ? new RunnerError("KEYRING", "Cannot unlock the key: no passphrase")
            : null,
        effect: () => createHash("sha256").update(text).digest("base64"),
      });
    },
  };
}

interface Act<T> {
  readonly mostMs?: number;
  /** Why it fails, without an effect. */
  readonly before?: () => Error | null;
  /** Why it fails although it had its effect. */
  readonly after?: () => Error | null;
  effect(): T;
}

/** One call of a port. */
function act<T>(world: Surroundings, life: Life, name: string, what: Act<T>): Promise<T> {
  if (world.dies(life, name, "before")) return never();
  return new Promise<T>((resolve, reject) => {
    const run = (): void => {
      if (!life.alive) return;
      try {
        const early = what.before?.() ?? null;
        if (early !== null) throw early;
        const value = what.effect();
        if (world.dies(life, name, "after")) return;
        const late = what.after?.() ?? null;
        if (late !== null) throw late;
        resolve(value);
      } catch (error) {
        reject(error);
      }
    };
    const delayMs = world.latency(what.mostMs ?? 20);
    if (delayMs === 0) run();
    else world.timeline.after(delayMs, run);
  });
}

function diskError(code: string, text: string): RunnerError {
  const cause = Object.assign(new Error(text), { code });
  return new RunnerError("SPOOL", `Cannot use the spool: ${text}`, {}, { cause });
}

const ENCODER = new TextEncoder();

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The spool in the page cache of a simulated disk. */
export function makeSpool(world: Surroundings, life: Life): Spool & Results {
  return new SimulatedSpool(world, life);
}

class SimulatedSpool implements Spool, Results {
  readonly #world: Surroundings;
  readonly #life: Life;

  constructor(world: Surroundings, life: Life) {
    this.#world = world;
    this.#life = life;
  }

  /** A call that may fail as a disk does. */
  #disk<T>(name: string, what: { effect(): T; writes?: boolean }): Promise<T> {
    const world = this.#world;
    const { rates } = world.profile;
    return act(world, this.#life, `spool.${name}`, {
      before: () => {
        if (what.writes === true && world.diskFull) {
          world.count("spool ENOSPC (disk full)");
          return diskError("ENOSPC", "no space left on device");
        }
        return world.strikes(`spool.${name} fails`, rates.spoolBefore)
          ? diskError("EIO", "input/output error")
          : null;
      },
      after: () =>
        what.writes === true && world.strikes(`spool.${name} fails late`, rates.spoolAfter)
          ? diskError("EIO", "input/output error")
          : null,
      effect: what.effect,
    });
  }

  scan(): Promise<readonly JobDirectory[]> {
    const world = this.#world;
    return act(world, this.#life, "spool.scan", {
      before: () =>
        world.strikes("spool.scan fails", world.profile.rates.scan)
          ? diskError("EMFILE", "too many open files")
          : null,
      effect: () =>
        [...world.disk.jobs]
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .map(([job, files]) => ({
            job,
            path: `${RUNNERS}/${job}`,
            files: [...files].map(([name, { mark, text }]) => ({
              name,
              mtimeMs: mark,
              size: text.length,
              inode: mark,
            })),
          })),
    });
  }

  read(job: string, name: string): Promise<Uint8Array> {
    return this.#disk("read", {
      effect: () => {
        const file = this.#world.disk.jobs.get(job)?.get(name);
        if (file === undefined) throw diskError("ENOENT", "no such file or directory");
        return ENCODER.encode(file.text);
      },
    });
  }

  stamp(job: string, name: string): Promise<string> {
    return this.#disk("stamp", {
      effect: () => {
        const file = this.#world.disk.jobs.get(job)?.get(name);
        if (file === undefined) throw diskError("ENOENT", "no such file or directory");
        return `${file.mark} ${file.text.length}`;
      },
    });
  }

  changedAt(): Promise<null> {
    return Promise.resolve(null);
  }

  inflight(): Promise<readonly InflightFile[]> {
    return this.#disk("inflight", {
      effect: () =>
        [...this.#world.disk.visible].flatMap(([path, bytes]) => {
          const match = /\/([^/]+)\/inflight\/([^/]+)$/.exec(path);
          if (match === null || path.endsWith(".bad")) return [];
          const [, job = "", name = ""] = match;
          return [{ kind: "bytes" as const, job, name, path, bytes }];
        }),
    });
  }

  writeInflight(job: string, actionId: number, bytes: Uint8Array): Promise<string> {
    const path = `${RUNNERS}/${job}/inflight/${actionId}.json`;
    return this.#disk("writeInflight", {
      writes: true,
      effect: () => {
        // Not waited for: a power loss may take it.
        this.#world.disk.rename(path, bytes);
        return path;
      },
    });
  }

  removeInflight(job: string, actionId: number): Promise<string> {
    const path = `${RUNNERS}/${job}/inflight/${actionId}.json`;
    return this.#disk("removeInflight", {
      effect: () => {
        this.#world.disk.remove(path);
        this.#world.disk.sync(path);
        return path;
      },
    });
  }

  trace(job: string, actionId: number): Promise<ActionTrace> {
    return this.#disk("trace", {
      effect: () => {
        const { visible } = this.#world.disk;
        const folder = `${RUNNERS}/${job}`;
        if (visible.has(`${folder}/inflight/${actionId}.json`)) return { kind: "recorded" };
        const path = [...visible.keys()].find(
          (name) => name.startsWith(`${folder}/results/`) && name.endsWith(`/${actionId}.json`),
        );
        if (path === undefined) return { kind: "gone" };
        const bytes = visible.get(path) ?? new Uint8Array();
        return { kind: "result", path, bytes: once(bytes) };
      },
    });
  }

  setAside(file: InflightFile): Promise<string> {
    return this.#disk("setAside", {
      effect: () => {
        const { disk } = this.#world;
        const bytes = disk.visible.get(file.path);
        if (bytes === undefined) throw diskError("ENOENT", "no such file or directory");
        disk.rename(`${file.path}.bad`, bytes);
        disk.remove(file.path);
        disk.sync(`${file.path}.bad`);
        disk.sync(file.path);
        return `${file.path}.bad`;
      },
    });
  }

  create(job: string, date: string, name: ResultName): Promise<ResultWriter> {
    const { disk } = this.#world;
    // Where several hosts write beside each other, each result has a name of its own.
    const folder = disk.isShared ? `${date}-${++disk.stored}` : date;
    const path = this.resultPath(job, folder, name);
    return this.#disk("createResult", {
      writes: true,
      effect: () => {
        this.#world.disk.temporaries++;
        this.#world.watch.collecting(path);
        return this.#writer(path);
      },
    });
  }

  resultPath(job: string, date: string, name: ResultName): string {
    const text = typeof name === "number" ? `${name}` : `${name.first}-${name.last}`;
    return `${RUNNERS}/${job}/results/${date}/${text}.json`;
  }

  find(place: string): Promise<ResultMark | null> {
    const found = this.#world.disk.visible.get(place);
    return Promise.resolve(found === undefined ? null : { mark: "", size: found.length });
  }

  has(place: string, sha256: string | null): Promise<boolean> {
    const found = this.#world.disk.visible.get(place);
    return Promise.resolve(found !== undefined && (sha256 === null || hashOf(found) === sha256));
  }

  async *stream(place: string): AsyncGenerator<Uint8Array> {
    const found = this.#world.disk.visible.get(place);
    if (found === undefined) throw diskError("ENOENT", "no such file or directory");
    yield found;
  }

  async parts(place: string): Promise<readonly Uint8Array[]> {
    return await Array.fromAsync(this.stream(place));
  }

  lend(path: string): Promise<Loan> {
    return Promise.resolve({ path, release: () => Promise.resolve() });
  }

  #writer(path: string): ResultWriter {
    const { disk, watch } = this.#world;
    const parts: Uint8Array[] = [];
    let [open, writes] = [true, 0];
    const close = (): void => {
      if (open) disk.temporaries--;
      open = false;
    };
    return {
      write: (...more) => {
        // Copied: who writes may use the same memory again.
        for (const part of more) parts.push(part.slice());
        const isFull = ++writes % 3 === 0;
        return isFull ? this.#disk("write", { writes: true, effect: () => {} }) : undefined;
      },
      commit: async () => {
        try {
          await this.#disk("fsync", { writes: true, effect: () => {} });
          const bytes = new Uint8Array(Buffer.concat(parts));
          await this.#disk("rename", {
            effect: () => {
              disk.rename(path, bytes);
              watch.published(path, bytes);
            },
          });
          await this.#disk("syncDirectory", { writes: true, effect: () => disk.sync(path) });
          close();
          return { place: path, bytes: bytes.length, sha256: hashOf(bytes) };
        } catch (error) {
          close();
          throw error;
        }
      },
      abort: () => {
        close();
        return Promise.resolve();
      },
    };
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Plugins that fail, hang, take a result and then fail, or are not there. */
export function makePlugins(world: Surroundings, life: Life): Plugins {
  const { rates } = world.profile;
  return {
    names: () => Promise.resolve(["alpha", "beta", "gamma"]),
    check: () => Promise.resolve(null),
    deliver: (order) => deliver(world, life, { order, rates }),
    alarm: (order) => alarm(world, life, order),
  };
}

/** Who tells people fails, takes it and then fails, or is not heard of again, as any plugin. */
function alarm(
  world: Surroundings,
  life: Life,
  { key, body }: AlarmOrder,
): Promise<DeliveryAnswer> {
  const { rates } = world.profile;
  const tell = (): DeliveryAnswer => {
    if (world.strikes("plugin fails", rates.pluginFails)) return FAILED;
    world.watch.told(key, body);
    return world.strikes("plugin fails late", rates.pluginTakesAndFails) ? FAILED : DELIVERED;
  };
  return act(world, life, "alarm", { effect: tell });
}

const FAILED: DeliveryAnswer = { kind: "failed", message: "exit status 1" };

function deliver(
  world: Surroundings,
  life: Life,
  { order, rates }: { order: DeliveryOrder; rates: Rates },
): Promise<DeliveryAnswer> {
  const { key, plugin, signal } = order;
  if (world.dies(life, "plugin", "before")) return never();
  if (!world.calm && world.missingPlugins.has(plugin)) {
    world.count("plugin missing");
    return Promise.resolve({ kind: "missing", message: `unable to locate plugin "${plugin}"` });
  }
  world.watch.delivering(order);
  const hangs = world.strikes("plugin hangs", rates.pluginHangs);
  const fails = !hangs && world.strikes("plugin fails", rates.pluginFails);
  const late = !hangs && !fails && world.strikes("plugin fails late", rates.pluginTakesAndFails);
  return new Promise((resolve) => {
    const end = (answer: DeliveryAnswer): void => {
      world.timeline.cancel(planned);
      signal?.removeEventListener("abort", aborted);
      if (life.alive) resolve(answer);
    };
    const aborted = (): void => end({ kind: "failed", message: "the runner is stopping" });
    const run = (): void => {
      if (!life.alive) return;
      if (hangs || fails) {
        end({ kind: "failed", message: hangs ? "no end within its time" : "exit status 1" });
        return;
      }
      world.received.set(key, (world.received.get(key) ?? 0) + 1);
      world.say(() => `  ${plugin} took ${key}`);
      if (world.dies(life, "plugin", "after")) return;
      end(late ? { kind: "failed", message: "exit status 2" } : DELIVERED);
    };
    const delayMs = hangs ? PLUGIN_TIMEOUT_MS : world.latency(2_000);
    const planned = world.timeline.after(delayMs, run);
    if (signal?.aborted === true) aborted();
    else signal?.addEventListener("abort", aborted);
  });
}

const DELIVERED: DeliveryAnswer = { kind: "delivered", message: "taken" };
