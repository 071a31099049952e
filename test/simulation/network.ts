// Network: the way to the simulated API and back, and everything that goes wrong on it.
import type { Http, HttpAnswer, HttpRequest } from "../../src/lib/ports.ts";
import { type ApiAnswer, failure } from "./api.ts";
import { type Life, never } from "./life.ts";
import { HTTP_FAULTS, type HttpFault } from "./profile.ts";
import type { Surroundings } from "./surroundings.ts";

/** After this the client gives up an exchange that stands still. */
const STALL_MS = 30_000;

/** The longest way of a request to the API. Less than what a search for a lost action waits. */
const WAY_MS = 1_500;

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

const HTML = "<html><head><title>Bad Gateway</title></head><body>nginx</body></html>";

type Settle = (answer: HttpAnswer) => void;

export function makeHttp(world: Surroundings, life: Life): Http {
  return {
    close() {},
    send(request) {
      if (world.dies(life, "http", "before")) return never();
      return new Promise<HttpAnswer>((resolve) => {
        const { signal } = request;
        let settled = false;
        let fault: HttpFault | null = null;
        const settle: Settle = (answer) => {
          if (settled) return;
          settled = true;
          signal?.removeEventListener("abort", abort);
          if (!life.alive) return;
          if (signal?.aborted !== true) witness(world, answer, fault);
          resolve(answer);
        };
        const abort = (): void => settle(unreachable("the request was aborted", true));
        if (signal?.aborted === true) return settle(unreachable("the request was aborted", false));
        signal?.addEventListener("abort", abort);
        fault = faultOf(world);
        const connectMs = world.way?.connectMs() ?? 0;
        const leave = (): void => {
          if (settled || !life.alive) return;
          if (request.mayLeave?.() !== false) send(world, life, { request, fault, settle });
          else settle(unreachable("it was not to be sent any more", false));
        };
        if (connectMs === 0) leave();
        else world.timeline.after(connectMs, leave);
      });
    },
  };
}

/** The request leaves its process: from here on it arrives, whatever becomes of that one. */
function send(world: Surroundings, life: Life, sent: Exchange): void {
  const { way = null } = world;
  const { body } = sent.request;
  if (body !== undefined) way?.left(DECODER.decode(body));
  const delayMs = world.latency(WAY_MS);
  const arrive = (): void => exchange(world, life, sent);
  if (delayMs === 0) arrive();
  else (way?.time ?? world.timeline).after(delayMs, arrive);
}

/** Lets the oracle see whether there was an answer; of one that breaks off it sees nothing. */
function witness({ watch }: Surroundings, { kind }: HttpAnswer, fault: HttpFault | null): void {
  if (kind === "unreachable") watch.exchanged(false);
  else if (fault !== "tornBody" && fault !== "stalledBody") watch.exchanged(true);
}

function faultOf(world: Surroundings): HttpFault | null {
  if (world.calm) return null;
  if (world.outage !== null) {
    world.count(`outage: ${world.outage}`);
    return world.outage;
  }
  const { http } = world.profile.rates;
  for (const fault of HTTP_FAULTS) {
    if (world.strikes(`http ${fault}`, http[fault] ?? 0)) return fault;
  }
  return null;
}

interface Exchange {
  readonly request: HttpRequest;
  readonly fault: HttpFault | null;
  readonly settle: Settle;
}

/** The request is at the API, whatever has become of who sent it. */
function exchange(world: Surroundings, life: Life, { request, fault, settle }: Exchange): void {
  const { timeline } = world;
  const later = (answer: HttpAnswer): void => {
    const delayMs = world.latency(500);
    if (delayMs === 0) settle(answer);
    else timeline.after(delayMs, () => settle(answer));
  };
  const give = (answer: ApiAnswer): void => {
    const torn = fault === "tornBody" || fault === "stalledBody" ? fault : null;
    later(answered(world, life, { answer, torn, signal: request.signal }));
  };
  const settleBy = (outcome: Outcome): void => {
    if (outcome === "hang") {
      timeline.after(STALL_MS, () => settle(unreachable("no answer within 30 s", true)));
    } else if ("kind" in outcome) {
      later(outcome);
    } else {
      give(outcome);
    }
  };
  world.say(() => `  ${request.method} ${request.url.slice(0, 90)} ${fault ?? ""}`);
  const instead = insteadOf(world, fault);
  if (instead !== null) {
    settleBy(instead);
    return;
  }
  const body = request.body === undefined ? "" : DECODER.decode(request.body);
  const answer = world.api.handle({ method: request.method, url: request.url, body }, timeline.now);
  world.say(() => `    answered ${answer.status}`);
  // What the API has answered is listed: it stores before it answers.
  if (fault === "refusedAfter") world.api.listAll();
  if (!world.dies(life, "http", "after")) settleBy(afterwards(answer, fault));
}

/** What comes back: nothing, something that is no answer, or an answer. */
type Outcome = "hang" | ApiAnswer | Extract<HttpAnswer, { kind: "unreachable" }>;

/** What comes back when the API gets nothing of the request, or refuses to look at it. */
function insteadOf(world: Surroundings, fault: HttpFault | null): Outcome | null {
  switch (fault) {
    case "refused":
      return unreachable("connection refused", false);
    case "lost":
      return unreachable("connection reset by peer", true);
    case "unauthorized":
      return failure(401, "Inactive or unauthorized");
    case "tooMany":
      return failure(429, "slow down", { "retry-after": String(world.dice.int(0, 20)) });
    case "htmlBefore":
      return { status: 502, headers: {}, body: HTML };
    case "serverBefore":
      return failure(500, "pq: connection lost");
    case "strange404":
      return { status: 404, headers: {}, body: "404 page not found" };
    case "hangBefore":
      return "hang";
    default:
      return null;
  }
}

/** What comes back of the API's answer. */
function afterwards(answer: ApiAnswer, fault: HttpFault | null): Outcome {
  switch (fault) {
    case "cutAfter":
      return unreachable("connection reset by peer", true);
    case "serverAfter":
      return failure(500, "pq: connection lost");
    case "refusedAfter":
      return failure(500, "VerifySignatures() -> no valid signature");
    case "htmlAfter":
      return { status: 504, headers: {}, body: HTML };
    case "garbageAfter":
      return { ...answer, body: "{}garbage" };
    case "hangAfter":
      return "hang";
    default:
      return answer;
  }
}

function unreachable(message: string, sent: boolean): Extract<HttpAnswer, { kind: "unreachable" }> {
  return { kind: "unreachable", sent, message };
}

function answered(
  world: Surroundings,
  life: Life,
  given: {
    readonly answer: ApiAnswer;
    readonly torn: "tornBody" | "stalledBody" | null;
    readonly signal: AbortSignal | undefined;
  },
): HttpAnswer {
  const { status, headers, body } = given.answer;
  const whole = ENCODER.encode(body);
  const fault = given.torn;
  const bytes = fault === null ? whole : whole.subarray(0, world.dice.int(0, whole.length - 1));
  return {
    kind: "answer",
    status,
    header: (name) => headers[name.toLowerCase()] ?? null,
    body: {
      [Symbol.asyncIterator]: () => bodyOf(world, life, { bytes, fault, signal: given.signal }),
    },
  };
}

function bodyOf(
  world: Surroundings,
  life: Life,
  {
    bytes,
    fault,
    signal,
  }: {
    bytes: Uint8Array;
    fault: "tornBody" | "stalledBody" | null;
    signal: AbortSignal | undefined;
  },
): AsyncIterator<Uint8Array> {
  let at = 0;
  const end = { done: true, value: undefined } as const;
  return {
    next() {
      if (!life.alive) return never();
      if (signal?.aborted === true) return Promise.reject(new Error("the request was aborted"));
      if (at < bytes.length) {
        const most = world.strikes("body in pieces", world.profile.rates.chunks) ? 200 : Infinity;
        const from = at;
        at += Math.min(bytes.length - from, most === Infinity ? most : world.dice.int(1, most));
        return Promise.resolve({ done: false, value: bytes.subarray(from, at) });
      }
      if (fault === null) return Promise.resolve(end);
      const error = new Error(fault === "tornBody" ? "connection reset by peer" : "it stalls");
      if (fault === "tornBody") return Promise.reject(error);
      return new Promise((_, reject) => {
        const fail = (): void => {
          world.timeline.cancel(planned);
          signal?.removeEventListener("abort", fail);
          if (life.alive) reject(error);
        };
        const planned = world.timeline.after(STALL_MS, fail);
        signal?.addEventListener("abort", fail);
      });
    },
    return() {
      return Promise.resolve(end);
    },
  };
}
