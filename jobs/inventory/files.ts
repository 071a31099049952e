// Files: the inventory of the last run, and the one that is about to take its place.
import { readFile, rename, writeFile } from "node:fs/promises";
import type { Inventory } from "./packages.ts";

const LAST = new URL("last.json", import.meta.url);

/** The inventory of the last run that came to its end; empty before the first one. */
export async function readLast(): Promise<Inventory> {
  try {
    return JSON.parse(await readFile(LAST, "utf8")) as Inventory;
  } catch (error) {
    if (isMissing(error)) return {};
    throw error;
  }
}

/** Lays a run's inventory ready. Doing it twice does no harm. */
export async function writeNext(run: number, inventory: Inventory): Promise<void> {
  await writeFile(nextOf(run), JSON.stringify(inventory), { mode: 0o600 });
}

/** Puts it in place of the last one. If it is there already, that was done before. */
export async function switchTo(run: number): Promise<void> {
  try {
    await rename(nextOf(run), LAST);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function nextOf(run: number): URL {
  return new URL(`next-${run}.json`, import.meta.url);
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ENOENT";
}
