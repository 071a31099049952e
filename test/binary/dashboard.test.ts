// Dashboard: the page as a process of its own, beside a daemon that works.
import { describe, expect, test } from "bun:test";
import { request } from "node:http";
import { ended, Site } from "../support/site.ts";

/** Asks by the socket for a path. */
function ask(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { Host: "localhost" } }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on("error", reject);
    });
    asked.on("error", reject).end();
  });
}

describe("mig-runner dashboard", () => {
  test("shows what a daemon beside it does, and goes on when that is stopped", async () => {
    await using site = await Site.create();
    await site.job("drift");
    const socket = site.scenario.path("page.sock");
    const page = site.start("dashboard", "--listen", `unix:${socket}`);
    await page.prints(/the page is at unix:/);
    expect((await ask(socket, "/healthz")).status).toBe(503);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift", "--wait"));
    const run = JSON.parse((await ask(socket, "/runs/1.json")).text);
    expect(run).toMatchObject({ version: 1, job: "drift", state: "done" });
    const result = await ask(socket, `/results/${run.actions[0].actionId}`);
    expect(result.text).toContain("<h1>Result of action");
    expect((await ask(socket, "/")).text).toContain('href="/runs/1"');
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect((await ask(socket, "/jobs/drift")).status).toBe(200);
    page.signal("SIGTERM");
    ended(await page.ended());
  });
});
