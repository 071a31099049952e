// Load API: a MIG API that costs next to nothing, as a process of its own, so that what a bench
// measures is the runner. Started by client.ts; its only argument is a LoadOptions as JSON.
//
// It checks nothing and stores nothing: every action has the same commands, and a POST is counted,
// timed and answered. What is right on the wire is for the tests to say.
import type { LoadOptions, LoadStats } from "./client.ts";
import { Pages } from "./pages.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as LoadOptions;
const { latencyMs = 0, silent = [] } = options;
const pages = new Pages(options);
const JSON_HEADERS = { "content-type": "application/json", "cache-control": "no-cache" };
const NOTHING = envelope('"template":{},"error":{"code":"1","message":"no results found"}');

let stats = nothing();
let nextId = 5_000_000_000;

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const at = performance.timeOrigin + performance.now();
    const url = new URL(request.url);
    if (url.pathname === "/stats") return Response.json(take());
    stats.requests++;
    stats.firstAt ??= at;
    const answer = request.method === "POST" ? await created(request, at) : listed(url);
    if (latencyMs > 0) await Bun.sleep(latencyMs);
    return answer;
  },
});

/** The numbers since the last time that somebody asked. */
function take(): LoadStats {
  const taken = stats;
  stats = nothing();
  return taken;
}

function nothing(): LoadStats {
  return { requests: 0, firstAt: null, bytes: 0, posts: [] };
}

function listed({ searchParams }: URL): Response | Promise<Response> {
  if (silent.includes(Number(searchParams.get("actionid")))) return new Promise(() => {});
  const offset = Number(searchParams.get("offset"));
  const page = pages.page(offset, Number(searchParams.get("limit")));
  if (page === null) return new Response(NOTHING, { status: 404, headers: JSON_HEADERS });
  stats.bytes += page.length;
  return new Response(page, { headers: JSON_HEADERS });
}

async function created(request: Request, at: number): Promise<Response> {
  const id = nextId++;
  const action = new URLSearchParams(await request.text()).get("action") ?? "";
  const stored = action.replace('{"id":0,', `{"id":${id},`);
  stats.posts.push({ at, name: /"name":"([^"]*)"/.exec(action)?.[1] ?? "" });
  const data = `{"name":"action ID ${id}","value":${stored}}`;
  const body = envelope(`"items":[{"href":"","data":[${data}]}],"template":{},"error":{}`);
  return new Response(body, { status: 202, headers: JSON_HEADERS });
}

function envelope(members: string): string {
  return `{"collection":{"version":"1.0","href":"",${members}}}`;
}

console.log(`${server.url}api/v1/`);
