// Faults: what can be made to go wrong, and when.
//
// A fault is written NAME[-after][=VALUE][@ROUTE][/WHEN], for example
//   latency=500                every answer half a second late
//   500@create/once            the first action is refused with status 500, and nothing runs
//   drop-after@create/once     the connection breaks after the action was taken
//   cut@search/every3          every third page ends in the middle
//   429/10%                    one request in ten, by the seed
import { nearest, RunnerError } from "../errors.ts";
import { collection, jsonReply, type Reply } from "../sim/envelope.ts";
import { uniform } from "../sim/random.ts";

/** Faults that replace the answer; with `after` set, the request has its effect all the same. */
const REPLACING = ["drop", "status", "html", "garbage", "empty"] as const;
/** Faults that spoil the sending of the answer. */
const SENDING = ["latency", "slow", "cut"] as const;
/** Faults in what a search says. */
const LYING = ["lie-counts", "repeat-page", "hide-fresh", "huge"] as const;

/** The kinds of faults. */
export type FaultKind =
  | (typeof REPLACING)[number]
  | (typeof SENDING)[number]
  | (typeof LYING)[number];

/** Which requests a fault strikes. */
export type FaultRoute = "any" | "create" | "search";

/** When a fault strikes: always, the first `count` times, every `count`-th time, or by chance. */
export type FaultWhen =
  | { readonly kind: "always" }
  | { readonly kind: "first"; readonly count: number }
  | { readonly kind: "every"; readonly count: number }
  | { readonly kind: "chance"; readonly share: number };

/** One thing that goes wrong. */
export interface Fault {
  readonly kind: FaultKind;
  /** Whether the request has its effect before it fails. */
  readonly isAfter: boolean;
  /**
   * latency, hide-fresh: milliseconds; slow: bytes a second; huge: bytes a result; status, html,
   * garbage, empty: the HTTP status; else unused.
   */
  readonly value: number;
  readonly route: FaultRoute;
  readonly when: FaultWhen;
}

const DEFAULT_VALUES: Readonly<Record<FaultKind, number>> = {
  drop: 0,
  status: 500,
  html: 502,
  garbage: 200,
  empty: 200,
  latency: 1_000,
  slow: 1_000,
  cut: 0,
  "lie-counts": 0,
  "repeat-page": 0,
  "hide-fresh": 5_000,
  huge: 1_000_000,
};

/** How a fault is written, for messages and help. */
export const FAULT_FORM = "NAME[-after][=VALUE][@create|@search][/once|/firstN|/everyN|/N%]";

/** The names that a fault can be called by, for messages and help. */
export const FAULT_NAMES: readonly string[] = [
  "401",
  "404",
  "429",
  "500",
  ...REPLACING.filter((kind) => kind !== "status"),
  ...SENDING,
  ...LYING,
];

/**
 * Reads a fault as a command line gives it.
 *
 * @throws {RunnerError} USAGE when it is none.
 */
export function parseFault(text: string): Fault {
  const match = /^([\w-]+?)(-after)?(?:=(\d+))?(?:@(\w+))?(?:\/([\w%]+))?$/.exec(text);
  const name = match?.[1] ?? text;
  const isStatus = /^[1-5]\d\d$/.test(name);
  const kind = isStatus ? "status" : (name as FaultKind);
  if (match === null || name === "status" || !Object.hasOwn(DEFAULT_VALUES, kind)) {
    const near = nearest(name, FAULT_NAMES);
    throw badFault(text, near === null ? "there is no such fault" : `did you mean "${near}"`);
  }
  const isAfter = match[2] !== undefined;
  if (isAfter && !REPLACING.includes(kind as "drop")) {
    throw badFault(text, `"${name}" always comes after the effect`);
  }
  const value = isStatus ? Number(name) : Number(match[3] ?? DEFAULT_VALUES[kind]);
  const route = match[4] ?? "any";
  if (route !== "any" && route !== "create" && route !== "search") {
    throw badFault(text, `there is no route "${route}"`);
  }
  return { kind, isAfter, value, route, when: parseWhen(text, match[5] ?? "always") };
}

function parseWhen(text: string, when: string): FaultWhen {
  if (when === "always") return { kind: "always" };
  if (when === "once") return { kind: "first", count: 1 };
  const match = /^(?:(first|every)([1-9]\d{0,8})|(\d{1,3})%)$/.exec(when);
  if (match === null) throw badFault(text, `there is no time "${when}"`);
  if (match[3] !== undefined) return { kind: "chance", share: Number(match[3]) / 100 };
  return { kind: match[1] as "first" | "every", count: Number(match[2]) };
}

function badFault(text: string, why: string): RunnerError {
  return new RunnerError("USAGE", `Cannot simulate fault "${text}": ${why}`, {
    hint: `Use ${FAULT_FORM} with one of ${FAULT_NAMES.join(", ")}`,
  });
}

/** The faults of a sandbox and how often each has met a request of its route. */
export interface FaultPlan {
  readonly seed: string | number;
  readonly faults: readonly Fault[];
  readonly meetings: number[];
}

/** A plan whose faults have met no request yet. */
export function createFaultPlan(
  faults: readonly (Fault | string)[],
  seed: string | number,
): FaultPlan {
  const parsed = faults.map((fault) => (typeof fault === "string" ? parseFault(fault) : fault));
  return { seed, faults: parsed, meetings: parsed.map(() => 0) };
}

/** The faults that strike this request. Counts the meeting. */
export function strike(plan: FaultPlan, route: FaultRoute): Fault[] {
  return plan.faults.filter((fault, index) => {
    if (fault.route !== "any" && fault.route !== route) return false;
    const meeting = (plan.meetings[index] ?? 0) + 1;
    plan.meetings[index] = meeting;
    return isTime(fault.when, meeting, uniform(plan.seed, "fault", index, meeting));
  });
}

function isTime(when: FaultWhen, meeting: number, draw: number): boolean {
  switch (when.kind) {
    case "always":
      return true;
    case "first":
      return meeting <= when.count;
    case "every":
      return meeting % when.count === 0;
    case "chance":
      return draw < when.share;
  }
}

/** The first fault of this kind among those that strike. */
export function faultOf(faults: readonly Fault[], kind: FaultKind): Fault | null {
  return faults.find((fault) => fault.kind === kind) ?? null;
}

/** What is answered instead, before or after the effect; null when nothing replaces the answer. */
export function replacementOf(
  faults: readonly Fault[],
  { isAfter, href }: { isAfter: boolean; href: string },
): Reply | "drop" | null {
  for (const fault of faults) {
    if (fault.isAfter !== isAfter) continue;
    const { value } = fault;
    if (fault.kind === "drop") return "drop";
    if (fault.kind === "empty") return jsonReply(value, "");
    if (fault.kind === "garbage") return jsonReply(value, '{"collection":{"items":[');
    if (fault.kind === "html") return htmlReply(value);
    if (fault.kind === "status") return statusReply(value, href);
  }
  return null;
}

function htmlReply(status: number): Reply {
  const page = `<html>\n<head><title>${status}</title></head>\n<body>gateway</body>\n</html>\n`;
  return { status, headers: [["Content-Type", "text/html"]], body: page };
}

function statusReply(status: number, href: string): Reply {
  const message = status === 401 ? "Authorization verification failed with error" : "Error:";
  const error = { code: 0, message: `${message} 'sandbox fault'` };
  const reply = jsonReply(status, collection(href, [], error));
  return status === 429 ? { ...reply, headers: [...reply.headers, ["Retry-After", "1"]] } : reply;
}
