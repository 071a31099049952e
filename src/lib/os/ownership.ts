// Ownership: whether somebody else can have written what the runner executes, signs or believes.
//
// Whoever writes a job, a plugin or the configuration acts as the runner; so does whoever may write
// to a folder on the way to it, because names in it can be exchanged. The rule, for the file and
// for each folder and link down to it: it belongs to root or to the user who runs mig-runner, and
// only they, or the group of that user, can write to it. In a folder with the sticky bit (/tmp)
// nobody can touch the files of others, so there the owners of the files decide.
//
// It does not matter whether this is checked before or after a file is used: nobody who could
// change the file in between can make a wrong path look right.
//
// Owns:     the rule, and the walk over folders and links.
// Not here: what is refused for it (the callers).
import { lstatSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { type ErrorCode, RunnerError } from "../../errors.ts";

/** A user and that user's own group. */
export interface User {
  readonly user: number;
  readonly group: number;
}

/** What is wrong with a file, or with a folder or link on the way to it. */
export interface Flaw {
  /** Where it is to be mended. */
  readonly path: string;
  /** Such as `every user can write to the folder "/srv/mig" (mode 0777)`. */
  readonly state: string;
  /** The command that mends it, and what else does. */
  readonly mend: string;
}

/** How a path is looked at. */
export interface Look {
  /**
   * A folder that the path is in, and everything that a link leads to may be. Of paths in it, what
   * stands above it is not looked at. @default none: every folder from the root on
   */
  readonly below?: string | null;
  /** The user who runs mig-runner. @default the user of this process */
  readonly user?: User | null;
  /**
   * Real folders that were found right a moment ago, and are not looked at again; more are added.
   * The caller empties it after a moment. @default none: each is looked at
   */
  readonly right?: Set<string>;
}

/** What the file system says of a file, folder or link. */
export type Standing = Pick<
  Stats,
  "mode" | "uid" | "gid" | "isFile" | "isDirectory" | "isSymbolicLink"
>;

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** As many links as Linux follows. */
const LINKS_MAX = 40;

/** The user of this process; null on systems without users. */
export function thisUser(): User | null {
  const [user, group] = [process.geteuid?.(), process.getegid?.()];
  return user === undefined || group === undefined ? null : { user, group };
}

/** The user and the group that a folder belongs to; null when there is none, or no users. */
export function ownerOf(folder: string): User | null {
  const found = thisUser() === null ? undefined : statSync(folder, { throwIfNoEntry: false });
  return found === undefined ? null : { user: found.uid, group: found.gid };
}

/** Whether a file of this owner can be one of root or of the user who runs mig-runner. */
export function isOwn(uid: number, user: User | null = thisUser()): boolean {
  return uid === 0 || user === null || uid === user.user;
}

/**
 * The rule: what is wrong with one file, folder or link by itself, or null. Pure.
 *
 * @param subject How a message calls it.
 */
export function flawOf(
  path: string,
  found: Standing,
  { user, subject }: { readonly user: User | null; readonly subject: string },
): Flaw | null {
  if (user === null) return null;
  const { mode, uid, gid } = found;
  const isLink = found.isSymbolicLink();
  // The mode of a link says nothing, and that of a device (/dev/null) nothing of what is read.
  const isJudged = found.isFile() || (found.isDirectory() && (mode & STICKY) === 0);
  const isOthers = isJudged && (mode & OTHERS_WRITE) !== 0;
  const isGroups = isJudged && (mode & GROUP_WRITES) !== 0 && gid !== user.group;
  if (!isOthers && !isGroups && isOwn(uid, user)) return null;
  const shown = `(mode ${(mode & 0o7777).toString(8).padStart(4, "0")})`;
  const states: string[] = [];
  const mends: string[] = [];
  if (isOthers) states.push(`every user can write to ${subject} ${shown}`);
  else if (isGroups) states.push(`group ${gid} can write to ${subject} ${shown}`);
  if (isOthers || isGroups) {
    const classes = `${isGroups ? "g" : ""}${isOthers ? "o" : ""}`;
    mends.push(`chmod ${classes}-w ${shellWord(path)}`);
  }
  if (!isOwn(uid, user)) {
    const [runner, owner] = user.user === 0 ? ["root", "root"] : [`user ${user.user}`, user.user];
    states.push(`${subject} belongs to user ${uid}, mig-runner runs as ${runner}`);
    const chown = `chown ${isLink ? "-h " : ""}${owner} ${shellWord(path)}`;
    mends.push(user.user === 0 ? `${chown}, or run mig-runner as user ${uid}` : chown);
  }
  return { path, state: states.join(", and "), mend: mends.join(" && ") };
}

/**
 * The first thing that is wrong with a file or folder, and with each folder and link down to it.
 *
 * @throws The system's error, such as ENOENT.
 */
export function findFlaw(path: string, look: Look = {}): Flaw | null {
  const { user = thisUser(), below = null, right = new Set() } = look;
  if (user === null) return null;
  const walk = { user, below: below === null ? null : resolve(below), asked: resolve(path), right };
  return flawFrom(walk, walk.asked, LINKS_MAX);
}

/** The same; null also for what is not there or cannot be looked at: whoever opens it says so. */
export function findFlawIfThere(path: string, look: Look = {}): Flaw | null {
  try {
    return findFlaw(path, look);
  } catch {
    return null;
  }
}

/** Files and folders that are looked at below one folder. */
const BELOW_MAX = 50_000;

/**
 * What is wrong with anything in a folder, itself left out, and in the folders in it. Links are
 * looked at, not followed.
 */
export function* flawsIn(folder: string, user: User | null = thisUser()): Generator<Flaw> {
  const waiting = [folder];
  let seen = 0;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const name of namesIn(at)) {
      if (++seen > BELOW_MAX) return;
      const path = join(at, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) continue;
      const flaw = flawOf(path, found, { user, subject: `"${path}"` });
      if (flaw !== null) yield flaw;
      if (found.isDirectory()) waiting.push(path);
    }
  }
}

/** The first of `flawsIn`, or null. */
export function firstFlawIn(folder: string, user: User | null = thisUser()): Flaw | null {
  return flawsIn(folder, user).next().value ?? null;
}

/** Sorted; none of a folder that cannot be listed. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** The mistake of a file that is refused: `Cannot trust <thing> "<path>": <state>`. */
export function distrust(
  {
    code,
    thing,
    path,
  }: { readonly code: ErrorCode; readonly thing: string; readonly path: string },
  flaw: Flaw,
): RunnerError {
  const message = `Cannot trust ${thing} "${path}": ${flaw.state}`;
  return new RunnerError(code, message, { path, hint: flaw.mend });
}

interface Walk {
  readonly user: User;
  readonly below: string | null;
  /** What was asked for, which messages need not name again. */
  readonly asked: string;
  readonly right: Set<string>;
}

function flawFrom(walk: Walk, path: string, links: number): Flaw | null {
  const start = startOf(walk, path);
  const names = path
    .slice(start.length)
    .split("/")
    .filter((name) => name !== "");
  const first = walk.right.has(start) ? null : flawAt(walk, start, statSync(start));
  if (first !== null) return first;
  walk.right.add(start);
  let at = start === "/" ? "" : start;
  for (const [index, name] of names.entries()) {
    const next = `${at}/${name}`;
    if (walk.right.has(next)) {
      at = next;
      continue;
    }
    const found = lstatSync(next);
    const flaw = flawAt(walk, next, found);
    if (flaw !== null) return flaw;
    if (found.isSymbolicLink()) {
      if (links === 0) throw Object.assign(new Error(`ELOOP: ${path}`), { code: "ELOOP" });
      return flawBehind(walk, { link: next, rest: names.slice(index + 1), links: links - 1 });
    }
    if (found.isDirectory()) walk.right.add(next);
    at = next;
  }
  return null;
}

function flawBehind(
  walk: Walk,
  { link, rest, links }: { link: string; rest: readonly string[]; links: number },
): Flaw | null {
  const written = readlinkSync(link);
  const from = isAbsolute(written) ? "/" : realpathSync(dirname(link));
  const target = resolve(from, written, ...rest);
  const flaw = flawFrom(walk, target, links);
  if (flaw !== null) return flaw;
  // A target with ".." behind a link of its own is another file than its text says.
  const real = realpathSync(join(link, ...rest));
  return realpathSync(target) === real ? null : flawFrom(walk, real, links);
}

/** Where the look begins: above the folder that the caller vouches for nothing is looked at. */
function startOf({ below }: Walk, path: string): string {
  if (below === null) return "/";
  if (path === below || path.startsWith(`${below}/`)) return below;
  const real = realpathSync(below);
  return path === real || path.startsWith(`${real}/`) ? real : "/";
}

function flawAt({ user, asked }: Walk, path: string, found: Standing): Flaw | null {
  const kind = found.isDirectory() ? "folder" : found.isSymbolicLink() ? "link" : "file";
  return flawOf(path, found, { user, subject: path === asked ? "it" : `the ${kind} "${path}"` });
}

/** A path quoted for a shell's command line. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
