// Describe: a calendar in plain words, for the person who is about to sign it and the one who
// installs it: what the fleet will be told, when, on how many agents, and what has changed.
//
// Owns:     the words. Every line may hold other people's text: who prints makes it safe to show.
//
// Invariant:
//   D1. Whoever signs sees all of what is signed: nothing is cut, or told by what the request says
//       of itself. What is too long to be read is refused.
import { RunnerError } from "../errors.ts";
import { nextFire, parseSchedule, type Schedule } from "../jobs/schedule.ts";
import { encodeJson } from "../lib/go/json.ts";
import type { Action } from "../mig/action.ts";
import { firstOf } from "../text.ts";
import { type Instant, type Milliseconds, spanText } from "../time.ts";
import { actionOf, plainAction } from "./action.ts";
import { type Calendar, CalendarProblem, timeText, type Window } from "./file.ts";

/** What each module of MIG's agent does, as the person who signs should read it. */
const DEEDS: Readonly<Record<string, string>> = {
  agentdestroy: "ENDS an agent and deletes its program",
  audit: "watches the kernel's audit messages from now on",
  dispatch: "sends messages of the agent elsewhere from now on",
  example: "does what the example module does",
  examplepersist: "does what the example module does, from now on",
  file: "searches files, by name, attributes and content",
  fswatch: "watches files from now on",
  memory: "searches the memory of processes",
  netstat: "looks at addresses, connections and ports",
  ping: "sends network packets to a destination",
  pkg: "looks for installed packages",
  scribe: "evaluates a scribe document",
  sshkey: "looks for SSH keys",
  timedrift: "tells its time, and how far its clock is off",
  yara: "searches files by YARA rules",
};

/** The most lines of one operation's parameters: people do not read more. */
const PARAMETER_LINES_MAX = 100_000;

/** Levels of JSON that are indented; deeper ones stand below each other. */
const LEVELS_MAX = 20;

/** Most characters of one line: what shows lines cuts those that are much longer. */
const LINE_SIZE_MAX = 4_000;

/** The label of a line, and what it says. */
export type Fact = readonly [label: string, text: string];

/** What a calendar would make the fleet do, and when; a fact a row. @throws {CalendarProblem} */
export function describeCalendar(calendar: Calendar): readonly Fact[] {
  const { windows, sequence, requestedAt, agents } = calendar;
  const known = agents === null ? "it is not known how many" : `${agents} at the last run`;
  const first = windows[0];
  const last = windows.at(-1);
  const facts: readonly Fact[] = [
    ["calendar", `number ${sequence} of its job, requested at ${timeText(requestedAt)}`],
    ...describeAction(actionOf(calendar)),
    ["how many", `agents: ${known}`],
    ["how often", `${windows.length} ${windows.length === 1 ? "time" : "times"}`],
    ["first", first === undefined ? "never" : windowWords(first)],
    ["last", last === undefined ? "never" : windowWords(last)],
    ["open", openText(windows)],
    ["hours", hoursText(windows.map(({ firesAt, validFrom }) => Math.max(firesAt, validFrom)))],
    ["schedule", scheduleText(calendar)],
    ["signers", signersText(calendar)],
  ];
  return facts.flatMap(folded);
}

/** A long text in lines that are shown whole. */
export function foldedLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (let rest = text; rest !== "" || lines.length === 0; ) {
    const line = firstOf(rest, LINE_SIZE_MAX);
    lines.push(line);
    rest = rest.slice(line.length);
  }
  return lines;
}

function folded([label, text]: Fact): readonly Fact[] {
  return foldedLines(text).map((line, index): Fact => [index === 0 ? label : "", line]);
}

/** An action's target and operations. @throws {CalendarProblem} When it cannot be unpacked. */
export function describeAction(action: Action): readonly Fact[] {
  const agents: Fact = ["agents", `those that match ${action.target}`];
  return [agents, ...operationFacts(action)].flatMap(folded);
}

function operationFacts(action: Action): readonly Fact[] {
  const operations = plainAction(action).operations ?? [];
  return operations.flatMap(({ module, parameters }, index): readonly Fact[] => {
    const deed = DEEDS[module] ?? "a module that this mig-runner does not know";
    const lines = linesOfJson(encodeJson(parameters));
    if (lines === null) {
      const state = `operation ${index + 1} has more than ${PARAMETER_LINES_MAX} lines of parameters`;
      throw new CalendarProblem(`${state}, which nobody can read`, "make several jobs of it");
    }
    const label = operations.length === 1 ? "told to" : `told to ${index + 1}`;
    return [[label, `${module}: ${deed}`], ...lines.map((line): Fact => ["", line])];
  });
}

const QUOTED = /"(?:[^"\\]|\\.)*"/y;

/** JSON without blanks as lines for people; null: too many. */
function linesOfJson(json: string): readonly string[] | null {
  const lines: string[] = [];
  let line = "";
  let level = 0;
  const next = (): void => {
    lines.push(line);
    line = "  ".repeat(Math.min(level, LEVELS_MAX));
  };
  for (let at = 0; at < json.length && lines.length <= PARAMETER_LINES_MAX; at++) {
    const character = json[at] ?? "";
    if (character === '"') {
      QUOTED.lastIndex = at;
      const [text = character] = QUOTED.exec(json) ?? [];
      line += text;
      at += text.length - 1;
    } else if (/[[{]/.test(character)) {
      line += character;
      if (/[\]}]/.test(json[at + 1] ?? "")) line += json[++at];
      else {
        level++;
        next();
      }
    } else if (/[\]}]/.test(character)) {
      level--;
      next();
      line += character;
    } else {
      line += character === ":" ? ": " : character;
      if (character === ",") next();
    }
  }
  return lines.length >= PARAMETER_LINES_MAX ? null : [...lines, line];
}

/** The schedule that a calendar names. @throws {CalendarProblem} When it fires at other times. */
function scheduleText({ schedule: expression, timezone, windows }: Calendar): string {
  const text = `${expression} (${timezone})`;
  const schedule = scheduleOf(expression, timezone);
  if (schedule === null) return `${text}, which cannot be compared with these times here`;
  const other = windows.findIndex(({ firesAt }) => nextFire(schedule, firesAt - 1) !== firesAt);
  const window = windows[other];
  if (window === undefined) return text;
  const name = `window ${other + 1} at ${timeText(window.firesAt)}`;
  throw new CalendarProblem(
    `${name} is no fire time of the schedule that it names, ${text}`,
    "do not sign it before you know who changed it; else request it again",
  );
}

/** Null for a zone, such as one of the host alone, or an expression that is not known here. */
function scheduleOf(expression: string, timezone: string): Schedule | null {
  try {
    return parseSchedule(expression, { timezone });
  } catch (error) {
    if (error instanceof RunnerError) return null;
    throw error;
  }
}

/** How long agents take the actions, and from when on: of all windows, not of some. */
function openText(windows: readonly Window[]): string {
  const lives = windows.map(({ validFrom, expireAfter }) => expireAfter - validFrom);
  const leads = windows.map(({ firesAt, validFrom }) => firesAt - validFrom);
  const shortest = least(lives);
  const longest = -least(lives.map((ms) => -ms));
  const latest = least(leads);
  const earliest = -least(leads.map((ms) => -ms));
  const longer = windows[lives.indexOf(longest)];
  const most = `${spanText(shortest)} to ${spanText(longest)} (${timeText(longer?.firesAt ?? 0)})`;
  const life = shortest === longest ? spanText(longest) : most;
  const from = latest === earliest ? "" : `${leadText(earliest)} to `;
  return `for ${life}, from ${from}${leadText(latest)} each fire time`;
}

function leadText(leadMs: Milliseconds): string {
  return leadMs < 0 ? `${spanText(-leadMs)} after` : `${spanText(leadMs)} before`;
}

function least(all: readonly number[]): number {
  return all.reduce((low, each) => Math.min(low, each), Number.POSITIVE_INFINITY);
}

function windowWords({ firesAt, validFrom, expireAfter }: Calendar["windows"][0]): string {
  const life = spanText(expireAfter - validFrom);
  return `${timeText(firesAt)}, valid from ${timeText(validFrom)} for ${life}`;
}

/** Which hours of the day in UTC, with how many fire times in each. */
function hoursText(times: readonly Instant[]): string {
  const counts = new Map<string, number>();
  for (const at of times) {
    const hour = timeText(at).slice(11, 13);
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
  }
  const listed = [...counts].toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `in UTC ${listed.map(([hour, count]) => `${hour}h (${count})`).join(" ")}`;
}

function signersText({ signers, minSigners }: Calendar): string {
  const whole = signers.filter(({ manifest }) => manifest !== null);
  const names = whole.map(({ fingerprint }) => fingerprint).join(", ");
  const open = signers.length > whole.length ? ", one more has begun" : "";
  return `${minSigners} needed, signed by ${names === "" ? "no one" : names}${open}`;
}

/**
 * What is new in a calendar; empty when only its times have moved on.
 *
 * @throws {CalendarProblem} When an action of them is none.
 */
export function differences(before: Calendar, calendar: Calendar): readonly string[] {
  const [old, now] = [before, calendar].map((each) => plainAction(actionOf(each)));
  const [was, is] = [before, calendar].map((each) => sayings(each));
  const isOlder = calendar.sequence < before.sequence;
  const older = `number: was ${before.sequence}, is ${calendar.sequence}: the host counts from there`;
  const texts = [...(is ?? new Map())].flatMap(([name, text]) => {
    const other = was?.get(name) ?? "";
    return other === text ? [] : [`${name}: was ${other}, is ${text}`];
  });
  const changed = isOlder ? [older, ...texts] : texts;
  const count = Math.max(old?.operations?.length ?? 0, now?.operations?.length ?? 0);
  for (let index = 0; index < count; index++) {
    const [left, right] = [old, now].map((action) => {
      const operation = action?.operations?.[index];
      if (operation === undefined) return "nothing";
      return `${operation.module} ${encodeJson(operation.parameters)}`;
    });
    if (left !== right) changed.push(`operation ${index + 1}: was ${left}, is ${right}`);
  }
  return changed;
}

/** The parts of a calendar that are compared, each as one text. */
function sayings(calendar: Calendar): ReadonlyMap<string, string> {
  const { schedule, timezone, minSigners, windows, job } = calendar;
  const { target } = actionOf(calendar);
  const lives = windows.map(({ validFrom, expireAfter }) => validFrom - expireAfter);
  return new Map([
    ["job", job],
    ["target", target],
    ["schedule", `${schedule} (${timezone})`],
    ["needed signers", `${minSigners}`],
    ["longest window", spanText(-least(lives))],
  ]);
}
