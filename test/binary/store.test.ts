// Store: results in a bucket of S3, as a person sees them from a run to the page.
import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { request } from "node:http";
import { lifeSeconds } from "../support/patience.ts";
import { ended, type ResultDocument, Site } from "../support/site.ts";
import { STORE_KEYS, startStore } from "../support/store.ts";

/** Asks the page by its socket. */
function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { Host: "localhost" } }, (answer) => {
      let text = "";
      answer.on("data", (data) => {
        text += data;
      });
      answer.on("end", () => resolve(text));
      answer.on("error", reject);
    });
    asked.on("error", reject).end();
  });
}

/** A module that counts the commands of its result. */
const COUNT = `import { plugin } from "mig-runner";
export default plugin({
  async deliver(result, { log }) {
    let commands = 0;
    for await (const _ of result.commands) commands++;
    log("info", \`counted \${commands} in \${result.path.startsWith("/")}\`);
  },
});
`;

/** A workflow that reads its result and has it delivered. */
const HUNT = `import { job, modules } from "mig-runner";
export default job({
  schedule: "0 0 1 1 *",
  expiry: "${lifeSeconds(2)}s",
  action: {
    target: "status='online' OR status='idle'",
    operations: [modules.timedrift({ drift: "" })],
  },
  plugin: "count",
}, async (run) => {
  const first = await run.collect("first");
  let commands = 0;
  for await (const _ of first.commands) commands++;
  run.log("info", "read " + commands + " of " + first.agents.length);
  await run.deliver(first);
});
`;

test("a result goes to the bucket, and from there to plugins, bodies and the page", async () => {
  await using store = await startStore();
  await using site = await Site.create({ runner: store.lines });
  const { scenario } = site;
  const env = STORE_KEYS;
  await scenario.plugin("keep", `cat > "${scenario.path("kept")}"`);
  await scenario.write("plugins/count.ts", COUNT);
  await site.job("drift", ['plugin = "keep"']);
  await scenario.job("hunt", { "job.ts": HUNT });
  const { stdout } = ended(await site.runIn({ env }, "run", "drift", "--wait"));
  const [[key, text] = ["", ""], ...others] = await store.objects();
  expect(others).toEqual([]);
  expect(key).toMatch(/^site\/\d{8}\/drift\/\d+\.[0-9a-f]{16}\.json$/);
  expect(stdout).toContain(`s3://${store.bucket}/${key}`);
  expect(JSON.parse(text)).toMatchObject({ name: "drift", plugin: "keep" });
  expect(await scenario.read("kept")).toBe(text);
  expect(await site.results("drift")).toEqual([]);
  expect(await readdir(scenario.path("copies"))).toEqual([]);

  const hunt = ended(await site.runIn({ env }, "run", "hunt", "--wait"));
  expect(hunt.stderr).toContain("read 5 of 5");
  expect(hunt.stderr).toContain("count: counted 5 in true");

  await scenario.write("kept", "");
  const again = ended(await site.runIn({ env }, "redeliver", "drift"));
  expect(again.stdout).toContain("plugin keep: delivered");
  expect(await scenario.read("kept")).toBe(text);

  const socket = scenario.path("page.sock");
  const page = site.startIn({ env }, "dashboard", "--listen", `unix:${socket}`);
  await page.prints(/the page is at unix:/);
  // What other processes of this user may see of it.
  const environment = await readFile(`/proc/${page.pid}/environ`, "latin1").catch(() => "");
  expect(environment).not.toContain(`AWS_SECRET_ACCESS_KEY=${env.AWS_SECRET_ACCESS_KEY}`);
  const { action, commands } = JSON.parse(text) as ResultDocument;
  const shown = JSON.parse(await ask(socket, `/results/${action.id}.json`));
  expect(shown.total).toBe(commands.length);
});
