// Api: a MIG API as a small state machine that shares no code with the runner or its sandbox.
//
// It keeps the truth that the oracle holds the runner against: which actions were accepted, when,
// and which commands they had. It can be honest or not: counters that lag or lie, pages in another
// order each time, actions and commands that are listed late.
import type { Dice } from "./random.ts";

/** What the counters of an action say. */
export type CounterMode = "honest" | "absent" | "low" | "high";

/** In which order pages come. */
export type PageMode = "stable" | "ties" | "shuffled";

/** How an API behaves, apart from faults on the way to it. */
export interface ApiManners {
  readonly counters: readonly CounterMode[];
  readonly pages: PageMode;
  /** An action is listed at most this long after it was accepted. */
  readonly listedLateMaxMs: number;
  readonly agentsMax: number;
  /** Names of actions that the API refuses, always. */
  readonly refused: ReadonlySet<string>;
}

export interface ApiCommand {
  readonly id: number;
  readonly agent: number;
  readonly startAt: number;
  /** When it ends, and how. */
  readonly endAt: number;
  readonly end: "success" | "failed" | "timeout" | "expired";
}

export interface ApiAction {
  readonly id: number;
  readonly name: string;
  readonly signature: string;
  /** As posted. */
  readonly body: string;
  /** As answered, without its closing brace and counters. */
  readonly stored: string;
  readonly acceptedAt: number;
  readonly listedAt: number;
  readonly expireAt: number;
  readonly commands: readonly ApiCommand[];
  readonly counters: CounterMode;
  /** Every text in which a command was ever served, by its id. */
  readonly served: Map<number, Set<string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a caller is told of every POST, before anything is done with it. */
export interface ApiWatch {
  arrived(body: string): void;
  accepted(action: ApiAction): void;
}

const FIRST_ACTION_ID = 6_019_000;
const FIRST_COMMAND_ID = 28_061_838_148_353;

export class SimulatedApi {
  readonly actions = new Map<number, ApiAction>();
  readonly #dice: Dice;
  readonly #manners: ApiManners;
  readonly #watch: ApiWatch;
  #nextAction = FIRST_ACTION_ID;
  #nextCommand = FIRST_COMMAND_ID;
  /** Actions below this id are listed, however late they were to be. */
  #listedBelow = FIRST_ACTION_ID;
  /** Whether lies have ended: counters are honest, pages stable, everything is listed. */
  calm = false;

  constructor(options: { dice: Dice; manners: ApiManners; watch: ApiWatch }) {
    this.#dice = options.dice;
    this.#manners = options.manners;
    this.#watch = options.watch;
  }

  /** Answers a request that has arrived at `now`. */
  handle(request: { method: string; url: string; body: string }, now: number): ApiAnswer {
    const url = new URL(request.url);
    const path = url.pathname.replace(/^\/api\/v1\//, "");
    if (request.method === "POST" && path === "action/create/") {
      const posted = decodeURIComponent(request.body.replace(/^action=/, "").replaceAll("+", " "));
      this.#watch.arrived(posted);
      return this.#create(posted, now);
    }
    if (path !== "search") return failure(404, "not found");
    const query = url.searchParams;
    const limit = Number(query.get("limit"));
    const offset = Number(query.get("offset"));
    if (query.get("type") === "command") {
      return this.#commands(Number(query.get("actionid")), { limit, offset, now });
    }
    if (query.get("type") === "action") {
      return this.#search(query.get("actionname") ?? "", { limit, offset, now });
    }
    return failure(500, "unknown type");
  }

  #create(posted: string, now: number): ApiAnswer {
    const action = JSON.parse(posted) as {
      name: string;
      expireafter: string;
      pgpsignatures: string[];
    };
    if (this.#manners.refused.has(action.name)) {
      return failure(500, "VerifySignatures() -> no valid signature");
    }
    if (Date.parse(action.expireafter) <= now) {
      return failure(500, "action expireafter is expired. Incorrect system time?");
    }
    const stored = this.insert(posted, now);
    this.#watch.accepted(stored);
    const item = { data: [{ name: `action ID ${stored.id}`, value: "@" }] };
    return envelope(202, [JSON.stringify(item).replace('"@"', () => `${stored.stored}}`)]);
  }

  /** Stores an action, from a POST or as somebody else's. */
  insert(posted: string, now: number): ApiAction {
    const plain = JSON.parse(posted) as {
      name: string;
      validfrom?: string;
      expireafter: string;
      pgpsignatures: string[];
    };
    const id = this.#nextAction++;
    const expireAt = Date.parse(plain.expireafter);
    // What is not valid yet is held, as the real one does.
    const heldUntil = Math.max(now, Date.parse(plain.validfrom ?? "") || 0);
    const { id: _, counters: __, ...kept } = plain as typeof plain & Record<string, unknown>;
    const stored = JSON.stringify({ id, ...kept, status: "pending" }).slice(0, -1);
    const dice = this.#dice;
    const action: ApiAction = {
      id,
      name: plain.name,
      signature: plain.pgpsignatures[0] ?? "",
      body: posted,
      stored,
      acceptedAt: now,
      listedAt: this.calm ? now : now + dice.int(0, this.#manners.listedLateMaxMs),
      expireAt,
      commands: this.#launch(heldUntil, expireAt),
      counters: this.calm ? "honest" : dice.pick(this.#manners.counters),
      served: new Map(),
    };
    this.actions.set(id, action);
    return action;
  }

  #launch(now: number, expireAt: number): ApiCommand[] {
    const dice = this.#dice;
    const launchAt = now + dice.int(50, 900);
    if (launchAt >= expireAt) return [];
    const agents = dice.int(0, this.#manners.agentsMax);
    return Array.from({ length: agents }, (_, agent) => {
      const end = dice.weighted({ success: 8, failed: 1, timeout: 1, expired: 2 });
      const startAt = launchAt + Math.floor(agent / 3);
      const endAt = end === "expired" ? expireAt : dice.int(startAt, expireAt);
      return { id: this.#nextCommand++, agent, startAt, endAt, end };
    });
  }

  #commands(
    actionId: number,
    { limit, offset, now }: { limit: number; offset: number; now: number },
  ): ApiAnswer {
    const action = this.actions.get(actionId);
    const all = action?.commands.filter(({ startAt }) => startAt <= now) ?? [];
    if (action === undefined || offset >= all.length) return failure(404, "no results found");
    const page = this.#ordered(all).slice(offset, offset + limit);
    return envelope(
      200,
      page.map((command) => {
        const text = this.#command(action, command, { now, sent: all.length });
        const served = action.served.get(command.id) ?? new Set();
        action.served.set(command.id, served.add(text));
        const href = `/api/v1/command?commandid=${command.id}`;
        return `{"href":"${href}","data":[{"name":"command","value":${text}}]}`;
      }),
    );
  }

  /** Newest first; where the order has ties it may be another one at every request. */
  #ordered(commands: readonly ApiCommand[]): ApiCommand[] {
    if (this.#manners.pages === "shuffled" && !this.calm) return this.#dice.shuffled(commands);
    const mixed = this.#manners.pages === "ties" && !this.calm;
    const list = mixed ? this.#dice.shuffled(commands) : [...commands].reverse();
    return list.sort((left, right) => right.startAt - left.startAt);
  }

  #command(
    action: ApiAction,
    command: ApiCommand,
    { now, sent }: { now: number; sent: number },
  ): string {
    const status = now >= command.endAt ? command.end : "sent";
    const done = action.commands.filter(({ endAt }) => endAt <= now).length;
    const counted = { honest: sent, low: Math.floor(sent / 2), high: sent + 2, absent: 0 };
    const counters =
      action.counters === "absent"
        ? "{}"
        : `{"sent":${counted[action.counters]},"done":${done},"inflight":${sent - done}}`;
    // Numbers and escapes that no encoder would write this way: bytes are to be passed on.
    const odd = `{"foundanything":true,"elements":{"n":1.50e1,"t":"\\u00e9<&>"}}`;
    return (
      `{"id":${command.id},"action":${action.stored},"counters":${counters}},` +
      `"agent":{"id":${command.agent + 1},"name":"agent${command.agent + 1}"},"status":"${status}",` +
      `"results":[${status === "success" ? odd : ""}]}`
    );
  }

  /** Lists all that was accepted until now. */
  listAll(): void {
    this.#listedBelow = this.#nextAction;
  }

  #isListed({ id, listedAt }: ApiAction, now: number): boolean {
    return this.calm || id < this.#listedBelow || listedAt <= now;
  }

  #search(
    pattern: string,
    { limit, offset, now }: { limit: number; offset: number; now: number },
  ): ApiAnswer {
    const name = pattern.replaceAll(/\\([\\%_])/g, "$1");
    const found = [...this.actions.values()]
      .filter((action) => action.name === name && this.#isListed(action, now))
      .reverse()
      .slice(offset, offset + limit);
    if (found.length === 0) return failure(404, "no results found");
    const item = ({ id, stored }: ApiAction) =>
      `{"href":"/api/v1/action?actionid=${id}","data":[{"name":"action","value":${stored}}}]}`;
    return envelope(200, found.map(item));
  }
}

function envelope(status: number, items: readonly string[]): ApiAnswer {
  const body = `{"collection":{"version":"1.0","href":"/","items":[${items.join(",")}],"template":{},"error":{}}}`;
  return { status, headers: {}, body };
}

/** The API's way to say no. */
export function failure(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ApiAnswer {
  const error = { code: "1", message };
  const body = JSON.stringify({ collection: { version: "1.0", href: "/", template: {}, error } });
  return { status, headers, body };
}
