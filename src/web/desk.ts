// Desk: who may act from the page, or look at one that is closed, and that it is they who ask.
//
// Owns:     people (by a token that they have, or by a proxy that knows them), their sessions, and
//           the proof in each form that it was made for them.
// Not here: what can be done (deeds.ts), paths and pages (acting.ts, app.ts).
//
// Invariants:
//   F1. Nothing is done for a request that another website can have made: not without the proof
//       of the very session, nor from another origin.
//   F2. Sessions, attempts at the token and deeds at one time have bounds.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { shownLine } from "../text.ts";
import { HOUR_MS, type Instant, MINUTE_MS } from "../time.ts";
import type { Order } from "./deeds.ts";

/** What is known of a request beside what it asks for. */
export interface Headers {
  /** The Host header; null: there was none. */
  readonly host: string | null;
  /** The address from which it came; "" where there is none. */
  readonly from: string;
  /** The value of a header that is there once; else null. */
  header(name: string): string | null;
}

/** How people show who they are. */
export type Proof =
  /** Whoever knows it may act. */
  | { readonly kind: "token"; readonly token: string }
  /** A proxy writes their names into this header. */
  | { readonly kind: "header"; readonly name: string };

/** How a deed ended. */
export interface Outcome {
  readonly isDone: boolean;
  readonly lines: readonly string[];
}

/** What a desk is handed. */
export interface DeskEdges {
  readonly proof: Proof;
  /** Whether nobody looks who does not know the token. Then the page is shown by TLS alone. */
  readonly isClosed: boolean;
  now(): Instant;
  /** A text that nobody can guess, another one each time. */
  secret(): string;
  /** Does what a person orders. Never rejects. Null: nobody acts, people only look. */
  readonly act: ((order: Order, person: string) => Promise<Outcome>) | null;
}

/** A person who may act. */
export interface Person {
  /** For the audit log. */
  readonly name: string;
  /** What stands in their forms. */
  readonly proof: string;
  /** Tells sessions apart. */
  readonly key: string;
}

/** How long a session lasts, and how many there are: one more ends the oldest. */
export const SESSION_MS = 8 * HOUR_MS;
export const SESSIONS_MAX = 32;

/** Wrong tokens from one address in a minute, after which none is taken until it is over. */
export const WRONG_MAX = 10;

/** Addresses whose wrong tokens are remembered. */
const WRONG_ADDRESSES_MAX = 1_024;

/** Deeds that wait for each other. */
const DEEDS_MAX = 8;

/** How long people are shown how it went, and of how many people that is kept. */
const TOLD_MS = MINUTE_MS;
const TOLD_MAX = 64;

const NAME_SIZE_MAX = 64;

/** By TLS the name alone has browsers take it from this very host, and send it by TLS only. */
const COOKIE = "mig-runner-session";
const SECURE_COOKIE = `__Host-${COOKIE}`;

/** Why somebody is not signed in. */
export type Refused = "wrong" | "wait";

/** The people at the page. */
export class Desk {
  readonly #edges: DeskEdges;
  /** Of this process alone: forms of the one before it prove nothing. */
  readonly #secret: string;
  readonly #sessions = new Map<string, { readonly name: string; readonly since: Instant }>();
  readonly #told = new Map<string, Outcome & { readonly at: Instant }>();
  readonly #wrong = new Map<string, readonly Instant[]>();
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(edges: DeskEdges) {
    this.#edges = edges;
    this.#secret = edges.secret();
  }

  /** Whether people give a token; else a proxy knows them. */
  get hasToken(): boolean {
    return this.#edges.proof.kind === "token";
  }

  /** Whether only people who are known may look. */
  get isClosed(): boolean {
    return this.#edges.isClosed;
  }

  /** Whether people who are known may act. */
  get canAct(): boolean {
    return this.#edges.act !== null;
  }

  /** Whether a request may be answered: of a program, by the token in its header. */
  mayLook(headers: Headers): true | Refused | "unknown" {
    if (!this.#edges.isClosed || this.who(headers) !== null) return true;
    const [, token] = /^Bearer +(\S.*)$/i.exec(headers.header("authorization") ?? "") ?? [];
    return token === undefined ? "unknown" : (this.#refusal(token, headers.from) ?? true);
  }

  /** Who asks; null: nobody who may act. */
  who(headers: Headers): Person | null {
    const { proof } = this.#edges;
    if (proof.kind === "header") {
      const name = nameOf(headers.header(proof.name) ?? "");
      return name === "" ? null : this.#person(name, `name ${name}`);
    }
    const id = sessionIn(headers.header("cookie") ?? "", this.#cookie);
    const session = id === null ? undefined : this.#sessions.get(id);
    if (id === null || session === undefined) return null;
    // A clock that was set ends sessions; it never lengthens them.
    if (Math.abs(this.#edges.now() - session.since) < SESSION_MS) {
      return this.#person(session.name, `session ${id}`);
    }
    this.#sessions.delete(id);
    return null;
  }

  #person(name: string, key: string): Person {
    return { name, key, proof: createHmac("sha256", this.#secret).update(key).digest("hex") };
  }

  /** Begins a session. @returns The cookie that names it. */
  signIn(given: {
    readonly token: string;
    readonly name: string;
    readonly from: string;
  }): string | Refused {
    const { now, secret } = this.#edges;
    const refused = this.#refusal(given.token, given.from);
    if (refused !== null) return refused;
    const id = secret();
    const name = nameOf(given.name);
    const called = name === "" ? "somebody with the token" : `${name} with the token`;
    this.#sessions.set(id, { name: called, since: now() });
    dropOldest(this.#sessions, SESSIONS_MAX);
    return this.#cookieOf(id, SESSION_MS);
  }

  /** Why a token that somebody gives is not taken; null: it is. */
  #refusal(token: string, from: string): Refused | null {
    const { proof, now } = this.#edges;
    if (proof.kind !== "token") return "wrong";
    const network = networkOf(from);
    const wrong = (this.#wrong.get(network) ?? []).filter((at) => Math.abs(now() - at) < MINUTE_MS);
    if (wrong.length >= WRONG_MAX) return "wait";
    if (isSame(token.trim(), proof.token)) return null;
    this.#wrong.delete(network);
    this.#wrong.set(network, [...wrong, now()]);
    dropOldest(this.#wrong, WRONG_ADDRESSES_MAX);
    return "wrong";
  }

  get #cookie(): string {
    return this.#edges.isClosed ? SECURE_COOKIE : COOKIE;
  }

  #cookieOf(id: string, ms: number): string {
    const age = Math.trunc(ms / 1_000);
    const secure = this.#edges.isClosed ? "; Secure" : "";
    return `${this.#cookie}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`;
  }

  /** Ends a session. @returns The cookie that forgets it. */
  signOut({ key }: Person): string {
    this.#sessions.delete(key.replace(/^session /, ""));
    this.#told.delete(key);
    return this.#cookieOf("", 0);
  }

  /** Whether a form was made for this person. */
  isProven({ proof }: Person, form: URLSearchParams): boolean {
    return isSame(form.get("proof") ?? "", proof);
  }

  /**
   * Does what somebody orders, one thing after the other.
   *
   * @returns Null when too much waits already, or nobody acts.
   */
  async act(order: Order, { name, key }: Person): Promise<Outcome | null> {
    const { act } = this.#edges;
    if (act === null || this.#waiting >= DEEDS_MAX) return null;
    this.#waiting += 1;
    const done = this.#last.then(() => act(order, name));
    this.#last = done.catch(() => {});
    try {
      const outcome = await done;
      this.#told.delete(key);
      this.#told.set(key, { ...outcome, at: this.#edges.now() });
      dropOldest(this.#told, TOLD_MAX);
      return outcome;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** How the last deed of a person ended, if that was just now. */
  told({ key }: Person): Outcome | null {
    const told = this.#told.get(key);
    const isNew = told !== undefined && Math.abs(this.#edges.now() - told.at) < TOLD_MS;
    return isNew ? told : null;
  }
}

/**
 * Whether a request comes from a page of ours. Browsers say where from: without a referrer the
 * origin of a form is "null", and the other header says that it is the same.
 */
export function isOwnPage({ host, header }: Headers): boolean {
  const site = header("sec-fetch-site");
  const origin = header("origin");
  const isOwn = origin !== null && host !== null && /^https?:\/\/(.*)$/i.exec(origin)?.[1] === host;
  if (site === null) return isOwn;
  return site === "same-origin" && (origin === null || origin === "null" || isOwn);
}

/** As it goes into the audit log: one line, visible, bounded. */
function nameOf(text: string): string {
  return shownLine(text.trim(), NAME_SIZE_MAX);
}

function sessionIn(cookies: string, name: string): string | null {
  const pairs = cookies.split(";").map((pair) => pair.trim());
  const found = pairs.filter((pair) => pair.startsWith(`${name}=`));
  return found.length === 1 ? (found[0]?.slice(name.length + 1) ?? null) : null;
}

/** Whoever has an address of IPv6 has a network of them: the first half of it. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail = ""] = address.split("::", 2);
  const [front, back] = [head, tail].map((half) => half.split(":").filter((part) => part !== ""));
  const zeros = address.includes("::") ? 8 - (front?.length ?? 0) - (back?.length ?? 0) : 0;
  const parts = [...(front ?? []), ...Array.from({ length: zeros }, () => "0"), ...(back ?? [])];
  return parts.slice(0, 4).join(":");
}

/** In a time that says nothing of where two texts part. */
function isSame(left: string, right: string): boolean {
  const [one, other] = [left, right].map((text) => createHash("sha256").update(text).digest());
  return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

function dropOldest(map: Map<string, unknown>, countMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= countMax) return;
    map.delete(key);
  }
}
