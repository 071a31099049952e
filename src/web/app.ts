// App: requests to the page, each answered from what the site sees at that moment.
//
// Owns:     which paths there are, who may ask (by the name they ask for), what browsers are told.
// Not here: sockets and their bounds (edge/web.ts), what pages say (pages/).
//
// Every page has the same data as JSON beside it, under its path with `.json` at the end.

import { createHash } from "node:crypto";
import { type Context, Hono, type HonoRequest } from "hono";
import { messageOf } from "../errors.ts";
import { nextLaunch } from "../jobs/fires.ts";
import { metricJob, metrics } from "../metrics/metrics.ts";
import { visibleJson } from "../text.ts";
import { jsonAnswer } from "../view/text.ts";
import { UpcomingFires } from "../view/upcoming.ts";
import { type Came, deskPieces, receive, refusedSheet, SIGN_IN, signInSheet } from "./acting.ts";
import { plain } from "./answer.ts";
import { closedAnswer } from "./closed.ts";
import { Desk, type DeskEdges, type Headers as Told } from "./desk.ts";
import { type Frame, layout, outside, type Sheet } from "./layout.ts";
import { LIVE_SCRIPT, Live } from "./live.ts";
import { type Markup, markup } from "./markup.ts";
import { alarmsPage } from "./pages/alarms.ts";
import { auditPage } from "./pages/audit.ts";
import { changesPage } from "./pages/changes.ts";
import { healthReasons } from "./pages/health.ts";
import { jobPage } from "./pages/job.ts";
import { jobsPage } from "./pages/jobs.ts";
import { missedPage } from "./pages/missed.ts";
import { overviewPage } from "./pages/overview.ts";
import { type Asked, idOf, type Page } from "./pages/page.ts";
import { resultCsv, resultPage } from "./pages/result.ts";
import { runPage } from "./pages/run.ts";
import { runsPage } from "./pages/runs.ts";
import { HostLists } from "./results.ts";
import type { Seen, Site } from "./site.ts";
import { STYLE } from "./style.ts";

/** The version of the JSON: it grows when a member changes its meaning or goes away. */
const JSON_VERSION = 1;

/** What the listener knows of a request beside the request itself. */
export type Around = Told;

/** What answers requests. */
export interface App {
  answer(request: Request, around: Around): Promise<Response>;
}

/** Names under which a page on this host is asked for. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Most characters of a word of a query. */
const WORD_SIZE_MAX = 1_000;

/** What browsers are told of every answer: nothing of it but our own script runs, is framed or is passed on. */
const SECURITY: readonly (readonly [name: string, value: string])[] = Object.entries({
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
    "img-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
});

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5" ' +
  'fill="none" stroke="#7a8590" stroke-width="2"/><path d="M8 4v4l3 2" fill="none" ' +
  'stroke="#7a8590" stroke-width="2"/></svg>';

const STYLE_PATH = `/style-${nameOf(STYLE)}.css`;
const SCRIPT_PATH = `/live-${nameOf(LIVE_SCRIPT)}.js`;

/** A name that changes with a text. */
function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** How a site is shown. */
export interface AppOptions {
  /** Names beside those of loopback to be asked for by. */
  readonly hosts: readonly string[];
  /** Whether it may be asked for by another name, in small letters. @default by none */
  readonly isNamed?: (host: string) => boolean;
  /** How people are known who may act, or look. @default Nobody acts, and everybody looks. */
  readonly desk?: DeskEdges;
}

/** The app that shows a site. */
export function createApp(site: Site, { hosts, isNamed, desk: edges }: AppOptions): App {
  const desk = edges === undefined ? null : new Desk(edges);
  const app = new Hono<{ Bindings: Around }>({ getPath: pathOf });
  const { fetch: ask } = app;
  const names = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  app.use(async (asked, next) => {
    const { host } = asked.env;
    const takesForms = desk !== null;
    const isClosed = desk?.isClosed === true;
    const came = { method: requestOf(asked).method, host, takesForms, isClosed };
    const refused = refusal(came, names, isNamed);
    if (refused !== null) return refused;
    return await next();
  });
  app.get(STYLE_PATH, () => fixed(STYLE, "text/css; charset=utf-8"));
  app.get(SCRIPT_PATH, () => fixed(LIVE_SCRIPT, "text/javascript; charset=utf-8"));
  app.get("/icon.svg", () => fixed(ICON, "image/svg+xml"));
  app.get("/healthz", (asked) => {
    const isKnown = desk === null || desk.mayLook(asked.env) === true;
    return site.look(async (seen) => health(await healthReasons(seen), isKnown));
  });
  if (desk?.isClosed === true) addGate(app, desk);
  const live = new Live(site);
  app.get("/events", (asked) =>
    events(live, () => desk === null || desk.mayLook(asked.env) === true),
  );
  const upcoming = new UpcomingFires();
  app.get("/metrics", () => site.look((seen) => metricsAnswer(seen, upcoming)));
  const results = new HostLists(site.files);
  app.get("/results/:name{[0-9]+\\.csv}", (asked) =>
    site.look(async (seen) => {
      const wanted = askedOf(requestOf(asked));
      return (
        (await resultCsv(seen, wanted, results)) ??
        missing({ site, seen, desk, headers: asked.env }, requestOf(asked).url)
      );
    }),
  );
  const viewOf = (seen: Seen, asked: Context<{ Bindings: Around }>): View => {
    return { site, seen, desk, headers: asked.env };
  };
  if (desk !== null) addActing(app, { site, desk });
  for (const page of pages(upcoming, results))
    app.get(page.path, (asked) =>
      site.look((seen) => answerPage(viewOf(seen, asked), page, requestOf(asked))),
    );
  app.notFound((asked) =>
    site.look(async (seen) => missing(viewOf(seen, asked), requestOf(asked).url)),
  );
  app.onError((error) => {
    site.note(`error: a page could not be shown: ${messageOf(error)}`);
    return plain(500, "This page could not be shown: the dashboard's standard error says why.");
  });
  return {
    async answer(request, around) {
      const answer = await ask(request, around);
      for (const [name, value] of SECURITY) {
        if (!answer.headers.has(name)) answer.headers.set(name, value);
      }
      return answer;
    },
  };
}

/** What is behind it is answered to people who are known. */
function addGate(app: Hono<{ Bindings: Around }>, desk: Desk): void {
  app.get(SIGN_IN, (asked) => {
    const content = signInSheet(desk, askedOf(requestOf(asked)).word("to"));
    return html(200, outside(content, STYLE_PATH));
  });
  app.use(async (asked, next) => {
    const { url, method } = requestOf(asked);
    const { pathname, search } = new URL(url);
    const knock = { method, path: `${pathname}${search}`, headers: asked.env };
    const isSigningIn = pathname === SIGN_IN && method === "POST";
    const refused = isSigningIn ? null : closedAnswer(desk, knock, STYLE_PATH);
    return refused ?? (await next());
  });
}

/** The paths by which people act. */
function addActing(
  app: Hono<{ Bindings: Around }>,
  { site, desk }: { readonly site: Site; readonly desk: Desk },
): void {
  if (desk.hasToken) {
    app.get(SIGN_IN, (asked) =>
      site.look(async (seen) => {
        const to = askedOf(requestOf(asked)).word("to");
        return sheet(200, signInSheet(desk, to), { site, seen, desk, headers: asked.env });
      }),
    );
  }
  app.post("*", async (asked) => {
    const request = requestOf(asked);
    const form = new URLSearchParams(await request.text());
    const path = rawPath(request.url);
    const came = await receive(desk, { path, form, headers: asked.env });
    if (came !== null && desk.isClosed && came.kind === "refused") {
      return html(came.status, outside(refusedSheet(came.why), STYLE_PATH));
    }
    return await site.look(async (seen) => {
      const view = { site, seen, desk, headers: asked.env };
      return came === null ? missing(view, request.url) : after(came, view);
    });
  });
}

/** The answer to a form. */
function after(came: Came, view: View): Response {
  if (came.kind === "refused") return sheet(came.status, refusedSheet(came.why), view);
  const answer = new Response(null, { status: 303, headers: { Location: came.path } });
  if (came.cookie !== null) answer.headers.set("Set-Cookie", came.cookie);
  return answer;
}

function pages(upcoming: UpcomingFires, results: HostLists): readonly Page[] {
  return [
    overviewPage(upcoming),
    jobsPage(),
    jobPage(),
    runsPage(),
    runPage(),
    resultPage(results),
    changesPage(results),
    alarmsPage(),
    missedPage(),
    auditPage(),
  ];
}

/** What hono calls by a name of its own. */
// biome-ignore lint/complexity/useLiteralKeys: it is no name of this project
function requestOf({ ["req"]: request }: Context<{ Bindings: Around }>): HonoRequest {
  return request;
}

/** Why a request is not answered; null when it is. */
function refusal(
  {
    method,
    host,
    takesForms,
    isClosed,
  }: {
    readonly method: string;
    readonly host: string | null;
    readonly takesForms: boolean;
    /** Whether nothing is told to who is not known. */
    readonly isClosed: boolean;
  },
  names: ReadonlySet<string>,
  isNamed: (host: string) => boolean = () => false,
): Response | null {
  if (method !== "GET" && method !== "HEAD" && !(takesForms && method === "POST")) {
    const why = takesForms ? "Ask by GET or POST." : "This page only shows: ask by GET.";
    const answer = plain(405, why);
    answer.headers.set("Allow", takesForms ? "GET, HEAD, POST" : "GET, HEAD");
    return answer;
  }
  // A page of somebody else, whose name was turned to this address, asks for its own name.
  const name = (host ?? "").toLowerCase().replace(/:\d{1,5}$/, "");
  if (names.has(name) || isNamed(name)) return null;
  const asked = `Asked for ${JSON.stringify(name)}`;
  if (isClosed) return plain(421, `${asked}: this name is not answered.`);
  return plain(421, `${asked}: only ${[...names].join(", ")} are answered.`);
}

/** The path of a page, for its JSON too. */
function pathOf(request: Request): string {
  const path = rawPath(request.url);
  return path === JSON_OF_FIRST ? "/" : path.replace(/\.json$/, "");
}

/** The first page has no name to which `.json` could be added. */
const JSON_OF_FIRST = "/overview.json";

function rawPath(url: string): string {
  return new URL(url).pathname;
}

function isJson(url: string): boolean {
  return rawPath(url).endsWith(".json");
}

/** What an answer is made from. */
interface View {
  readonly site: Site;
  readonly seen: Seen;
  readonly desk: Desk | null;
  readonly headers: Around;
}

async function answerPage(view: View, page: Page, request: HonoRequest): Promise<Response> {
  const { seen } = view;
  const opened = await page.open(seen, askedOf(request));
  if (opened === null) return missing(view, request.url);
  if (isJson(request.url)) return json(200, seen, opened.data);
  const { pathname, search } = new URL(request.url);
  const path = pathname === "/" ? JSON_OF_FIRST : `${pathname}.json`;
  return sheet(200, opened.sheet(), view, { json: `${path}${search}`, path: pathname });
}

function askedOf(request: HonoRequest): Asked {
  const query = new URL(request.url).searchParams;
  const word = (name: string): string => {
    const text = query.get(name) ?? "";
    return text.length > WORD_SIZE_MAX ? "" : text;
  };
  return { name: request.param("name") ?? "", word, number: (name) => idOf(word(name)) };
}

function missing(view: View, url: string): Response {
  if (isJson(url)) return json(404, view.seen, { error: "there is no such page, job or run" });
  const body = markup`<p>There is no such page, job or run.</p><p><a href="/">Overview</a></p>`;
  return sheet(404, { title: "Not found", place: "", body }, view);
}

/** @param paths Of the page, and of the same as JSON. */
function sheet(
  status: number,
  content: Sheet,
  { site, seen, desk, headers: told }: View,
  { json = null, path = "/" }: { readonly json?: string | null; readonly path?: string } = {},
): Response {
  const pieces = desk && deskPieces(desk, { headers: told, deeds: content.deeds ?? [], path });
  const files = { style: STYLE_PATH, script: SCRIPT_PATH };
  const frame: Frame = { seen, version: site.version, ...files, json, desk: pieces };
  return html(status, layout(content, frame));
}

function html(status: number, text: Markup): Response {
  const headers = { "Content-Type": "text/html; charset=utf-8" };
  return new Response(text.toString(), { status, headers });
}

function json(status: number, seen: Seen, data: unknown): Response {
  const { now: shownAt, journalAt, jobsAt, problem, outage } = seen;
  const whole = { version: JSON_VERSION, shownAt, journalAt, jobsAt, problem, outage };
  const text = `${visibleJson(jsonAnswer({ ...whole, ...(data as object) }))}\n`;
  return new Response(text, { status, headers: { "Content-Type": "application/json" } });
}

/** @param isKnown Whether who asks may know more than that something is wrong. */
function health(reasons: readonly string[], isKnown: boolean): Response {
  const told = isKnown ? { reasons } : {};
  const text = jsonAnswer({ version: JSON_VERSION, healthy: reasons.length === 0, ...told });
  const headers = { "Content-Type": "application/json" };
  return new Response(`${visibleJson(text)}\n`, {
    status: reasons.length === 0 ? 200 : 503,
    headers,
  });
}

/** The same names as those of the daemon's textfile; what only that knows is left out. */
async function metricsAnswer(seen: Seen, upcoming: UpcomingFires): Promise<Response> {
  const { reading, states, now } = seen;
  if (reading === null) return plain(503, seen.problem ?? "There is no journal yet.");
  const fires = new Map(upcoming.all(states, now).map(({ job, nextAt }) => [job, nextAt]));
  const jobs = states.map(({ job, entity }) => {
    // One that posts ahead is launched before it fires, as the daemon tells it.
    const isEarly = entity !== null && entity.postAheadMs > 0;
    return metricJob(job, entity, isEarly ? nextLaunch(entity, now) : (fires.get(job) ?? null));
  });
  const facts = { jobs, apiUp: null, journalUp: seen.outage === null, process: null };
  const text = await metrics(reading, facts, now);
  const headers = { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(text, { headers });
}

function events(live: Live, mayLook: () => boolean): Response {
  const stream = live.stream(mayLook);
  if (stream === null) return plain(503, "Too many pages are followed at a time: reload instead.");
  return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
}

/** What is the same as long as this program is. */
function fixed(text: string, type: string): Response {
  const headers = { "Content-Type": type, "Cache-Control": "max-age=86400, immutable" };
  return new Response(text, { headers });
}
