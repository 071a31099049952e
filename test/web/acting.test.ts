import { describe, expect, test } from "bun:test";
import { SESSION_MS, SESSIONS_MAX, WRONG_MAX } from "../../src/web/desk.ts";
import { askingRun } from "../support/eventful.ts";
import { appOf } from "../support/page.ts";
import { Directory, THEN } from "../support/verb.ts";

const HOST = "localhost:8787";
const TOKEN = "correct horse battery staple";

/** Headers of a form that a browser sends from a page of its own. */
const OWN = { "sec-fetch-site": "same-origin", origin: "null" };

interface Given {
  readonly status: number;
  readonly text: string;
  readonly location: string | null;
  readonly cookie: string | null;
}

type Headers = Readonly<Record<string, string>>;

/** Somebody at the page, in a world whose clock and secrets are told. */
class Visitor {
  now = THEN;
  headers: Headers = {};
  readonly #answer: (request: Request, headers: Headers) => Promise<Response>;

  private constructor(answer: Visitor["send"]) {
    this.#answer = answer;
  }

  private send = (request: Request, headers: Headers): Promise<Response> =>
    this.#answer(request, headers);

  static async at(directory: Directory, header: string | null = null): Promise<Visitor> {
    let secrets = 0;
    const proof =
      header === null
        ? ({ kind: "token", token: TOKEN } as const)
        : ({ kind: "header", name: header } as const);
    const notes: string[] = [];
    const app = await appOf(directory, {
      hosts: [],
      note: (line) => notes.push(line),
      desk: { proof, now: () => visitor.now, secret: () => `secret${++secrets}` },
    });
    const visitor: Visitor = new Visitor((request, headers) =>
      app.answer(request, {
        host: HOST,
        from: "127.0.0.1",
        header: (name) => headers[name] ?? null,
      }),
    );
    return visitor;
  }

  async get(path: string): Promise<Given> {
    return await this.#ask(new Request(`http://page${path}`), this.headers);
  }

  /** Sends a form. @param headers Beside those of the visitor. */
  async post(path: string, form: Headers, headers: Headers = OWN): Promise<Given> {
    const body = new URLSearchParams(form).toString();
    const request = new Request(`http://page${path}`, { method: "POST", body });
    return await this.#ask(request, { ...this.headers, ...headers });
  }

  async #ask(request: Request, headers: Headers): Promise<Given> {
    const answer = await this.send(request, headers);
    const of = (name: string) => answer.headers.get(name);
    return {
      status: answer.status,
      text: await answer.text(),
      location: of("location"),
      cookie: of("set-cookie"),
    };
  }

  /** Signs in and keeps the cookie. */
  async signIn(name = "ann", token = TOKEN): Promise<Given> {
    const given = await this.post("/sign-in", { token, name, to: "/jobs/nightly" });
    if (given.cookie !== null) this.headers = { cookie: given.cookie.split(";")[0] ?? "" };
    return given;
  }

  /** What proves that a form was made for this visitor. */
  async proof(): Promise<string> {
    const { text } = await this.get("/jobs/nightly");
    return /name="proof" value="(\w+)"/.exec(text)?.[1] ?? "";
  }

  /** Presses a button of a page: sends its form as it stands there, with what is typed. */
  async press(page: string, verb: string, typed: Headers = {}): Promise<Given> {
    const { text } = await this.get(page);
    const [, form = ""] = text.split(`action="/act/${verb}">`);
    const hidden = form
      .split("</form>")[0]
      ?.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g);
    const known = Object.fromEntries([...(hidden ?? [])].map(([, name, value]) => [name, value]));
    return await this.post(`/act/${verb}`, { ...known, ...typed });
  }
}

/** Who did what in a directory, the newest first. */
async function audit(visitor: Visitor): Promise<readonly string[]> {
  const { text } = await visitor.get("/audit.json");
  const { rows } = JSON.parse(text) as { rows: Record<string, string>[] };
  return rows.map(({ actor, deed, subject, detail }) => `${actor}|${deed} ${subject}|${detail}`);
}

describe("the page with actions", () => {
  test("does each deed as its verb does, in the name of who asked", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['plugin = "slack"']);
    await directory.plugin("slack", "exit 0");
    await directory.collected("nightly", 8, ["slack"]);
    const flow = await askingRun(directory);
    const ann = await Visitor.at(directory);
    await ann.signIn();
    const told = async (page: string) =>
      /<div role="status"[^>]*>([\s\S]*?)<\/div>/.exec((await ann.get(page)).text)?.[1] ?? "";
    const job = "/jobs/nightly";
    const run = `/runs/${flow}`;
    for (const [page, verb, typed, says] of [
      [job, "run", {}, "the next mig-runner begins run"],
      [job, "pause", { until: "8h", why: "change 4711" }, "nightly: paused until"],
      [job, "unpause", {}, "nightly: no longer paused"],
      ["/runs/1", "redeliver", {}, "the next mig-runner delivers it to slack"],
      ["/runs/1", "drop", {}, "will not be delivered to slack"],
      [run, "approve", {}, "&quot;dig&quot; of run"],
      [run, "deny", { why: "no" }, "&quot;bury&quot; of run"],
      [run, "answer", { json: '{"id": 4711}' }, "the run has its answer"],
    ] as const) {
      const given = await ann.press(page, verb, typed);
      expect([verb, given.status, given.location]).toEqual([verb, 303, page]);
      expect(await told(page)).toContain(says);
    }
    directory.meddle(`UPDATE run SET state = 'paused' WHERE id = ${flow}`);
    expect((await ann.press(run, "resume")).location).toBe(run);
    expect(await told(run)).toContain("the next mig-runner goes on with run");
    const rows = await audit(ann);
    expect(rows.map((row) => row.split("|")[1])).toEqual([
      "resume nightly",
      "answer nightly",
      "deny nightly",
      "approve nightly",
      "drop nightly",
      "redeliver nightly",
      "unpause nightly",
      "pause nightly",
      "run nightly",
    ]);
    for (const row of rows) expect(row).toStartWith("ann with the token by the page of ");
    expect(rows[1]).toContain('ticket {"id":4711}');
  });

  test("lets an action go that a guard holds, or refuses it", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    await ann.signIn();
    for (const [verb, state] of [
      ["approve", "open"],
      ["deny", "failed"],
    ] as const) {
      const run = await directory.remember((tables) => {
        const order = { job: "nightly", firesAt: state.length, cause: "manual" } as const;
        const row = tables.insertRun(order, "open", THEN);
        if (row === null) throw new Error("no run");
        const action = { runId: row.id, job: "nightly", step: "", name: "n", body: "{}" };
        const more = { signature: "sig", plugins: [], expireAt: Date.now() + 9e6, sendOnly: false };
        const planned = tables.insertAction({ ...action, ...more }, THEN);
        tables.saveAction({ ...planned, held: "approval" });
        return row.id;
      });
      const page = `/runs/${run}`;
      expect(JSON.parse((await ann.get(`${page}.json`)).text).isHeld).toBe(true);
      expect((await ann.press(page, verb)).location).toBe(page);
      const data = JSON.parse((await ann.get(`${page}.json`)).text);
      expect(data).toMatchObject({ isHeld: false, state });
      expect((await ann.get(page)).text).not.toContain(`action="/act/${verb}"`);
    }
  });

  test("says why a verb refused, and has changed nothing", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    await ann.signIn();
    await ann.press("/jobs/nightly", "pause", { until: "yesterday" });
    const { text } = await ann.get("/jobs/nightly");
    expect(text).toContain('class="told bad"');
    expect(text).toContain("invalid value &quot;yesterday&quot; for flag -until");
    ann.now += 61_000;
    expect((await ann.get("/jobs/nightly")).text).not.toContain("yesterday");
  });

  test("takes no word for a flag, and no name for a path of others", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    await ann.signIn();
    const proof = await ann.proof();
    const given = await ann.post("/act/drop", { proof, subject: "--plugin=x" });
    expect(given.location).toBe("/");
    expect((await ann.get("/")).text).toContain("--plugin=x");
    for (const job of ["//evil.example", "/\\evil", "a\r\nSet-Cookie: x=1", "%2e%2e"]) {
      const { location, cookie } = await ann.post("/act/pause", { proof, job });
      expect(location).toMatch(/^\/jobs\/[\w%.-]+$/);
      expect(cookie).toBeNull();
    }
    for (const to of ["//evil.example", "https://evil.example", "/runs/../..//evil", "/\\evil"]) {
      const { location } = await ann.post("/sign-in", { token: TOKEN, to });
      expect(location).toBe("/");
    }
  });

  test("does nothing for who is not signed in, nor without the proof of the session", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    expect((await ann.get("/jobs/nightly")).text).not.toContain("/act/");
    expect((await ann.post("/act/pause", { job: "nightly" })).status).toBe(403);
    expect((await ann.signIn("ann", "wrong")).status).toBe(403);
    expect((await ann.signIn("ann", "")).status).toBe(403);
    await ann.signIn();
    const bob = await Visitor.at(directory);
    await bob.signIn();
    await bob.signIn();
    for (const proof of [
      {},
      { proof: "" },
      { proof: "0".repeat(64) },
      { proof: await bob.proof() },
    ]) {
      const given = await ann.post("/act/pause", { job: "nightly", ...proof });
      expect(given.status).toBe(403);
      expect(given.text).toContain("Nothing was done");
    }
    expect((await ann.get("/act/pause?job=nightly")).status).toBe(404);
    expect((await ann.post("/act/audit", { proof: await ann.proof() })).status).toBe(404);
    expect(await audit(ann)).toEqual([]);
  });

  test("does nothing for a form of another website", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    await ann.signIn();
    const form = { job: "nightly", proof: await ann.proof() };
    const foreign: readonly Headers[] = [
      {},
      { origin: "null" },
      { origin: "http://evil.example" },
      { origin: `http://${HOST}.evil.example` },
      { origin: "http://localhost:9999" },
      { "sec-fetch-site": "cross-site", origin: `http://${HOST}` },
      { "sec-fetch-site": "same-site", origin: `http://${HOST}` },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "same-origin", origin: "http://evil.example" },
    ];
    for (const headers of foreign) {
      expect((await ann.post("/act/pause", form, headers)).status).toBe(403);
      expect((await ann.post("/sign-in", { token: TOKEN }, headers)).status).toBe(403);
    }
    expect(await audit(ann)).toEqual([]);
    const own = { origin: `http://${HOST}` };
    expect((await ann.post("/act/pause", form, own)).status).toBe(303);
  });

  test("ends a session in time, when it is left, and when there are too many", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const ann = await Visitor.at(directory);
    const { cookie } = await ann.signIn();
    expect(cookie).toMatch(/^mig-runner-session=\w+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=/);
    const form = { job: "nightly", proof: await ann.proof() };
    ann.now += SESSION_MS - 1;
    expect((await ann.post("/act/pause", form)).status).toBe(303);
    ann.now += 1;
    expect((await ann.post("/act/pause", form)).status).toBe(403);
    await ann.signIn();
    const left = { proof: await ann.proof() };
    expect((await ann.post("/sign-out", left)).cookie).toContain("Max-Age=0");
    expect((await ann.post("/sign-out", left)).status).toBe(403);
    await ann.signIn();
    const { headers } = ann;
    for (let count = 0; count < SESSIONS_MAX; count++) await ann.signIn();
    ann.headers = headers;
    expect(await ann.proof()).toBe("");
  });

  test("takes no token for a minute after many wrong ones", async () => {
    await using directory = await Directory.create();
    const ann = await Visitor.at(directory);
    for (let count = 0; count < WRONG_MAX; count++) {
      expect((await ann.signIn("ann", `${TOKEN}.`)).status).toBe(403);
    }
    expect((await ann.signIn()).status).toBe(429);
    ann.now += 60_000;
    expect((await ann.signIn()).status).toBe(303);
  });

  test("knows people by what a proxy says, and shows their names as they are", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    const bob = await Visitor.at(directory, "x-remote-user");
    expect((await bob.get("/jobs/nightly")).text).not.toContain("/act/");
    expect((await bob.post("/act/pause", { job: "nightly" })).text).toContain(
      "did not say who asks",
    );
    expect((await bob.post("/sign-in", { token: "" })).status).toBe(404);
    bob.headers = { "x-remote-user": `bob\u202e <b>${"x".repeat(500)}` };
    expect((await bob.press("/jobs/nightly", "pause")).status).toBe(303);
    const proof = await bob.proof();
    expect((await bob.get("/audit")).text).toContain("bob\\u202e &lt;b&gt;");
    const [row = ""] = await audit(bob);
    expect(row.indexOf(" by the page of ")).toBeLessThan(80);
    bob.headers = { "x-remote-user": "eve" };
    expect((await bob.post("/act/unpause", { job: "nightly", proof })).status).toBe(403);
  });
});
