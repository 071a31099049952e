// The page in a browser: each page, narrow and wide, light and dark, with hostile texts in it.
//
// One browser and one page for all. Pictures are left in .cache/pages/. Where there is no Chromium
// nothing of it is run, which is said loudly.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, CDPSession, Page } from "playwright-core";
import { findChromium, startChromium } from "../../scripts/browser.ts";
import { type Listener, listen } from "../../src/edge/web.ts";
import { appendAudit } from "../../src/journal/audit.ts";
import { askingRun, eventful, PAGES } from "../support/eventful.ts";
import { appOf } from "../support/page.ts";
import { answer, command } from "../support/results.ts";
import { type Directory, THEN } from "../support/verb.ts";

const PICTURES = join(import.meta.dirname, "../../.cache/pages");

const IMAGE = "<img src=x onerror=alert(1)><script>alert(2)</script>";
const EVIL = `${IMAGE}"'&\n\u202egpj.exe\u2066\u0000\x1b[2J</td>${"x".repeat(10_000)}`;

/** Colours are the same at each size, so that two looks show both of each. */
const LOOKS = [
  {
    ...({ colorScheme: "light" } as const),
    size: { width: 400, height: 800 },
    rules: ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"],
  },
  { colorScheme: "dark", size: { width: 1_400, height: 900 }, rules: null },
] as const;

const chromium = findChromium();
if (chromium === null) {
  console.error(
    "LEFT OUT: no Chromium is installed, so the page is seen by no browser (CHROMIUM=)",
  );
}

/** A page in the browser, and all that it complained of. */
class Viewer {
  readonly complaints: string[] = [];
  readonly page: Page;
  readonly #session: CDPSession;

  private constructor(page: Page, session: CDPSession) {
    this.page = page;
    this.#session = session;
    page.on("console", (line) => this.complaints.push(line.text()));
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("dialog", (dialog) => {
      this.complaints.push(`it asks ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async open(browser: Browser): Promise<Viewer> {
    const page = await browser.newPage();
    page.setDefaultTimeout(5 * 60_000);
    return new Viewer(page, await page.context().newCDPSession(page));
  }

  /** The value of an expression, past the policy of the page. */
  async ask<Value>(expression: string): Promise<Value> {
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#session.send("Runtime.evaluate", how);
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return result.value as Value;
  }

  /** What axe finds that keeps people from using it. */
  async faults(rules: readonly string[] | null): Promise<readonly string[]> {
    await this.ask(axe.source);
    const only = rules === null ? {} : { runOnly: rules };
    const how = JSON.stringify({ resultTypes: ["violations"], ...only });
    return await this.ask(`axe.run(document, ${how}).then(
      ({ violations }) => violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html).join(" ")))`);
  }
}

describe.skipIf(chromium === null)("the page in a browser", () => {
  let directory: Directory;
  let listener: Listener;
  let browser: Browser;
  let viewer: Viewer;
  const notes: string[] = [];

  beforeAll(async () => {
    rmSync(PICTURES, { recursive: true, force: true });
    mkdirSync(PICTURES, { recursive: true });
    directory = await eventful(EVIL);
    const commands = [
      command({ id: 1, host: "web1.example.net", results: [answer({ file: EVIL })] }),
      command({ id: 2, host: EVIL, status: EVIL.slice(0, 200), results: [] }),
    ];
    const result = { action: { id: 8 }, commands, name: "nightly", plugin: "" };
    await directory.write("runners/nightly/results/20260102/8.json", JSON.stringify(result));
    await directory.collected("nightly", 7, []);
    const app = await appOf(directory, { hosts: [], note: (line) => notes.push(line) });
    listener = await listen({ kind: "port", host: "127.0.0.1", port: 0 }, app.answer);
    browser = await startChromium(chromium ?? "");
    viewer = await Viewer.open(browser);
  });

  afterAll(async () => {
    await browser?.close();
    await listener?.close();
    await directory?.[Symbol.asyncDispose]();
  });

  async function go(path: string): Promise<void> {
    await viewer.page.goto(new URL(path, listener.url).href);
  }

  test("fits every size and scheme, keeps to its policy, and has no serious fault", async () => {
    const pages = [...PAGES, "/runs/4", "/results/8", "/results/8/changes?with=7"];
    const found: string[] = [];
    for (const [at, path] of pages.entries()) {
      const name = `${at}-${path.replaceAll(/\W+/g, "-").slice(0, 30)}`;
      await go(path);
      for (const { colorScheme, size, rules } of LOOKS) {
        await viewer.page.setViewportSize(size);
        await viewer.page.emulateMedia({ colorScheme });
        const [wide, seen] = await viewer.ask<[number, number]>(
          "[document.documentElement.scrollWidth, innerWidth]",
        );
        if (wide > seen) found.push(`${name} is ${wide} wide in ${seen}`);
        const picture = join(PICTURES, `${name}-${size.width}-${colorScheme}.png`);
        await viewer.page.screenshot({ path: picture, fullPage: true });
        for (const fault of await viewer.faults(rules))
          found.push(`${name} ${colorScheme}: ${fault}`);
      }
    }
    expect(found).toEqual([]);
    expect(viewer.complaints).toEqual([]);
    expect(notes).toEqual([]);
  });

  test("shows a text of an attacker as text", async () => {
    await go("/results/8");
    expect(
      await viewer.ask<number>("document.querySelectorAll('img, script:not([src])').length"),
    ).toBe(0);
    expect(await viewer.page.textContent("tbody")).toContain("<img src=x onerror=alert(1)>");
  });

  test("is used from the keyboard alone", async () => {
    await go("/results/8");
    const names: string[] = [];
    for (let count = 0; count < 15; count++) {
      await viewer.page.keyboard.press("Tab");
      names.push(
        await viewer.ask("document.activeElement.name || document.activeElement.innerText"),
      );
    }
    expect(names).toEqual([
      "To the content",
      "mig-runner",
      "Overview",
      "Jobs",
      "Runs",
      "Alarms",
      "Missed",
      "Audit",
      "nightly",
      "run 1",
      "What differs from the run before",
      "host",
      "status",
      "found",
      "text",
    ]);
    await viewer.page.keyboard.type("etc");
    await viewer.page.keyboard.press("Enter");
    await viewer.page.waitForURL(/text=etc/);
    expect(await viewer.page.textContent("main")).toContain("No host is as asked for.");
  });

  test("keeps itself up to date while its window is seen, and asks for nothing while it is not", async () => {
    await go("/audit");
    const entry = { actor: "ann", deed: "run", subject: "nightly", detail: "seen at once" };
    await directory.remember((transaction) => appendAudit(transaction, entry, THEN));
    await viewer.page.locator("td", { hasText: "seen at once" }).waitFor();
    const left = viewer.page.waitForEvent("requestfailed", (asked) => /events$/.test(asked.url()));
    await viewer.ask(`Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"))`);
    await left;
    expect(viewer.complaints).toEqual([]);
  });

  test("presses every button, with and without a script, and keeps to its policy", async () => {
    const flow = await askingRun(directory);
    const token = "0123456789abcdef";
    let secrets = 0;
    const app = await appOf(directory, {
      hosts: [],
      note: (line) => notes.push(line),
      desk: {
        proof: { kind: "token", token },
        now: Date.now,
        secret: () => `secret${++secrets}`,
      },
    });
    const acting = await listen({ kind: "port", host: "127.0.0.1", port: 0 }, app.answer, {
      takesForms: true,
    });
    const context = await browser.newContext({ javaScriptEnabled: false });
    try {
      const still = await context.newPage();
      still.setDefaultTimeout(5 * 60_000);
      const press = async (page: Page, button: string, typed: Record<string, string> = {}) => {
        const box = page.locator("details", { has: page.locator("summary", { hasText: button }) });
        const form = box.first();
        await form.locator("summary").click();
        for (const [name, text] of Object.entries(typed)) {
          await form.locator(`[name="${name}"]`).fill(text);
        }
        await form.locator("button").click();
        return await page.locator(".told").textContent();
      };
      const signIn = async (page: Page) => {
        await page.goto(new URL("/jobs/nightly", acting.url).href);
        await page.click("text=Sign in to act");
        await page.fill('[name="name"]', "ann");
        await page.fill('[name="token"]', token);
        await page.click("main button");
        await page.waitForURL(/jobs\/nightly$/);
      };
      const { page } = viewer;
      await signIn(page);
      await signIn(still);
      expect(await press(page, "Run now")).toContain("begins run");
      expect(await press(page, "Pause", { until: "8h", why: EVIL.slice(0, 80) })).toContain(
        "paused",
      );
      const faults = await viewer.faults(null);
      await page.screenshot({ path: join(PICTURES, "acting.png"), fullPage: true });
      await still.reload();
      expect(await press(still, "Unpause")).toContain("no longer paused");
      await page.goto(new URL("/runs/1", acting.url).href);
      expect(await press(page, "Redeliver")).toContain("delivers it to slack");
      expect(await press(page, "Drop action 8")).toContain("will not be delivered");
      await still.goto(new URL(`/runs/${flow}`, acting.url).href);
      expect(await press(still, "Approve dig")).toContain("approved");
      expect(await press(still, "Deny bury")).toContain("denied");
      expect(await press(still, "Answer ticket", { json: "4711" })).toContain("has its answer");
      directory.meddle(`UPDATE run SET state = 'paused' WHERE id = ${flow}`);
      await still.reload();
      expect(await press(still, "Resume")).toContain("goes on with run");
      expect(await press(still, "Drop the run")).toContain("is given up");
      await still.click("text=Sign out");
      expect(await still.locator(".person").textContent()).toBe("Sign in to act");
      expect([faults, viewer.complaints, notes]).toEqual([[], [], []]);
    } finally {
      await context.close();
      await acting.close();
    }
  });

  test("does all of it without a script", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(listener.url);
    await page.click("text=All runs");
    await page.click("text=failed, paused or undelivered");
    await page.click("text=Show");
    expect(page.url()).toContain("failed=1");
    expect(await page.locator("tbody tr").count()).toBeGreaterThan(0);
    await context.close();
  });
});
