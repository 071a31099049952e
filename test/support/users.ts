// Users: another user of this machine, for tests of what belongs to whom.
import { lchownSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Whether the tests run as root: only root can give files away and start programs of others. */
export const isRoot = process.geteuid?.() === 0;

/** Gives a folder and all that is in it to a user. Links are given themselves. */
export function give(folder: string, { uid, gid }: { uid: number; gid: number }): void {
  lchownSync(folder, uid, gid);
  for (const name of readdirSync(folder, { recursive: true })) {
    lchownSync(join(folder, String(name)), uid, gid);
  }
}

/** A user and a group that own nothing here. */
export const STRANGER = { uid: 12_345, gid: 12_346 } as const;
