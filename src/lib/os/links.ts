// Links: which symbolic links in a job's directory are followed.
//
// Operators link a job's files to where their configuration is kept, and results/ to a larger disk,
// as the original allows. A link of another user would let that user choose what is read and
// where results go, so it stays a link: nothing is read or written through it.
import { lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isOwn, thisUser, type User } from "./ownership.ts";

/** Whether the link was made by this process's user or by root. */
export function isTrustedLink(
  link: Pick<Stats, "uid" | "isSymbolicLink">,
  user?: User | null,
): boolean {
  // Who this process is, is asked of the system: only for a link.
  return link.isSymbolicLink() && isOwn(link.uid, user === undefined ? thisUser() : user);
}

/**
 * The state of a path: of its target for a trusted link that leads somewhere, else of what is
 * there, which may be a link. Null when there is nothing.
 *
 * @throws The system's error.
 */
export function statMeant(path: string): Stats | null {
  const found = lstatSync(path, { throwIfNoEntry: false }) ?? null;
  if (found === null || !isTrustedLink(found)) return found;
  return statSync(path, { throwIfNoEntry: false }) ?? found;
}

/** The names in a directory that are links to directories, sorted. @throws The system's error. */
export function linkedDirectories(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .filter(({ name }) => statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory())
    .map(({ name }) => name)
    .sort();
}
