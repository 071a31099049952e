import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startSandbox } from "../../src/sandbox/server.ts";
import { type Answer, exchange, publicKeys } from "../support/investigator.ts";

interface Probe {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  status: number;
  answerHeaders: Record<string, string>;
  message: string | null;
  items: number | null;
  answer: string | null;
  window: string | null;
}

interface Recording {
  posted: { at: string; body: string; headers: Record<string, string>; answer: string };
  agent: {
    id: number;
    name: string;
    tags: Record<string, string>;
    version: string;
    environment: Record<string, unknown>;
  };
  probes: Probe[];
}

const FOLDER = new URL("../golden/api/", import.meta.url);
const recording = JSON.parse(readFileSync(new URL("probes.json", FOLDER), "utf8")) as Recording;
const WINDOW_MS = 39_600 * 3_600_000;

/** The clock of the API when it answered the probe, to the millisecond or else to the second. */
function timeOf(probe: Probe): number {
  if (probe.window !== null) return Date.parse(probe.window) + WINDOW_MS;
  return Date.parse(probe.answerHeaders.Date ?? "") + 500;
}

/** Replaces what cannot be equal: the host, ids, times, and the order of an agent's modules. */
function comparable(body: string): string {
  return body
    .replaceAll(/http:\/\/(?:localhost|127\.0\.0\.1):\d+/g, "HOST")
    .replaceAll(
      /"(after|before|starttime|finishtime|createdat|lastmodified)":"2[^"]*"/g,
      '"$1":"TIME"',
    )
    .replaceAll(/"(localtime|exectime)":"[^"]*"/g, '"$1":"TIME"')
    .replaceAll(/"code":"\d+"/g, '"code":"ID"')
    .replaceAll(/((?:action|command)\?\w+=|"action ID |"id":)\d{14}/g, "$1ID")
    .replaceAll(/agent\d\d\.golden/g, "agentNN.golden")
    .replaceAll(/"modules":\[([^\]]*)\]/g, (_, list) => `"modules":[${list.split(",").sort()}]`);
}

const SHAPED_OTHERWISE = new Set(["search-limit-text", "search-agent-target"]);

describe("the sandbox against the recorded probes", () => {
  test("it answers each as the real API did", async () => {
    let now = Date.parse(recording.posted.at);
    const { agent, posted, probes } = recording;
    const agents = Array.from({ length: 80 }, (_, index) => ({
      id: index === 0 ? agent.id : agent.id + 1_000 + index,
      name: `agent${String(index + 1).padStart(2, "0")}.golden.test`,
      tags: agent.tags,
      version: agent.version,
      environment: { ...agent.environment, publicIp: "127.0.0.1" },
      status: "online" as const,
    }));
    const sandbox = await startSandbox({
      publicKeys,
      apiKeys: ["T3YacEd7Xbvk8Ytfaras80Kpk9OUmCq1"],
      agents,
      firstId: 28_061_838_278_986,
      behaviour: { silentRate: 0, failedRate: 0, timeoutRate: 0 },
      clock: { now: () => now, sleep: async () => {} },
    });
    const failures: string[] = [];
    let good = 0;
    try {
      const created = await exchange(sandbox.port, {
        method: "POST",
        path: "/api/v1/action/create/",
        headers: { ...posted.headers, "Content-Type": "application/x-www-form-urlencoded" },
        body: posted.body,
      });
      expect(created.status).toBe(202);
      expect(created.body.replaceAll(/http:\/\/127.0.0.1:\d+/g, "http://localhost:1664")).toBe(
        posted.answer,
      );
      for (const probe of probes) {
        now = timeOf(probe);
        const answer = await exchange(sandbox.port, probe);
        const problem = differenceOf(probe, answer);
        if (problem === null) good++;
        else failures.push(`${probe.name}: ${problem}`);
      }
    } finally {
      await sandbox.close();
    }
    console.log(`golden probes: ${good} of ${probes.length}`);
    expect(failures).toEqual([]);
    expect(good).toBe(71);
  });
});

interface Post extends Pick<Probe, "name" | "path" | "headers" | "body" | "status"> {
  at: string;
  answer: string;
}

describe("the sandbox against the recorded posts", () => {
  test("it takes and refuses actions as the real API did", async () => {
    const posts: Post[] = readFileSync(new URL("posts.jsonl", FOLDER), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    let now = Date.parse(posts[0]?.at ?? "");
    const sandbox = await startSandbox({
      publicKeys,
      apiKeys: ["T3YacEd7Xbvk8Ytfaras80Kpk9OUmCq1"],
      clock: { now: () => now, sleep: async () => {} },
    });
    const failures: string[] = [];
    for (const post of posts) {
      now = Date.parse(post.at);
      const answer = await exchange(sandbox.port, { ...post, method: "POST" });
      const isEqual =
        answer.status === post.status && comparable(answer.body) === comparable(post.answer);
      if (!isEqual) failures.push(`${post.name}: ${answer.status} ${answer.body.slice(0, 400)}`);
    }
    await sandbox.close();
    console.log(`golden posts: ${posts.length - failures.length} of ${posts.length}`);
    expect(failures).toEqual([]);
    expect(posts.length).toBe(64);
  });
});

function differenceOf(probe: Probe, answer: Answer): string | null {
  if (answer.status !== probe.status)
    return `${answer.status}, not ${probe.status}: ${answer.body.slice(0, 300)}`;
  for (const name of ["Cache-Control", "Content-Type", "X-Content-Type-Options"]) {
    const value = answer.headers[name.toLowerCase()];
    if (value !== probe.answerHeaders[name]) return `${name} is ${value}`;
  }
  if (probe.answer !== null && !SHAPED_OTHERWISE.has(probe.name)) {
    const [have, want] = [comparable(answer.body), comparable(probe.answer)];
    if (have === want) return null;
    const at = [...have].findIndex((character, index) => character !== want[index]);
    return `differs from "${have.slice(at - 40, at + 80)}", not "${want.slice(at - 40, at + 80)}"`;
  }
  const { error, items } = JSON.parse(answer.body).collection;
  const message = error.message ?? null;
  if ((items ?? []).length !== probe.items)
    return `${(items ?? []).length} items, not ${probe.items}`;
  if (probe.name === "search-noparams") {
    return probe.message?.startsWith(message) ? null : message;
  }
  return message === probe.message ? null : `${message}, not ${probe.message}`;
}
