import { describe, expect, test } from "bun:test";
import { WRONG_MAX } from "../../src/web/desk.ts";
import { appOf } from "../support/page.ts";
import { Directory, THEN } from "../support/verb.ts";

const HOST = "mig.example:8787";
const TOKEN = "correct horse battery staple";
const BEARER = { authorization: `Bearer ${TOKEN}` };
const OWN = { "sec-fetch-site": "same-origin", origin: "null" };

/** Every path that shows something of the directory, or would if it were there. */
const PATHS = [
  "/",
  "/jobs",
  "/jobs/nightly",
  "/runs",
  "/runs/1",
  "/results/1",
  "/results/1/changes",
  "/alarms",
  "/missed",
  "/audit",
  "/nothing",
  "/act/run",
  "/sign-out",
  "//evil.example/",
];
const PROGRAMS = [
  "/overview.json",
  "/jobs.json",
  "/jobs/nightly.json",
  "/runs/1.json",
  "/nothing.json",
  "/results/1.csv",
  "/results/1.json",
  "/metrics",
  "/events",
];

type Headers = Readonly<Record<string, string>>;

interface Given {
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

interface Asker {
  now: number;
  from: string;
  get(path: string, headers?: Headers): Promise<Given>;
  post(path: string, form: Headers, headers?: Headers): Promise<Given>;
}

/** A page that other hosts reach: nobody looks who does not know the token. */
async function closedPage(directory: Directory): Promise<Asker> {
  let secrets = 0;
  const app = await appOf(directory, {
    hosts: ["mig.example"],
    note: () => {},
    desk: {
      proof: { kind: "token", token: TOKEN },
      isClosed: true,
      now: () => asker.now,
      secret: () => `secret${++secrets}`,
    },
  });
  const ask = async (request: Request, headers: Headers): Promise<Given> => {
    const header = (name: string) => headers[name] ?? null;
    const host = header("host") ?? HOST;
    const answer = await app.answer(request, { host, from: asker.from, header });
    if (answer.headers.get("content-type") === "text/event-stream") await answer.body?.cancel();
    const text = answer.bodyUsed ? "" : await answer.text();
    return { status: answer.status, text, header: (name) => answer.headers.get(name) };
  };
  const asker: Asker = {
    now: THEN,
    from: "10.0.0.1",
    get: (path, headers = {}) => ask(new Request(`http://page${path}`), headers),
    post(path, form, headers = OWN) {
      const body = new URLSearchParams(form).toString();
      return ask(new Request(`http://page${path}`, { method: "POST", body }), headers);
    },
  };
  return asker;
}

async function withJob(): Promise<Directory> {
  const directory = await Directory.create();
  await directory.job("nightly", ['plugin = "slack"']);
  await directory.plugin("slack", "exit 0");
  await directory.collected("nightly", 8, ["slack"]);
  return directory;
}

describe("a page that is closed", () => {
  test("shows nothing of the directory to who does not know the token", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    for (const path of PATHS) {
      const given = await page.get(path);
      const to = new URLSearchParams({ to: path });
      expect([path, given.status, given.header("location")]).toEqual([path, 303, `/sign-in?${to}`]);
      expect(given.text).toBe("");
    }
    const wrong = ["", "Bearer", "Bearer ", `Basic ${TOKEN}`, TOKEN];
    for (const path of PROGRAMS) {
      for (const authorization of wrong) {
        const given = await page.get(path, { authorization });
        expect([path, given.status]).toEqual([path, 401]);
        expect(given.header("www-authenticate")).toBe('Bearer realm="mig-runner"');
        expect(given.text).toStartWith("Ask with the token");
      }
    }
    const { text } = await page.get("/sign-in?to=/runs/1");
    const foreign = await page.get("/", { host: "evil.example" });
    expect(foreign.status).toBe(421);
    for (const hidden of [directory.path, "nightly", "at work", "mig.example"]) {
      expect(text + foreign.text).not.toContain(hidden);
    }
    expect(text).toContain('name="to" value="/runs/1"');
    for (const path of ["/act/run", "/sign-out", "/"]) {
      expect((await page.post(path, { job: "nightly" })).status).toBe(401);
    }
  });

  test("shows all to programs with the token, and to nobody with another", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    for (const path of [
      "/",
      "/jobs/nightly",
      ...PROGRAMS.filter((path) => !/nothing|results/.test(path)),
    ]) {
      expect([path, (await page.get(path, BEARER)).status]).toEqual([path, 200]);
    }
    expect((await page.get("/nothing.json", BEARER)).status).toBe(404);
    const other = { authorization: `Bearer ${TOKEN}x` };
    expect((await page.get("/jobs.json", other)).status).toBe(401);
    // A program looks and does not act: only a form of a session does.
    expect((await page.post("/act/pause", { job: "nightly" }, { ...OWN, ...BEARER })).status).toBe(
      403,
    );
  });

  test("tells everybody whether all is well, and only who is known why not", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    const stranger = await page.get("/healthz");
    expect([stranger.status, JSON.parse(stranger.text)]).toEqual([
      503,
      { version: 1, healthy: false },
    ]);
    const known = await page.get("/healthz", BEARER);
    expect(known.status).toBe(503);
    expect(JSON.parse(known.text).reasons).not.toEqual([]);
  });

  test("gives a session that browsers send to this host by TLS alone", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    expect((await page.post("/sign-in", { token: "wrong" })).status).toBe(403);
    expect((await page.post("/sign-in", { token: TOKEN }, {})).status).toBe(403);
    const given = await page.post("/sign-in", { token: TOKEN, to: "/runs?failed=1" });
    expect([given.status, given.header("location")]).toEqual([303, "/runs?failed=1"]);
    const cookie = given.header("set-cookie") ?? "";
    expect(cookie).toMatch(/^__Host-mig-runner-session=\w+; Path=\/; HttpOnly; SameSite=Strict; /);
    expect(cookie).toEndWith("; Secure");
    const session = { cookie: cookie.split(";")[0] ?? "" };
    for (const path of PATHS.slice(0, 5)) expect((await page.get(path, session)).status).toBe(200);
    const plain = { cookie: session.cookie.replace("__Host-", "") };
    expect((await page.get("/jobs.json", plain)).status).toBe(401);
    page.now += 8 * 3_600_000;
    expect((await page.get("/jobs.json", session)).status).toBe(401);
  });

  test("lets who follows a link of another website in, by asking once more from here", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    const linked = await page.get("/runs/1?a=b", { "sec-fetch-site": "cross-site" });
    expect(linked.status).toBe(200);
    expect(linked.text).toContain('<meta http-equiv="refresh" content="0; url=/runs/1?a=b">');
    const evil = await page.get("//evil.example/x", { "sec-fetch-site": "cross-site" });
    expect(evil.text).not.toContain("evil.example");
    const own = await page.get("/runs/1?a=b", { "sec-fetch-site": "same-origin" });
    expect(own.status).toBe(303);
  });

  test("takes no token for a minute from an address that gave many wrong ones", async () => {
    await using directory = await withJob();
    const page = await closedPage(directory);
    const wrong = { authorization: "Bearer wrong" };
    for (let count = 0; count < WRONG_MAX; count++) {
      expect((await page.get("/jobs.json", wrong)).status).toBe(401);
    }
    const late = await page.get("/jobs.json", BEARER);
    expect([late.status, late.header("retry-after")]).toEqual([429, "60"]);
    expect((await page.post("/sign-in", { token: TOKEN })).status).toBe(429);
    page.from = "10.0.0.2";
    expect((await page.get("/jobs.json", BEARER)).status).toBe(200);
    page.from = "10.0.0.1";
    page.now += 60_000;
    expect((await page.get("/jobs.json", BEARER)).status).toBe(200);
    // Of IPv6 everybody has a network of addresses.
    for (let count = 0; count < WRONG_MAX; count++) {
      page.from = `2001:db8::${count}`;
      await page.get("/jobs.json", wrong);
    }
    page.from = "2001:db8:0:0:ffff::1";
    expect((await page.get("/jobs.json", BEARER)).status).toBe(429);
    page.from = "2001:db8:0:1::1";
    expect((await page.get("/jobs.json", BEARER)).status).toBe(200);
  });
});
