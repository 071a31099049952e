// Api: the resources of the MIG API that a runner and its author use, request by request.

import { encodeText } from "../lib/go/json.ts";
import { JsonError } from "../lib/go/syntax.ts";
import {
  type PostedAction,
  parseAction,
  refusalOf,
  signedTextOf,
  storageRefusalOf,
} from "./action.ts";
import { refuseAccess, type Trust } from "./auth.ts";
import { dashboardItems } from "./dashboard.ts";
import {
  collection,
  encodeItem,
  jsonReply,
  notFoundReply,
  type Reply,
  type ReplyError,
} from "./envelope.ts";
import { encodeFoundAgent } from "./fleet.ts";
import { encodeCreatedAction, encodeFoundAction, singleCommandItem } from "./print.ts";
import {
  encodeParameters,
  type Form,
  nextPageQuery,
  parseFloatText,
  parseForm,
  parseSearch,
} from "./query.ts";
import { runSearch, type Tweaks } from "./search.ts";
import { commandsOf, type Investigator, insertAction, type Store } from "./store.ts";

/** The API of one sandbox. */
export interface Api {
  readonly store: Store;
  readonly trust: Trust;
  /** Without a slash at its end, such as "http://127.0.0.1:1664". */
  host: string;
  /** Ids of operations and actions, in one row as in the original. */
  nextId: number;
}

/** A request whose body has arrived. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query string, as sent. */
  readonly url: string;
  /** Reads a header by its lower-case name. */
  readonly header: (name: string) => string | null;
  readonly body: Uint8Array;
}

/** What the answer depends on besides the request. */
export interface Moment {
  readonly now: number;
  readonly tweaks: Tweaks;
}

/** The path below which all resources are. */
export const BASE_PATH = "/api/v1";
/** Forms that are longer are refused. @see net/http `parsePostForm` of Go 1.19 */
export const FORM_MAX_BYTES = 10 * 1024 * 1024;

/** The route of a request, as faults know it. */
export function routeOf(url: string): "create" | "search" | "any" {
  const path = url.split("?")[0];
  if (path === `${BASE_PATH}/action/create/`) return "create";
  return path === `${BASE_PATH}/search` ? "search" : "any";
}

/** Answers a request. Changes the store when it creates an action. */
export async function answerRequest(api: Api, request: ApiRequest, moment: Moment): Promise<Reply> {
  const [path = ""] = request.url.split("?");
  const resource = path.startsWith(BASE_PATH) ? path.slice(BASE_PATH.length) : "";
  const handler = ROUTES[`${request.method} ${resource}`];
  if (handler === undefined) return notFoundReply();
  const opId = api.nextId++;
  const href = api.host + request.url;
  const call: Call = { api, request, opId, href, form: queryOf(request.url), ...moment };
  if (!handler.isOpen) {
    const why = await refuseAccess(api.trust, request.header, moment.now);
    if (why !== null) return errorReply(call, 401, why);
  }
  return await handler.answer(call);
}

interface Call extends Moment {
  readonly api: Api;
  readonly request: ApiRequest;
  readonly opId: number;
  readonly href: string;
  readonly form: Form;
}

interface Route {
  /** Whether it needs no authentication. */
  readonly isOpen?: true;
  readonly answer: (call: Call) => Reply | Promise<Reply>;
}

/** By method and path. */
const ROUTES: Readonly<Record<string, Route>> = {
  "GET /heartbeat": { isOpen: true, answer: answerHeartbeat },
  "GET /ip": { isOpen: true, answer: () => jsonReply(200, "127.0.0.1") },
  "GET /search": { answer: answerSearch },
  "GET /action": { answer: answerAction },
  // It describes the form of an action, to those who may post one.
  "GET /action/create/": { answer: (call) => jsonReply(200, collection(call.href, [])) },
  "POST /action/create/": { answer: answerCreate },
  "GET /command": { answer: answerCommand },
  "GET /agent": { answer: answerAgent },
  "GET /dashboard": { answer: answerDashboard },
};

function queryOf(url: string): Form {
  const at = url.indexOf("?");
  return parseForm(at === -1 ? "" : url.slice(at + 1));
}

function baseUrlOf({ api }: Call): string {
  return `${api.host}${BASE_PATH}`;
}

function errorOf({ opId }: Call, message: string): ReplyError {
  return { code: opId, message };
}

function errorReply(call: Call, status: number, message: string): Reply {
  return jsonReply(status, collection(call.href, [], errorOf(call, message)));
}

function answerHeartbeat(call: Call): Reply {
  const item = encodeItem(call.request.url, "heartbeat", '"gatorz say hi"');
  return jsonReply(200, collection(call.href, [item]));
}

function answerSearch(call: Call): Reply {
  const query = parseSearch(call.form, call.now);
  const { parameters } = query;
  const encoded = encodeParameters(parameters);
  // What JSON cannot hold makes the API send an empty answer with status 200.
  if (encoded === null) return { status: 200, headers: [], body: "" };
  const context = {
    now: call.now,
    baseUrl: baseUrlOf(call),
    investigators: call.api.trust.investigators,
    tweaks: call.tweaks,
  };
  const answer =
    query.error === null
      ? runSearch(call.api.store, query, context)
      : ({ kind: "error", message: query.error } as const);
  const last = encodeItem(call.href, "search parameters", encoded);
  if (answer.kind !== "items") {
    const message = answer.kind === "none" ? "no results found" : answer.message;
    const status = answer.kind === "none" ? 404 : 500;
    return jsonReply(status, collection(call.href, [last], errorOf(call, message)));
  }
  const items = [...answer.items];
  if (parameters.offset > 0) {
    const next = encodeText(`${baseUrlOf(call)}/search?${nextPageQuery(parameters)}`);
    const { limit, offset } = parameters;
    const page = `{"limit":${limit},"offset":${offset},"next":${next}}`;
    items.push(encodeItem(call.href, "pagination", page));
  }
  return jsonReply(200, collection(call.href, [...items, last]));
}

async function answerCreate(call: Call): Promise<Reply> {
  const text = actionTextOf(call);
  if (text.kind === "bad") return errorReply(call, 500, text.message);
  const outcome = await createAction(call, text.text);
  if (outcome.kind === "refused") return errorReply(call, 500, outcome.message);
  const { id, json } = outcome;
  const item = encodeItem(`${baseUrlOf(call)}/action?actionid=${id}`, `action ID ${id}`, json);
  return jsonReply(202, collection(call.href, [item]));
}

type ActionText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bad"; readonly message: string };

/** The form value `action`, from the body or else from the query string. */
function actionTextOf({ request, form }: Call): ActionText {
  const [type = ""] = (request.header("content-type") ?? "").split(";");
  const isForm = type.trim().toLowerCase() === "application/x-www-form-urlencoded";
  if (isForm && request.body.length > FORM_MAX_BYTES) {
    return { kind: "bad", message: "http: POST too large" };
  }
  const posted = parseForm(isForm ? new TextDecoder().decode(request.body) : "");
  const error = posted.error ?? form.error;
  if (error !== null) return { kind: "bad", message: error };
  const text = posted.values.get("action")?.[0] ?? form.values.get("action")?.[0] ?? "";
  return { kind: "text", text };
}

type Creation =
  | { readonly kind: "created"; readonly id: number; readonly json: string }
  | { readonly kind: "refused"; readonly message: string };

function refused(message: string): Creation {
  return { kind: "refused", message };
}

type ReadAction =
  | { readonly kind: "read"; readonly action: PostedAction; readonly signedText: string }
  | { readonly kind: "bad"; readonly message: string };

function readAction(text: string): ReadAction {
  try {
    const action = parseAction(text);
    return { kind: "read", action, signedText: signedTextOf(action) };
  } catch (error) {
    if (error instanceof JsonError) return { kind: "bad", message: error.message };
    if (error instanceof RangeError) return { kind: "bad", message: "exceeded max depth" };
    throw error;
  }
}

/** Checks and stores an action in the order of the original, which decides what is refused how. */
async function createAction(call: Call, text: string): Promise<Creation> {
  const { api, now } = call;
  const read = readAction(text);
  if (read.kind === "bad") return refused(read.message);
  const { action, signedText } = read;
  const id = api.nextId++;
  const refusal = refusalOf(action, now);
  if (refusal !== null) return refused(refusal);
  const signers: (Investigator | undefined)[] = [];
  for (const signature of action.signatures ?? []) {
    const verdict = await api.trust.verify(signedText, signature);
    if (verdict.kind === "bad") return refused(`VerifySignatures() -> ${verdict.message}`);
    const { fingerprint } = verdict;
    signers.push(api.trust.investigators.find((known) => known.fingerprint === fingerprint));
  }
  const storageRefusal = storageRefusalOf(action);
  if (storageRefusal !== null) return refused(`Failed to store action: '${storageRefusal}'`);
  // From here on the action runs, whatever is answered: the signers are stored after the action.
  const problem = signers.map(signerProblem).find((text) => text !== null) ?? null;
  const known = signers.filter((signer) => signer !== undefined);
  const investigators = known.filter((signer, index) => known.indexOf(signer) === index);
  const stored = insertAction(api.store, action, { id, investigators, now });
  if (problem !== null) return refused(problem);
  return { kind: "created", id, json: encodeCreatedAction(stored, action) };
}

/** Why the API cannot store a signer: it is nobody's, or that investigator's second signature. */
function signerProblem(
  signer: Investigator | undefined,
  index: number,
  signers: readonly (Investigator | undefined)[],
): string | null {
  if (signer === undefined) {
    return "Error while finding investigator: 'sql: no rows in result set'";
  }
  if (signers.indexOf(signer) === index) return null;
  return (
    "Failed to store signature: 'pq: duplicate key value violates unique constraint " +
    '"signatures_actionid_investigatorid_idx"\''
  );
}

/** The id that a resource was asked for by, or the answer to a wrong one. */
function idOf(call: Call, name: string, thing: string): { id: number } | Reply {
  const text = call.form.values.get(name)?.[0];
  if (text === undefined) {
    return errorReply(call, 500, "runtime error: index out of range [0] with length 0");
  }
  const id = parseFloatText(text);
  if (id === null) {
    const why = `strconv.ParseFloat: parsing "${text}": invalid syntax`;
    return errorReply(call, 500, `Wrong parameters '${name}': '${why}'`);
  }
  return id > 0 ? { id } : errorReply(call, 400, `Invalid ${thing} ID '${id.toFixed(0)}'`);
}

function answerAction(call: Call): Reply {
  const asked = idOf(call, "actionid", "Action");
  if (!("id" in asked)) return asked;
  const stored = call.api.store.actions.get(asked.id);
  if (stored === undefined) return errorReply(call, 404, `Action ID '${asked.id}' not found`);
  const href = `${baseUrlOf(call)}/action?actionid=${stored.id}`;
  const json = encodeFoundAction(call.api.store, stored, call.now);
  return jsonReply(200, collection(call.href, [encodeItem(href, "action", json)]));
}

function answerCommand(call: Call): Reply {
  const asked = idOf(call, "commandid", "Command");
  if (!("id" in asked)) return asked;
  const { store } = call.api;
  for (const stored of store.actions.values()) {
    const command = commandsOf(store, stored, call.now).find(({ id }) => id === asked.id);
    if (command === undefined) continue;
    const at = { now: call.now, baseUrl: baseUrlOf(call) };
    return jsonReply(200, collection(call.href, [singleCommandItem(store, stored, command, at)]));
  }
  return errorReply(call, 404, `Command ID '${asked.id}' not found`);
}

function answerDashboard(call: Call): Reply {
  const items = dashboardItems(call.api.store, { now: call.now, baseUrl: baseUrlOf(call) });
  return jsonReply(200, collection(call.href, items));
}

function answerAgent(call: Call): Reply {
  const asked = idOf(call, "agentid", "Agent");
  if (!("id" in asked)) return asked;
  const agent = call.api.store.fleet.find(({ id }) => id === asked.id);
  if (agent === undefined) return errorReply(call, 404, `Agent ID '${asked.id}' not found`);
  const href = `${baseUrlOf(call)}/agent?agentid=${agent.id}`;
  const json = encodeFoundAgent(agent, { byTarget: false });
  return jsonReply(200, collection(call.href, [encodeItem(href, "agent", json)]));
}
