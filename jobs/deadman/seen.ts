// Seen: which hosts answered when, in a file beside the job. For functions of steps only.
import { readFile, rename, writeFile } from "node:fs/promises";

/** When each host answered last, by its name: ids change when an agent is restarted. */
export type Seen = Readonly<Record<string, number>>;

const FILE = new URL("seen.json", import.meta.url);
const WEEK_MS = 7 * 86_400_000;

/** The hosts that answered before and are not among these, sorted. */
export function silentOf(seen: Seen, here: readonly string[]): readonly string[] {
  const answered = new Set(here);
  const silent = Object.keys(seen).filter((name) => !answered.has(name));
  return silent.sort();
}

/** What is known after these hosts answered. After a week without an answer a host is forgotten. */
export function seenAfter(seen: Seen, here: readonly string[], now: number): Seen {
  const lately = Object.entries(seen).filter(([, at]) => now - at < WEEK_MS);
  const today = here.map((name) => [name, now] as const);
  return Object.fromEntries([...lately, ...today]);
}

/** What was saved last; nothing before the first time. */
export async function loadSeen(): Promise<Seen> {
  try {
    return JSON.parse(await readFile(FILE, "utf8")) as Seen;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return {};
    throw error;
  }
}

/** Saves it whole or not at all. Doing it twice does no harm. */
export async function saveSeen(seen: Seen): Promise<void> {
  const fresh = new URL(`${FILE.href}.new`);
  await writeFile(fresh, JSON.stringify(seen), { mode: 0o600 });
  await rename(fresh, FILE);
}
