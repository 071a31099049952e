// Screenshots: the pictures of docs/dashboard.md, of a week that never was.
//
//   bun scripts/screenshots.ts            writes docs/images/*.png; needs a Chromium
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseFlags } from "../src/cli/flags.ts";
import { openSpoolView } from "../src/cli/open.ts";
import { openSite } from "../src/cli/site.ts";
import { lockDirectory } from "../src/edge/lock.ts";
import { findHostZone } from "../src/edge/timezone.ts";
import { listen } from "../src/edge/web.ts";
import { createApp } from "../src/web/app.ts";
import { findChromium, startChromium } from "./browser.ts";
import { inventHistory } from "./history.ts";

const ROOT = join(import.meta.dirname, "..");

/** What is shown, by the name of its picture. */
const PICTURES: readonly (readonly [name: string, path: string, height: number])[] = [
  ["overview", "/", 1_150],
  ["run", "/runs/4712000", 1_100],
];

async function main(): Promise<void> {
  const browserPath = findChromium();
  if (browserPath === null)
    throw new Error("There is no Chromium here: install one, or set CHROMIUM");
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-pictures-"));
  try {
    await inventHistory(directory, Date.now());
    // As if a runner were at work.
    const lock = await lockDirectory(directory);
    await draw(await openPage(directory), browserPath);
    lock.release();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function openPage(directory: string): Promise<ReturnType<typeof listen>> {
  const configPath = join(directory, "runner.cfg");
  writeFileSync(configPath, `[runner]\ndirectory = "${directory}"\n`);
  const terminal = { out() {}, error() {}, json() {}, file() {}, progress() {}, lines: () => [] };
  const { flags, positionals } = parseFlags([], []);
  const call = { flags, positionals, terminal, configPath, environment: {} };
  const view = await openSpoolView({ ...call, hostZone: findHostZone("UTC") });
  const app = createApp(openSite(view, console.error), { hosts: [] });
  return await listen({ kind: "port", host: "127.0.0.1", port: 0 }, app.answer);
}

async function draw(page: Awaited<ReturnType<typeof openPage>>, browserPath: string) {
  const browser = await startChromium(browserPath);
  try {
    const folder = join(ROOT, "docs", "images");
    mkdirSync(folder, { recursive: true });
    const sheet = await browser.newPage({ colorScheme: "light" });
    for (const [name, path, height] of PICTURES) {
      await sheet.setViewportSize({ width: 1_100, height });
      await sheet.goto(new URL(path, page.url).href);
      await sheet.screenshot({ path: join(folder, `${name}.png`) });
      console.log(`docs/images/${name}.png`);
    }
  } finally {
    await browser.close();
    await page.close();
  }
}

await main();
