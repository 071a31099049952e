// Browser: a Chromium of this machine, as tests of the page and its pictures in the docs use it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where distributions have it. `CHROMIUM` names another. */
const PLACES: readonly string[] = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/lib/chromium/chromium",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/google-chrome",
];

/** A start is slow where the disk is cold and the machine is loaded. */
const START_MS = 5 * 60_000;

/** The path of a Chromium; null: there is none, or only a part of one that cannot be started. */
export function findChromium(): string | null {
  const { CHROMIUM = "" } = process.env;
  const isWhole = (path: string): boolean =>
    spawnSync(path, ["--version"], { timeout: START_MS }).status === 0;
  const found = [CHROMIUM, ...PLACES].find((path) => path !== "" && existsSync(path));
  return found !== undefined && isWhole(found) ? found : null;
}

/** Starts it without a window. It sees pages of this machine only, so it needs no sandbox. */
export async function startChromium(executablePath: string): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  return await chromium.launch({ executablePath, args, timeout: START_MS });
}
