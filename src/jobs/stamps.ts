// Stamps: whether the files of a job are as they were.
import type { FileStamp } from "../ports.ts";

/** Whether two scans saw the same files, none of them changed. */
export function isSameFiles(left: readonly FileStamp[], right: readonly FileStamp[]): boolean {
  // A scan hands out what it saw before when nothing changed.
  if (left === right) return true;
  return (
    left.length === right.length &&
    left.every((file, index) => {
      const other = right[index];
      return (
        file.name === other?.name &&
        file.mtimeMs === other.mtimeMs &&
        file.size === other.size &&
        file.inode === other.inode
      );
    })
  );
}
