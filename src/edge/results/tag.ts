// Tag: a file in a folder that hosts share, by which it is told from the empty folder that is left
// where it is not mounted. A result that is missing in that one is not gone, and what is written
// there no other host sees.
//
//   FOLDER/mig-runner.<16 hex digits>
//
// The first process that works with the folder makes it, and the journal knows its name from then
// on. Of several hosts that begin at once the journal has the name of one, and whoever does not
// find that one in its folder has another folder.
import { open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../../errors.ts";
import { type Attempt, fileError, syncDirectory } from "../../lib/os/durable.ts";
import { errnoCode } from "../../lib/os/errno.ts";
import type { Instant } from "../../time.ts";

/** What the journal knows of a folder. */
export interface Tag {
  /** The name of the file. */
  readonly file: string;
  /** The host that has noted it, and when. */
  readonly host: string;
  readonly at: Instant;
}

/** Where it is known which folder is meant. */
export interface TagMemory {
  /** Null: nobody has written there yet. */
  known(): Tag | null;
  /** Notes the file of a folder, if there is none yet. Resolves with the one that counts. */
  keep(file: string): Promise<Tag>;
}

const TAG = /^mig-runner\.[0-9a-f]{16}$/;

const TEXT =
  "mig-runner keeps results in this folder, and knows by this file that it is mounted.\n" +
  "Do not remove it.\n";

/** The tag of one folder. */
export class FolderTag {
  readonly #folder: string;
  readonly #memory: TagMemory;

  constructor(folder: string, memory: TagMemory) {
    this.#folder = folder;
    this.#memory = memory;
  }

  /** Before something is taken for missing. @throws {RunnerError} It is another folder. */
  async assertHere(): Promise<void> {
    const known = this.#memory.known();
    if (known !== null) await this.#assertHas(known);
  }

  /** The same before something is written: the first who does tags the folder. */
  async claim(): Promise<void> {
    const known = this.#memory.known();
    if (known !== null) return await this.#assertHas(known);
    const found = await this.#find();
    const file = found ?? (await this.#write());
    const kept = await this.#memory.keep(file);
    await this.#assertHas(kept);
    // Another host was faster, in the same folder.
    if (found === null && kept.file !== file)
      await unlink(join(this.#folder, file)).catch(() => {});
  }

  async #assertHas({ file, host, at }: Tag): Promise<void> {
    const path = join(this.#folder, file);
    try {
      await stat(path);
    } catch (error) {
      if (!["ENOENT", "ENOTDIR"].includes(errnoCode(error) ?? "")) {
        throw fileError(this.#attempt, error);
      }
      const day = new Date(at).toISOString().slice(0, 10);
      const state = `${file}, which host ${host} noted on ${day}, is not in it`;
      const hint = `mount it; if another folder takes its place for good: touch ${path}`;
      const message = `Cannot use the folder of results "${this.#folder}": ${state}`;
      throw new RunnerError("STORE", message, { hint, passing: true });
    }
  }

  /** One of a time that the journal does not know of. */
  async #find(): Promise<string | null> {
    const names = await readdir(this.#folder).catch((error: unknown) => {
      throw fileError(this.#attempt, error);
    });
    return names.filter((name) => TAG.test(name)).toSorted()[0] ?? null;
  }

  async #write(): Promise<string> {
    const file = `mig-runner.${crypto.getRandomValues(new Uint8Array(8)).toHex()}`;
    try {
      const handle = await open(join(this.#folder, file), "wx", 0o600);
      await handle.writeFile(TEXT).finally(() => handle.close());
      await syncDirectory(this.#folder);
    } catch (error) {
      throw fileError(this.#attempt, error);
    }
    return file;
  }

  get #attempt(): Attempt {
    return { verb: "use", thing: "the folder of results", path: this.#folder };
  }
}
