// Api: what the runner asks of the MIG API, and what each answer means.
//
// Owns:     the requests in the original's words, who asks, and what an answer proves.
// Not here: connections (lib/http/), when to ask again (flow/), what is in an action (action.ts).
//
// Invariants:
//   T1. `unsent` is said only when no action can have come of the POST; never of a 500.
//   T2. No answer of the API, or of a proxy in front of it, throws: every fault has a message.
//   T3. A request is repeated once, with a new token, and only after a 401: then nothing was done.
import { messageOf } from "../errors.ts";
import { queryEscape } from "../lib/go/escape.ts";
import { retryAfter } from "../lib/http/retry-after.ts";
import { PageError } from "../lib/json/fault.ts";
import type { Clock, Http, HttpAnswer, HttpRequest, Signer } from "../lib/ports.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { formBody } from "./action.ts";
import { adviceFor, clockHint, isRefusal, movedHint, placeOf, strangeAnswer } from "./answers.ts";
import { Auth, type Concealed } from "./auth.ts";
import { ENVELOPE_SIZE_MAX, faultText, readEnvelope, readFailure } from "./envelope.ts";
import { type HandedPage, readPage } from "./read-page.ts";
import { type PostedAction, parseListedAction, parsePostedAction } from "./result.ts";

/** An action as the API has it. */
export interface StoredAction {
  readonly actionId: number;
  /** The API's own bytes of it: one JSON object. */
  readonly actionBytes: Uint8Array;
  readonly expireAt: Instant;
}

/** Why something did not work, and what to wait for. */
export interface Failure {
  /** For the operator; the API's own words where it gave some. One line, no secret. */
  readonly message: string;
  /** The HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** What the API asked for by Retry-After; null when it did not. */
  readonly retryAfterMs: Milliseconds | null;
}

/**
 * What became of a POST. `unsent` proves that the action does not run; after `unclear` it may, and
 * has to be searched for. With `refusal` the API has looked at the action and said no: if it was
 * not stored all the same, the same action will be refused again.
 */
export type CreateAnswer =
  | ({ readonly kind: "posted" } & StoredAction)
  | ({ readonly kind: "unsent"; readonly refusal: false } & Failure)
  | ({ readonly kind: "unclear"; readonly refusal: boolean } & Failure);

/**
 * What a request for commands came to. A page that fails has often handed out commands before.
 */
export type PageAnswer =
  | {
      readonly kind: "page";
      /** Commands that were handed out. */
      readonly commands: number;
      /** Entries that were no command. */
      readonly strays: number;
      /** Commands and strays: how far the offset of the next page moves. At least 1. */
      readonly entries: number;
    }
  | { readonly kind: "end" }
  | ({ readonly kind: "failed" } & Failure);

export type FindAnswer =
  | ({ readonly kind: "found" } & StoredAction)
  | { readonly kind: "absent" }
  | ({ readonly kind: "failed" } & Omit<Failure, "retryAfterMs">);

export type CountAnswer =
  /** `isAtLeast`: there may be more than were counted. */
  | { readonly kind: "counted"; readonly agents: number; readonly isAtLeast: boolean }
  | ({ readonly kind: "failed" } & Omit<Failure, "retryAfterMs">);

/** Whether the API lets this key post. `absent`: it has no such question, as behind some proxies. */
export type RightAnswer =
  | { readonly kind: "allowed" }
  | ({ readonly kind: "refused" | "absent" | "failed" } & Omit<Failure, "retryAfterMs">);

export interface CommandsRequest extends HandedPage {
  readonly offset: number;
  readonly signal?: AbortSignal;
}

export interface WantedAction {
  readonly name: string;
  readonly signature: string;
  /**
   * Whether an action of this signature is somebody else's: two that are dated within one second
   * are signed alike. @default none is
   */
  isTaken?(actionId: number): boolean;
  readonly signal?: AbortSignal;
}

type MayLeave = NonNullable<HttpRequest["mayLeave"]>;

export interface MigApi {
  /** Posts a signed action. */
  create(actionJson: string, signal?: AbortSignal, mayLeave?: () => boolean): Promise<CreateAnswer>;
  /** One page of an action's commands. Rejects only with what `onCommand` threw. */
  commands(actionId: number, request: CommandsRequest): Promise<PageAnswer>;
  /** Looks among the newest actions of a name for the one that carries a signature. */
  findAction(wanted: WantedAction): Promise<FindAnswer>;
  /** How many agents a target matches now, online or idle. */
  countAgents(target: string, signal?: AbortSignal): Promise<CountAnswer>;
}

/** What only `check` asks. */
export interface ApiProbe {
  /** Asks for the form of a new action, which the API shows to those who may post one. */
  mayCreate(signal?: AbortSignal): Promise<RightAnswer>;
}

export interface ApiOptions {
  readonly http: Pick<Http, "send">;
  readonly clock: Pick<Clock, "now">;
  /** Of the API, with a slash at its end. */
  readonly url: string;
  readonly signer: Pick<Signer, "sign">;
  /** Replaces the signed token, not the action's signature. */
  readonly apiKey: Concealed | null;
  /** The next free number of a token. */
  nonce(): number;
  /** The key that signs, for messages. @default "that signs" */
  keyName?(): string;
}

/** Opens the API over an HTTP client. Nothing is sent yet. */
export function openApi(options: ApiOptions): MigApi & ApiProbe {
  return new Api(options);
}

/** As the original names itself when it posts, and when it fetches results. */
const RUNNER_AGENT = "MIG Client mig-runner";
const RESULTS_AGENT = "MIG Client mig-runner-results";

/** Where actions are posted, and their form is asked for. */
const CREATE_PATH = "action/create/";

/** The API's message in place of an empty list. */
const NO_RESULTS = "no results found";

/** Actions looked through for a signature, newest first: pages, and actions a page. */
const FIND_PAGES_MAX = 20;
const FIND_PAGE_SIZE = 100;

/** Agents that are counted; an answer has some 1.6 kB for each. */
const AGENTS_MAX = 100_000;
const AGENTS_SIZE_MAX = 1024 * 1024 * 1024;

interface Asked {
  readonly path: string;
  readonly agent: string;
  readonly form?: string;
  readonly signal: AbortSignal | undefined;
  readonly mayLeave?: MayLeave | undefined;
  readonly lendsParts?: boolean;
}

class Api implements MigApi, ApiProbe {
  readonly #options: ApiOptions;
  readonly #auth: Auth;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#auth = new Auth({ ...options, nonce: () => options.nonce() });
  }

  async create(json: string, signal?: AbortSignal, mayLeave?: MayLeave): Promise<CreateAnswer> {
    const form = formBody(json);
    const path = CREATE_PATH;
    const answer = await this.#ask({ path, agent: RUNNER_AGENT, form, signal, mayLeave });
    if (answer.kind === "unreachable") {
      const failure = { message: answer.message, status: null, retryAfterMs: null };
      if (answer.sent) return { kind: "unclear", refusal: false, ...failure };
      return { kind: "unsent", refusal: false, ...failure };
    }
    if (answer.status >= 200 && answer.status < 300) return await this.#readCreated(answer);
    const { apiMessage, ...failure } = await this.#failure(answer, path);
    if (isUnsent(answer.status)) return { kind: "unsent", refusal: false, ...failure };
    const refusal = answer.status === 500 && isRefusal(apiMessage ?? "");
    return { kind: "unclear", refusal, ...failure };
  }

  /** A success without the action in it proves nothing: the action may have been stored. */
  async #readCreated(answer: Answered): Promise<CreateAnswer> {
    const { status } = answer;
    const found: Uint8Array[] = [];
    const isWanted = (name: string): boolean => name.startsWith("action ID ");
    const onValue = (bytes: Uint8Array): boolean => found.push(bytes) > 0;
    try {
      const summary = await readEnvelope(answer.body, { isWanted, onValue });
      const [actionBytes] = found;
      if (actionBytes !== undefined) return { kind: "posted", ...storedAction(actionBytes) };
      const said = summary?.errorMessage ?? "the answer holds no action";
      const message = `HTTP ${status}: ${said}`;
      return { kind: "unclear", refusal: false, message, status, retryAfterMs: null };
    } catch (error) {
      const message = `HTTP ${status}: ${this.#faultText(error, CREATE_PATH)}`;
      return { kind: "unclear", refusal: false, message, status, retryAfterMs: null };
    }
  }

  async commands(actionId: number, request: CommandsRequest): Promise<PageAnswer> {
    const { limit, offset, signal } = request;
    const path = `search?type=command&limit=${limit}&offset=${offset}&actionid=${actionId}`;
    const answer = await this.#ask({ path, agent: RESULTS_AGENT, signal, lendsParts: true });
    if (answer.kind === "unreachable") return unanswered(answer.message);
    const { status } = answer;
    if (status !== 200) {
      const { apiMessage, ...failure } = await this.#failure(answer, path);
      if (status === 404 && apiMessage === NO_RESULTS) return { kind: "end" };
      return { kind: "failed", ...failure };
    }
    const page = await readPage(answer.body, request, (error) => this.#faultText(error, path));
    if ("message" in page) return { kind: "failed", status, retryAfterMs: null, ...page };
    const { commands, errorMessage, strays } = page;
    if (errorMessage !== null && errorMessage !== NO_RESULTS) {
      const message = `HTTP 200: ${faultText(errorMessage)}`;
      return { kind: "failed", message, status, retryAfterMs: null };
    }
    const entries = commands + strays;
    if (entries === 0 || errorMessage !== null) return { kind: "end" };
    return { kind: "page", commands, strays, entries };
  }

  async findAction(wanted: WantedAction): Promise<FindAnswer> {
    for (let page = 0; page < FIND_PAGES_MAX; page++) {
      const found = await this.#findOnPage(wanted, page * FIND_PAGE_SIZE);
      if (found !== null) return found;
    }
    // Newest first: an action that was just posted cannot be this far down.
    return { kind: "absent" };
  }

  /** Null when the page is full and the action is not on it. */
  async #findOnPage(
    { name, signature, signal, isTaken }: WantedAction,
    offset: number,
  ): Promise<FindAnswer | null> {
    const pattern = queryEscape(name.replaceAll(/[\\%_]/g, String.raw`\$&`));
    const range = `limit=${FIND_PAGE_SIZE}&offset=${offset}`;
    const path = `search?type=action&actionname=${pattern}&${range}`;
    let [actions, found]: [number, StoredAction | null] = [0, null];
    const onValue = (bytes: Uint8Array): boolean => {
      actions++;
      const action = parseListedAction(bytes, signature);
      if (action?.signatures.includes(signature) !== true) return true;
      if (isTaken?.(action.actionId) === true) return true;
      found = stored(action, bytes);
      return false;
    };
    const failure = await this.#search(path, { type: "action", signal, onValue });
    if (found !== null) return { kind: "found", ...(found as StoredAction) };
    if (failure !== null) return { kind: "failed", ...failure };
    return actions < FIND_PAGE_SIZE ? { kind: "absent" } : null;
  }

  async countAgents(target: string, signal?: AbortSignal): Promise<CountAnswer> {
    const path = `search?type=agent&limit=${AGENTS_MAX}&target=${queryEscape(target)}`;
    let agents = 0;
    const onValue = (): boolean => ++agents < AGENTS_MAX;
    const options = { type: "agent", signal, onValue, sizeMax: AGENTS_SIZE_MAX } as const;
    const failure = await this.#search(path, options);
    if (failure !== null) return { kind: "failed", ...failure };
    return { kind: "counted", agents, isAtLeast: agents >= AGENTS_MAX };
  }

  async mayCreate(signal?: AbortSignal): Promise<RightAnswer> {
    const path = CREATE_PATH;
    const answer = await this.#ask({ path, agent: RUNNER_AGENT, signal });
    if (answer.kind === "unreachable") {
      return { kind: "failed", message: answer.message, status: null };
    }
    const { status } = answer;
    if (status === 200) {
      await readFailure(status, answer.body);
      return { kind: "allowed" };
    }
    const { message } = await this.#failure(answer, path);
    if (status === 401 || status === 403) return { kind: "refused", message, status };
    return { kind: status === 404 || status === 405 ? "absent" : "failed", message, status };
  }

  /** Null when the list was read; an empty one counts as read. */
  async #search(
    path: string,
    { type, signal, onValue, sizeMax = ENVELOPE_SIZE_MAX }: SearchOptions,
  ): Promise<Omit<Failure, "retryAfterMs"> | null> {
    const answer = await this.#ask({ path, agent: RUNNER_AGENT, signal });
    if (answer.kind === "unreachable") return { message: answer.message, status: null };
    const { status } = answer;
    if (status !== 200) {
      const { apiMessage, message } = await this.#failure(answer, path);
      return status === 404 && apiMessage === NO_RESULTS ? null : { message, status };
    }
    try {
      const isWanted = (name: string): boolean => name === type;
      const options = { isWanted, onValue, sizeMax };
      const summary = await readEnvelope(answer.body, options);
      const said = summary?.errorMessage ?? NO_RESULTS;
      return said === NO_RESULTS ? null : { message: `HTTP 200: ${faultText(said)}`, status };
    } catch (error) {
      return { message: `HTTP ${status}: ${this.#faultText(error, path)}`, status };
    }
  }

  /** What is wrong with an answer, and where it came from when it is none of a MIG API. */
  #faultText(error: unknown, path: string): string {
    const isStrange = error instanceof PageError && error.fault !== "torn";
    return `${faultText(error)}${isStrange ? strangeAnswer(placeOf(this.#options.url, path)) : ""}`;
  }

  /** Sends a request, once more with a new token when the first was refused (T3). */
  async #ask(asked: Asked): Promise<HttpAnswer> {
    const header = await this.#authorize(() => this.#auth.header());
    if ("kind" in header) return header;
    const answer = await this.#send(asked, header);
    if (answer.kind !== "answer" || answer.status !== 401 || !this.#auth.canRenew) return answer;
    // It got no token: another would not get there either.
    if (answer.movedTo !== undefined) return answer;
    // Reading it gives the connection back.
    await readFailure(answer.status, answer.body);
    const renewed = await this.#authorize(() => this.#auth.renewed(header[1]));
    return "kind" in renewed ? renewed : await this.#send(asked, renewed);
  }

  /** The header, or why there is none. Then nothing was sent, or nothing that was acted on. */
  async #authorize(make: () => Promise<Header>): Promise<Header | HttpAnswer> {
    try {
      return await make();
    } catch (error) {
      return { kind: "unreachable", sent: false, message: messageOf(error) };
    }
  }

  #send(asked: Asked, auth: Header): Promise<HttpAnswer> {
    const { agent, form, path, signal, mayLeave, lendsParts = false } = asked;
    const type = ["Content-Type", "application/x-www-form-urlencoded"] as const;
    return this.#options.http.send({
      method: form === undefined ? "GET" : "POST",
      url: this.#options.url + path,
      headers: [["User-Agent", agent], ...(form === undefined ? [] : [type]), auth],
      ...(form === undefined ? {} : { body: new TextEncoder().encode(form) }),
      ...(signal === undefined ? {} : { signal }),
      ...(mayLeave === undefined ? { lendsParts } : { lendsParts, mayLeave }),
    });
  }

  async #failure(
    answer: Answered,
    path: string,
  ): Promise<Failure & { readonly apiMessage: string | null }> {
    const { status } = answer;
    const { apiMessage, message } = await readFailure(status, answer.body);
    const now = this.#options.clock.now();
    const clock = status === 401 ? clockHint(apiMessage ?? "", answer.header("date"), now) : "";
    const key = this.#options.keyName?.() ?? "that signs";
    const place = placeOf(this.#options.url, path);
    const moved = movedHint(answer.movedTo);
    const advice = moved || adviceFor({ status, apiMessage, message, place, key });
    const hint = clock + advice;
    const retryAfterMs = retryAfter(answer.header("retry-after"), now);
    return { message: message + hint, status, retryAfterMs, apiMessage };
  }
}

type Header = readonly [name: string, value: string];

type Answered = Extract<HttpAnswer, { kind: "answer" }>;

interface SearchOptions {
  readonly type: "action" | "agent";
  readonly signal: AbortSignal | undefined;
  onValue(bytes: Uint8Array): boolean;
  readonly sizeMax?: number;
}

/**
 * Whether an answer proves that nothing was done with the request: it was not let in. The API's 500
 * proves nothing, whatever its words, and 408 comes of something that has begun.
 */
function isUnsent(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408;
}

function storedAction(bytes: Uint8Array): StoredAction {
  return stored(parsePostedAction(bytes), bytes);
}

function stored({ actionId, expireAt }: PostedAction, actionBytes: Uint8Array): StoredAction {
  return { actionId, actionBytes, expireAt };
}

function unanswered(message: string): PageAnswer {
  return { kind: "failed", message, status: null, retryAfterMs: null };
}
