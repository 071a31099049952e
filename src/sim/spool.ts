// Spool: a runner directory without a disk, with one job in it.
import { RunnerError } from "../errors.ts";
import type { JobDirectory, ResultName, ResultWriter, Spool } from "../ports.ts";

const FOLDER = "/simulation/runners";

/** A spool in memory. A result is there from its commit on, as on a disk. */
export class MemorySpool implements Spool {
  readonly #job: string;
  readonly #file: (name: string) => Uint8Array | null;
  readonly #results = new Map<string, Uint8Array>();

  /** @param file What is in a file of the job's directory; null when there is none. */
  constructor(job: string, file: (name: string) => Uint8Array | null) {
    this.#job = job;
    this.#file = file;
  }

  /** The path of the job's program. */
  get jobPath(): string {
    return `${FOLDER}/${this.#job}/job.ts`;
  }

  scan(): Promise<readonly JobDirectory[]> {
    const files = [{ name: "job.ts", mtimeMs: 1, size: 1, inode: 1 }];
    return Promise.resolve([{ job: this.#job, path: `${FOLDER}/${this.#job}`, files }]);
  }

  read(job: string, name: string): Promise<Uint8Array> {
    const bytes = this.#file(name);
    if (bytes !== null) return Promise.resolve(bytes);
    const path = `${FOLDER}/${job}/${name}`;
    const cause = Object.assign(new Error("no such file"), { code: "ENOENT" });
    const message = `Cannot read "${path}": no such file or directory`;
    return Promise.reject(new RunnerError("SPOOL", message, { path, job }, { cause }));
  }

  changedAt(): Promise<null> {
    return Promise.resolve(null);
  }

  inflight(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  writeInflight(job: string, actionId: number): Promise<string> {
    return Promise.resolve(`${FOLDER}/${job}/inflight/${actionId}.json`);
  }

  removeInflight(job: string, actionId: number): Promise<string> {
    return Promise.resolve(`${FOLDER}/${job}/inflight/${actionId}.json`);
  }

  trace(): Promise<{ readonly kind: "recorded" }> {
    return Promise.resolve({ kind: "recorded" });
  }

  setAside(): Promise<string> {
    return Promise.reject(new Error("there is nothing to set aside"));
  }

  resultPath(job: string, date: string, name: ResultName): string {
    const text = typeof name === "number" ? `${name}` : `${name.first}-${name.last}`;
    return `${FOLDER}/${job}/results/${date}/${text}.json`;
  }

  createResult(job: string, date: string, name: ResultName): Promise<ResultWriter> {
    const chunks: Uint8Array[] = [];
    return Promise.resolve({
      write(...parts) {
        chunks.push(...parts.map((part) => part.slice()));
        return undefined;
      },
      commit: () => {
        const whole = joined(chunks);
        this.#results.set(this.resultPath(job, date, name), whole);
        return Promise.resolve(whole.length);
      },
      abort: () => Promise.resolve(),
    });
  }

  /** The bytes of a result file. Throws when there is none. */
  async *readResult(path: string): AsyncGenerator<Uint8Array> {
    const bytes = this.#results.get(path);
    if (bytes === undefined) throw new Error(`there is no result ${path}`);
    yield bytes;
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
