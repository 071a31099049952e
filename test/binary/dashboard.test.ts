// Dashboard: the page as a process of its own, beside a daemon that works.
import { describe, expect, test } from "bun:test";
import { chmod, copyFile, rename, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { request as requestTls } from "node:https";
import { resolve } from "node:path";
import type { TLSSocket } from "node:tls";
import { ended, Site } from "../support/site.ts";
import { NAMED } from "../support/tls-names.ts";

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

const TOKEN = "correct horse battery staple";

/** Asks by TLS: the names in the certificate, and the status of the answer. */
function askTls(port: string, token: string): Promise<{ names?: string; status?: number }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: "localhost", Authorization: `Bearer ${token}` };
    const where = { host: "127.0.0.1", port, path: "/jobs.json" };
    const asked = requestTls(
      { ...where, headers, rejectUnauthorized: false, agent: false },
      (answer) => {
        const { subjectaltname } = (answer.socket as TLSSocket).getPeerCertificate();
        const { statusCode: status } = answer;
        answer.resume();
        answer.on("end", () => resolve({ names: subjectaltname, status } as never));
      },
    );
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

  test("shows itself to other hosts by TLS, to who knows the token", async () => {
    await using site = await Site.create();
    const { scenario } = site;
    const [cert, key, token] = [
      scenario.path("cert"),
      scenario.path("key"),
      scenario.path("token"),
    ];
    const tls = resolve(import.meta.dirname, "../fixtures/tls");
    await copyFile(`${tls}/server.pem`, cert);
    await copyFile(`${tls}/server.key`, key);
    await writeFile(token, TOKEN);
    for (const file of [cert, key, token]) await chmod(file, 0o600);
    const files = ["--tls-cert", cert, "--tls-key", key, "--token-file", token];
    const page = site.start("dashboard", "--listen", "0.0.0.0:0", ...files);
    const line = await page.prints(/the page is at https:\/\/0\.0\.0\.0:\d+/);
    const port = /:(\d+)\/?$/.exec(line.trim())?.[1] ?? "";
    const names = "DNS:localhost, DNS:mig.test, IP Address:127.0.0.1";
    expect(await askTls(port, TOKEN)).toEqual({ names, status: 200 });
    expect(await askTls(port, "another")).toEqual({ names, status: 401 });
    // One whose key does not fit is not shown; when both are there, they are.
    await writeFile(`${cert}.new`, NAMED.certificates.name ?? "", { mode: 0o600 });
    await rename(`${cert}.new`, cert);
    page.signal("SIGHUP");
    await page.prints(/the certificate stays as it was/);
    expect(await askTls(port, TOKEN)).toEqual({ names, status: 200 });
    await writeFile(`${key}.new`, NAMED.key, { mode: 0o600 });
    await rename(`${key}.new`, key);
    page.signal("SIGHUP");
    await page.prints(/the certificate was read again: valid until 2120/);
    expect(await askTls(port, TOKEN)).toEqual({ names: "DNS:localhost", status: 200 });
    page.signal("SIGTERM");
    const { stderr } = ended(await page.ended());
    expect(stderr).toContain(`every host that reaches https://0.0.0.0:${port}/ can ask`);
  });
});
