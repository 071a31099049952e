// Own files: results in the folders of their jobs on this host's own disk, as the original lays
// them out. There a result is called by its action alone: of several hosts each may have collected
// it once, and its row says which of these results counts, by a hash.
import { createHash } from "../../lib/late.ts";
import type { Results, ResultWriter } from "../../ports.ts";
import { FILES } from "./files.ts";

/** Files whose hash is remembered, so that each is read once. */
const KNOWN_MAX = 10_000;

/** A file as it was when its hash was known. */
interface Known {
  readonly mark: string;
  readonly sha256: string;
}

/** Results of this host's own disk. */
export class OwnFiles {
  /** By path; the one that was asked for last is the last. */
  readonly #known = new Map<string, Known>();
  /** How many files were read for their hash. */
  hashed = 0;

  /** How they are read. */
  readonly reads: Omit<Results, "create"> = {
    ...FILES,
    has: (path, sha256) => this.#has(path, sha256),
  };

  /** The same writer, whose file is known when it is written. */
  known(writer: ResultWriter): ResultWriter {
    return {
      write: (...parts) => writer.write(...parts),
      abort: () => writer.abort(),
      commit: async (signal) => {
        const written = await writer.commit(signal);
        const found = await FILES.find(written.place).catch(() => null);
        if (found !== null) this.#note(written.place, { ...found, sha256: written.sha256 });
        return written;
      },
    };
  }

  async #has(path: string, sha256: string | null): Promise<boolean> {
    const found = await FILES.find(path);
    if (found === null || sha256 === null) return found !== null;
    const known = this.#known.get(path);
    if (known?.mark === found.mark) return known.sha256 === sha256;
    const there = await this.#hashOf(path);
    this.#note(path, { ...found, sha256: there });
    return there === sha256;
  }

  async #hashOf(path: string): Promise<string> {
    this.hashed++;
    const hash = createHash("sha256");
    for await (const bytes of FILES.stream(path)) hash.update(bytes);
    return hash.digest("hex");
  }

  #note(path: string, { mark, sha256 }: Known): void {
    this.#known.delete(path);
    this.#known.set(path, { mark, sha256 });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}
