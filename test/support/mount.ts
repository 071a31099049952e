// Mount: small file systems for a test, where the machine lets it mount any.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { appendFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A mounted directory; disposing of it unmounts it. */
export interface Mounted {
  readonly path: string;
  /** Takes it away early. Twice is no error. */
  unmount(): void;
  [Symbol.dispose](): void;
}

function mount(...argv: readonly string[]): boolean {
  return spawnSync("mount", argv, { stdio: "ignore" }).status === 0;
}

function mounted(path: string): Mounted {
  let there = true;
  const unmount = (): void => {
    if (there) spawnSync("umount", ["-l", path], { stdio: "ignore" });
    there = false;
  };
  return { path, unmount, [Symbol.dispose]: unmount };
}

/** Mounts a file system in memory over a directory, which is made when it is not there. */
export function mountMemory(path: string, { size, readOnly = false }: MemoryOptions): Mounted {
  mkdirSync(path, { recursive: true });
  const options = `size=${size},mode=700${readOnly ? ",ro" : ""}`;
  if (!mount("-t", "tmpfs", "-o", options, "tmpfs", path)) {
    throw new Error(`Cannot mount over "${path}"`);
  }
  return mounted(path);
}

export interface MemoryOptions {
  /** As mount takes it: `64k`, `1m`. */
  readonly size: string;
  readonly readOnly?: boolean;
}

/** Mounts a directory over itself, for reading only. */
export function mountReadOnly(path: string): Mounted {
  const bound = mount("--bind", path, path) && mount("-o", "remount,bind,ro", path);
  if (!bound) throw new Error(`Cannot mount "${path}" over itself`);
  return mounted(path);
}

/** Whether tests may mount: for root, with the capability. */
export const canMount: boolean = (() => {
  const path = mkdtempSync(join(tmpdir(), "mig-runner-mount-"));
  try {
    mountMemory(path, { size: "16k" }).unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(path);
  }
})();

/** Fills a file system with one file until nothing more goes in. Resolves with how to remove it. */
export async function fill(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, ".filler");
  for (let size = 65_536; size >= 1; size /= 4) {
    try {
      for (;;) await appendFile(path, "x".repeat(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
  return () => rm(path);
}
