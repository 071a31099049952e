// Program: whether the system can start a file that has an x bit, by the bytes that it begins with.
//
// A script without `#!`, or with the line ends of another system, has its x bit and is found, and
// then fails at each delivery with a text that names neither the line nor the remedy.
import { access, constants, open } from "node:fs/promises";
import { basename, isAbsolute, join } from "node:path";
import type { Environment } from "../environment.ts";

/** Longer first lines are cut by the kernel. */
const HEAD_SIZE = 256;

/** How programs begin that are no scripts: ELF, and those of macOS. */
const MAGIC = ["7f454c46", "cafebabe", "feedface", "feedfacf", "cefaedfe", "cffaedfe"];

/** Why the system cannot start a file, with the remedy; null when it seems that it can. */
export async function programFault(path: string, environment: Environment): Promise<string | null> {
  const head = await headOf(path);
  if (head === null) return null;
  if (head.length === 0) return "it is empty";
  if (MAGIC.includes(head.subarray(0, 4).toString("hex"))) return null;
  const text = head.toString("latin1");
  if (text.startsWith("\u00ef\u00bb\u00bf#!")) {
    return `a byte order mark stands before its #!, mend it with: sed -i '1s/^...//' ${path}`;
  }
  if (text.startsWith("#!")) return await scriptFault(path, text, environment);
  // Other formats may be known to this system.
  if (text.includes("\0")) return null;
  return "it has no #! in its first line, begin it with #!/bin/sh or the like";
}

async function scriptFault(
  path: string,
  text: string,
  environment: Environment,
): Promise<string | null> {
  const [line = ""] = text.slice(2).split("\n");
  if (line.includes("\r")) {
    return `its lines end with CR LF, mend it with: sed -i 's/\\r$//' ${path}`;
  }
  const [program = "", ...words] = line.trim().split(/\s+/);
  if (program === "") return "its #! names no program";
  if (!(await isProgram(program))) return `its #! names ${program}, which cannot be run`;
  if (basename(program) !== "env") return null;
  const wanted = words.find((word) => !word.startsWith("-") && !word.includes("="));
  if (wanted === undefined || isAbsolute(wanted)) return null;
  const folders = (environment.PATH ?? "").split(":").filter((folder) => folder !== "");
  for (const folder of folders) if (await isProgram(join(folder, wanted))) return null;
  return `its #! asks for ${wanted}, which is in no folder of PATH`;
}

async function isProgram(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Null when it cannot be read: some programs can be run and not read. */
async function headOf(path: string): Promise<Buffer | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_SIZE), 0, HEAD_SIZE, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
