// Tree: the files of a package, and how they are laid out in a folder so that the same content
// gives the same bytes: modes and times are set, and archives are written in the order of names.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, lutimes, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** One file of a package. */
export interface TreeFile {
  /** From the top of the package, without a slash at its begin. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array | string | { readonly file: string } | { readonly link: string };
}

/** A plain file that everybody may read. */
export function plain(path: string, content: TreeFile["content"]): TreeFile {
  return { path, mode: 0o644, content };
}

/** A file that everybody may run. */
export function program(path: string, content: TreeFile["content"]): TreeFile {
  return { path, mode: 0o755, content };
}

/**
 * Lays the files out in a folder, which must not be there yet.
 *
 * @param epoch The time of every file, in seconds.
 */
export async function layOut(
  files: readonly TreeFile[],
  { folder, epoch }: { readonly folder: string; readonly epoch: number },
): Promise<void> {
  const folders = new Set<string>([folder]);
  for (const { path, mode, content } of files) {
    const at = join(folder, path);
    for (let above = dirname(at); above.startsWith(folder); above = dirname(above)) {
      folders.add(above);
    }
    await mkdir(dirname(at), { recursive: true });
    if (typeof content === "string" || content instanceof Uint8Array) await writeFile(at, content);
    else if ("file" in content) await copyFile(content.file, at);
    else await symlink(content.link, at);
    const isLink = typeof content === "object" && "link" in content;
    if (!isLink) await chmod(at, mode);
    await lutimes(at, epoch, epoch);
  }
  for (const each of [...folders].sort().reverse()) {
    await chmod(each, 0o755);
    await lutimes(each, epoch, epoch);
  }
}

/** Writes a tar of a folder, or of one folder in it; one that ends with gz is compressed. */
export function writeTar(
  out: string,
  { folder, epoch, top = "." }: { folder: string; epoch: number; top?: string },
): void {
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  const order = ["--sort=name", `--mtime=@${epoch}`];
  const how = out.endsWith("gz") ? ["--use-compress-program=gzip -n"] : [];
  run("tar", [...order, ...owner, ...how, "-cf", out, "-C", folder, top]);
}

/** Runs a tool of the system. @throws {Error} With all that it said. */
export function run(
  command: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): string {
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC", ...environment };
  const { error, status, stdout, stderr } = spawnSync(command, argv, { env, encoding: "utf8" });
  if (error !== undefined) throw new Error(`Cannot start ${command}: ${error.message}`);
  if (status === 0) return stdout;
  throw new Error(`${command} ${argv.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
}

/** Whether a tool of the system is there. */
export function hasTool(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined;
}

/** The SHA-256 of a file, in hexadecimal digits. */
export async function sha256(path: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}
