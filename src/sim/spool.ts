// Spool: a runner directory without a disk.
import { createHash } from "node:crypto";
import { RunnerError } from "../errors.ts";
import type {
  ActionTrace,
  InflightFile,
  JobDirectory,
  Loan,
  ResultMark,
  ResultName,
  Results,
  ResultWriter,
  Spool,
} from "../ports.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is in the directory. */
export interface SpoolOptions {
  /** The runner directory. @default "/runner" */
  readonly directory?: string;
  /** The names of jobs, each defined by a job.ts. @default none */
  readonly jobs?: readonly string[];
  /** What is in a file of a job's directory; null when there is none. @default nothing */
  readonly file?: (job: string, name: string) => Uint8Array | null;
}

/** A spool in memory, and its results. A result is there from its commit on, as on a disk, and never before. */
export class MemorySpool implements Spool, Results {
  /** The texts of result files, by their paths. */
  readonly results = new Map<string, string>();
  /** The texts of in-flight files, by their paths. */
  readonly records = new Map<string, string>();
  /** The paths of files that were set aside. */
  readonly aside: string[] = [];
  /** In-flight files that the original has left. */
  found: readonly InflightFile[] = [];
  /** Thrown by the next call that writes a result. */
  failure: Error | null = null;
  readonly #runners: string;
  readonly #jobs: readonly string[];
  readonly #file: NonNullable<SpoolOptions["file"]>;

  constructor({ directory = "/runner", jobs = [], file = () => null }: SpoolOptions = {}) {
    this.#runners = `${directory}/runners`;
    this.#jobs = jobs;
    this.#file = file;
  }

  scan(): Promise<readonly JobDirectory[]> {
    const files = [{ name: "job.ts", mtimeMs: 1, size: 1, inode: 1 }];
    return Promise.resolve(
      this.#jobs.map((job) => ({ job, path: `${this.#runners}/${job}`, files })),
    );
  }

  read(job: string, name: string): Promise<Uint8Array> {
    const bytes = this.#file(job, name);
    if (bytes !== null) return Promise.resolve(bytes);
    const path = `${this.#runners}/${job}/${name}`;
    const cause = Object.assign(new Error("no such file"), { code: "ENOENT" });
    const message = `Cannot read "${path}": no such file or directory`;
    return Promise.reject(new RunnerError("SPOOL", message, { path, job }, { cause }));
  }

  stamp(): Promise<string> {
    return Promise.resolve("never written");
  }

  changedAt(): Promise<null> {
    return Promise.resolve(null);
  }

  inflight(skip: (name: string) => boolean = () => false): Promise<readonly InflightFile[]> {
    return Promise.resolve(this.found.filter(({ name }) => !skip(name)));
  }

  writeInflight(job: string, actionId: number, bytes: Uint8Array): Promise<string> {
    const path = this.#recordPath(job, actionId);
    this.records.set(path, decoder.decode(bytes));
    return Promise.resolve(path);
  }

  removeInflight(job: string, actionId: number): Promise<string> {
    const path = this.#recordPath(job, actionId);
    this.records.delete(path);
    return Promise.resolve(path);
  }

  trace(job: string, actionId: number): Promise<ActionTrace> {
    if (this.records.has(this.#recordPath(job, actionId))) {
      return Promise.resolve({ kind: "recorded" });
    }
    const path = [...this.results.keys()].find(
      (name) => name.startsWith(`${this.#runners}/${job}/`) && name.endsWith(`/${actionId}.json`),
    );
    if (path === undefined) return Promise.resolve({ kind: "gone" });
    return Promise.resolve({ kind: "result", path, bytes: this.stream(path) });
  }

  setAside({ path }: InflightFile): Promise<string> {
    this.aside.push(path);
    return Promise.resolve(`${path}.bad`);
  }

  /** Where a result is written to. */
  resultPath(job: string, date: string, name: ResultName): string {
    const text = typeof name === "number" ? `${name}` : `${name.first}-${name.last}`;
    return `${this.#runners}/${job}/results/${date}/${text}.json`;
  }

  create(job: string, date: string, name: ResultName): Promise<ResultWriter> {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) return Promise.reject(failure);
    const chunks: Uint8Array[] = [];
    return Promise.resolve({
      write(...parts) {
        chunks.push(...parts.map((part) => part.slice()));
        return undefined;
      },
      commit: () => {
        const whole = Buffer.concat(chunks);
        const place = this.resultPath(job, date, name);
        this.results.set(place, decoder.decode(whole));
        const sha256 = createHash("sha256").update(whole).digest("hex");
        return Promise.resolve({ place, bytes: whole.length, sha256 });
      },
      abort: () => Promise.resolve(),
    });
  }

  find(place: string): Promise<ResultMark | null> {
    const text = this.results.get(place);
    return Promise.resolve(text === undefined ? null : { mark: text, size: text.length });
  }

  has(place: string, sha256: string | null): Promise<boolean> {
    const text = this.results.get(place);
    if (text === undefined || sha256 === null) return Promise.resolve(text !== undefined);
    return Promise.resolve(createHash("sha256").update(text).digest("hex") === sha256);
  }

  /** Throws when there is none. */
  async *stream(place: string): AsyncGenerator<Uint8Array> {
    yield this.#bytesOf(place);
  }

  parts(
    place: string,
    parts: readonly { readonly offset: number; readonly size: number }[],
  ): Promise<readonly Uint8Array[]> {
    const whole = this.#bytesOf(place);
    return Promise.resolve(parts.map(({ offset, size }) => whole.subarray(offset, offset + size)));
  }

  lend(path: string): Promise<Loan> {
    return Promise.resolve({ path, release: () => Promise.resolve() });
  }

  #bytesOf(place: string): Uint8Array {
    const text = this.results.get(place);
    if (text === undefined) throw new Error(`no such file: ${place}`);
    return encoder.encode(text);
  }

  #recordPath(job: string, actionId: number): string {
    return `${this.#runners}/${job}/inflight/${actionId}.json`;
  }
}
