import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { type ApiCheck, apiLines, checkApi, notAsked } from "../../src/cli/api-check.ts";
import { check } from "../../src/cli/check.ts";
import type { ApiView, Gathering } from "../../src/cli/findings.ts";
import { describeError } from "../../src/errors.ts";
import type { HttpAnswer } from "../../src/lib/ports.ts";
import type { PageAnswer, RightAnswer } from "../../src/mig/api.ts";
import { type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import { publicKeys } from "../support/investigator.ts";
import { homeOf, RUNNER_KEY } from "../support/keys.ts";
import { Directory } from "../support/verb.ts";

const NOW = Date.parse("2026-11-23T12:00:00.500Z");

/** A directory whose .migrc means a running sandbox. */
async function site(options: Partial<SandboxOptions> = {}) {
  const sandbox = await startSandbox({ publicKeys, agents: 7, ...options });
  const directory = await Directory.create();
  const gpg = `[gpg]\nhome = "${directory.at("keys")}"\nkeyid = "${RUNNER_KEY}"\n`;
  await directory.write(".migrc", `[api]\nurl = "${sandbox.url}"\n${gpg}`);
  const dispose = async () => {
    await directory[Symbol.asyncDispose]();
    await sandbox.close();
  };
  return { directory, sandbox, [Symbol.asyncDispose]: dispose };
}

function actionFor(target: string): string {
  const operations = [{ module: "timedrift", parameters: { drift: "" } }];
  return JSON.stringify({ target, operations });
}

/** Asks an API that answers as told, and shows what came of it. */
async function ask(answers: {
  readonly search?: PageAnswer;
  readonly create?: RightAnswer;
  readonly http?: HttpAnswer;
}) {
  const { search = { kind: "end" }, create = { kind: "allowed" }, http } = answers;
  const found: Gathering = { mistakes: [], warnings: [], ahead: [] };
  const view = await checkApi(found, {
    config: { api: { url: "http://api.test/" }, clientPath: "/x/.migrc" },
    clock: { now: () => NOW },
    entities: [],
    open(seen: (answer: HttpAnswer) => void) {
      const api = {
        async commands() {
          if (http !== undefined) seen(http);
          return search;
        },
        mayCreate: async () => create,
      };
      return { api, close() {} };
    },
  } as unknown as ApiCheck);
  return { view, mistakes: found.mistakes.map(describeError), warnings: found.warnings };
}

function dated(date: string | null): HttpAnswer {
  const header = (name: string) => (name.toLowerCase() === "date" ? date : null);
  return { kind: "answer", status: 200, header, body: (async function* () {})() };
}

const denied = { message: "HTTP 401: no", status: 401 } as const;

describe("check --api", () => {
  test("shows what a working API says of the key, the clocks and the targets", async () => {
    await using at = await site();
    await at.directory.job("all", [], actionFor("id > 0"));
    await at.directory.job("none", [], actionFor("name = 'nobody'"));
    await at.directory.job("wide", ["maxagents = 3"], actionFor("id > 0"));
    const { exit, out } = await at.directory.call(check, ["--api"]);
    expect(exit).toBe(0);
    const runners = at.directory.at("runners");
    expect(out.split("\n")).toEqual([
      `warning: ${runners}/none/action.json: The target matches no agent that is online or ` +
        "idle now (look at the condition, and whether its agents are up)",
      `warning: ${runners}/wide/action.json: The target matches 7 agents, and the job allows 3 ` +
        "(the action would not be posted: narrow the target or raise maxagents)",
      expect.stringMatching(
        /^API http:\S+: reached, the key may search, the key may post, clocks differ by \d+ s$/,
      ),
      "  all   7 agents  id > 0",
      "  none  0 agents  name = 'nobody'",
      "  wide  7 agents  id > 0",
      "3 jobs, no mistakes, 2 warnings",
      "",
    ]);
    expect(at.sandbox.actions()).toEqual([]);
    // One target is counted once, whichever jobs have it.
    const counts = at.sandbox.requests().filter(({ url }) => url.includes("type=agent"));
    expect(counts).toHaveLength(2);
    expect(at.sandbox.requests().every(({ method }) => method === "GET")).toBe(true);
  });

  test("names the job whose target the API cannot run, and answers in JSON", async () => {
    await using at = await site();
    await at.directory.job("odd", [], actionFor("nonsense = 1"));
    const { exit, out } = await at.directory.call(check, ["--api", "--json"]);
    expect(exit).toBe(1);
    const { api, mistakes } = JSON.parse(out);
    expect(api).toMatchObject({
      url: at.sandbox.url,
      reached: true,
      known: true,
      maySearch: true,
      mayPost: true,
      targets: [{ job: "odd", target: "nonsense = 1", agents: null, isAtLeast: false }],
    });
    expect(mistakes).toMatchObject([
      { code: "API", job: "odd", path: at.directory.at("runners/odd/action.json") },
    ]);
    expect(mistakes[0].message).toStartWith("Cannot count the agents of the target: HTTP 500: ");
  });

  test("says once that the API does not know the key, and counts nothing", async () => {
    const others = await readFile(`${homeOf("rsa4096")}/secring.gpg`);
    await using at = await site({ publicKeys: others });
    await at.directory.job("all", [], actionFor("id > 0"));
    const { exit, out } = await at.directory.call(check, ["--api", "--json"]);
    expect(exit).toBe(1);
    const { api, mistakes } = JSON.parse(out);
    expect(api).toMatchObject({ reached: true, known: false, mayPost: false, targets: [] });
    expect(mistakes).toMatchObject([{ code: "API", path: at.directory.at(".migrc") }]);
    expect(mistakes[0].message).toContain(`the API does not know the key ${RUNNER_KEY}`);
  });

  test("says that nothing answers, with the file that names the API", async () => {
    await using at = await site();
    await at.sandbox.close();
    await at.directory.job("all", [], actionFor("id > 0"));
    const { exit, out } = await at.directory.call(check, ["--api"]);
    expect(exit).toBe(1);
    const [first, ...more] = out.split("\n");
    expect(first).toStartWith(
      `${at.directory.at(".migrc")}: Cannot reach the API "${at.sandbox.url}": `,
    );
    expect(first).toEndWith("(look at url in [api], at the network, and at the proxy on the way)");
    expect(more).toEqual([`API ${at.sandbox.url}: not reached`, "1 job, 1 mistake", ""]);
  });

  test("asks nothing with a configuration that is wrong", async () => {
    await using at = await site();
    await at.directory.config('passphras = "x"');
    const { exit, out } = await at.directory.call(check, ["--api"]);
    expect(exit).toBe(1);
    expect(out).toContain("the API was not asked: mend the configuration and the key first\n");
    expect(at.sandbox.requests()).toEqual([]);
  });

  test("asks nothing without --api", async () => {
    await using at = await site();
    await at.directory.job("all", [], actionFor("id > 0"));
    const { exit, out } = await at.directory.call(check, ["--json"]);
    expect([exit, JSON.parse(out).api, at.sandbox.requests()]).toEqual([0, undefined, []]);
  });
});

describe("checkApi()", () => {
  test.each<[string, { search: PageAnswer; create: RightAnswer }, Partial<ApiView>, string]>([
    [
      "the right to post",
      { search: { kind: "end" }, create: { kind: "refused", ...denied } },
      { known: true, maySearch: true, mayPost: false },
      'Cannot post actions to the API "http://api.test/": HTTP 401: no',
    ],
    [
      "the right to search",
      {
        search: { kind: "failed", ...denied, retryAfterMs: null },
        create: { kind: "allowed" },
      },
      { known: true, maySearch: false, mayPost: true },
      'Cannot search the API "http://api.test/": HTTP 401: no',
    ],
  ])("tells which right is missing: %s", async (_name, answers, wanted, message) => {
    const { view, mistakes } = await ask(answers);
    expect(view).toMatchObject(wanted);
    const hint = " (an administrator of MIG gives investigators their rights)";
    expect(mistakes).toEqual([`/x/.migrc: ${message}${hint}`]);
  });

  test("does not take a question that is not answered for a missing right", async () => {
    const create = { kind: "absent", message: "HTTP 404: gone", status: 404 } as const;
    const { view, mistakes, warnings } = await ask({ create });
    expect([view.known, view.mayPost, mistakes]).toEqual([true, null, []]);
    expect(warnings).toEqual([
      '/x/.migrc: Cannot ask the API "http://api.test/" whether this key may post: HTTP 404: gone',
    ]);
  });

  test("compares the clocks by the first answer, and warns from half a minute on", async () => {
    const cases = [
      ["Mon, 23 Nov 2026 12:00:00 GMT", 0, 0],
      ["Mon, 23 Nov 2026 11:59:31 GMT", 29, 0],
      ["Mon, 23 Nov 2026 11:58:00 GMT", 120, 1],
      ["Mon, 23 Nov 2026 12:02:00 GMT", -120, 1],
      [null, null, 0],
      ["yesterday", null, 0],
    ] as const;
    for (const [date, seconds, told] of cases) {
      const { view, warnings } = await ask({ http: dated(date) });
      expect([date, view.clockAheadSeconds, warnings.length]).toEqual([date, seconds, told]);
    }
    const { warnings } = await ask({ http: dated("Mon, 23 Nov 2026 11:58:00 GMT") });
    expect(warnings).toEqual([
      'This host\'s clock is 120 s ahead of that of the API "http://api.test/" ' +
        "(let both follow NTP: agents begin its actions that much later)",
    ]);
  });
});

describe("apiLines()", () => {
  test("says why nothing was asked", () => {
    expect(apiLines(notAsked(null, "no reason"))).toEqual(["the API was not asked: no reason"]);
  });
});
