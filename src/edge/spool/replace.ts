// Replace: a job's definition by another file, with the old one kept beside it.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { RunnerError } from "../../errors.ts";
import {
  createTemporary,
  discard,
  fileError,
  lstatOrNull,
  publish,
  type TemporaryFile,
} from "../../lib/os/durable.ts";

/** One file for another in a job's directory. */
export interface Replacement {
  /** The job's directory. */
  readonly folder: string;
  /** The name of the old file. */
  readonly from: string;
  /** The name of the new one, which may be the same. */
  readonly to: string;
  readonly text: string;
  /** Files that the new one needs; none of them may be there yet. */
  readonly others: ReadonlyMap<string, string>;
}

/**
 * Puts a new definition in place of an old one. A reader meets the old one, none for a moment,
 * or the new one, but never two.
 *
 * @returns The path of the old file now.
 * @throws {RunnerError} SPOOL, and the old file is where it was.
 */
export async function replaceDefinition(replacement: Replacement): Promise<string> {
  const { folder, from, to, text, others } = replacement;
  const target = join(folder, to);
  const attempt = { verb: "write", thing: "job file", path: target };
  const made: TemporaryFile[] = [];
  try {
    for (const name of [...others.keys(), ...(to === from ? [] : [to])]) {
      const path = join(folder, name);
      if ((await lstatOrNull(path)) === null) continue;
      throw new RunnerError("SPOOL", `Cannot write job file "${path}": it is there already`, {
        path,
        hint: "move it away first",
      });
    }
    const { mode } = (await lstatOrNull(join(folder, from))) ?? { mode: 0o600 };
    for (const [name, content] of [...others, [to, text] as const]) {
      made.push(await prepare(join(folder, name), { content, mode }));
    }
    const aside = await freeName(join(folder, `${from}.bak`));
    await rename(join(folder, from), aside);
    try {
      for (const [index, name] of [...others.keys(), to].entries()) {
        const temporary = made[index];
        if (temporary !== undefined) await publish(temporary, join(folder, name));
      }
    } catch (error) {
      await rename(aside, join(folder, from));
      throw error;
    }
    return aside;
  } catch (error) {
    for (const temporary of made) await discard(temporary);
    throw fileError(attempt, error);
  }
}

async function prepare(
  path: string,
  { content, mode }: { readonly content: string; readonly mode: number },
): Promise<TemporaryFile> {
  const temporary = await createTemporary(path);
  await temporary.handle.writeFile(content);
  await temporary.handle.chmod(mode & 0o777);
  return temporary;
}

/** NAME, NAME.2, …: the first that is not taken. */
async function freeName(path: string): Promise<string> {
  for (let number = 1; ; number++) {
    const free = number === 1 ? path : `${path}.${number}`;
    if ((await lstatOrNull(free)) === null) return free;
  }
}
