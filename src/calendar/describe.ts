// Describe: a calendar in plain words, for the person who is about to sign it and the one who
// installs it: what the fleet will be told, when, on how many agents, and what has changed.
//
// Owns:    the words. Every line may hold other people's text: who prints makes it safe to show.
import { encodeJson } from "../lib/go/json.ts";
import type { Action } from "../mig/action.ts";
import { type Instant, SECOND_MS, spanText } from "../time.ts";
import { actionOf, plainAction } from "./action.ts";
import { type Calendar, timeText } from "./file.ts";

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

/** Lines of parameters of one operation; more are counted. */
const PARAMETER_LINES_MAX = 200;

/** The label of a line, and what it says. */
export type Fact = readonly [label: string, text: string];

/** What a calendar would make the fleet do, and when; a fact a row. @throws {CalendarProblem} */
export function describeCalendar(calendar: Calendar): readonly Fact[] {
  const { windows, sequence, requestedAt, schedule, timezone, agents } = calendar;
  const known = agents === null ? "it is not known how many" : `${agents} at the last run`;
  const [first, last] = [windows[0], windows.at(-1)];
  return [
    ["calendar", `number ${sequence} of its job, requested at ${timeText(requestedAt)}`],
    ...describeAction(actionOf(calendar)),
    ["how many", `agents: ${known}`],
    ["how often", `${windows.length} ${windows.length === 1 ? "time" : "times"}`],
    ["first", first === undefined ? "never" : windowWords(first)],
    ["last", last === undefined ? "never" : windowWords(last)],
    ["hours", hoursText(windows.map(({ firesAt }) => firesAt))],
    ["schedule", `${schedule} (${timezone})`],
    ["signers", signersText(calendar)],
  ];
}

/** What an action tells whom to do. @throws {CalendarProblem} When it cannot be unpacked. */
export function describeAction(action: Action): readonly Fact[] {
  return [["agents", `those that match ${action.target}`], ...operationFacts(action)];
}

function operationFacts(action: Action): readonly Fact[] {
  const operations = plainAction(action).operations ?? [];
  return operations.flatMap(({ module, parameters }, index): readonly Fact[] => {
    const deed = DEEDS[module] ?? "a module that this mig-runner does not know";
    const lines = JSON.stringify(JSON.parse(encodeJson(parameters)), null, 2).split("\n");
    const shown = lines.slice(0, PARAMETER_LINES_MAX);
    const more = lines.length - shown.length;
    const rest = more === 0 ? [] : [`… ${more} more lines`];
    const label = operations.length === 1 ? "told to" : `told to ${index + 1}`;
    return [[label, `${module}: ${deed}`], ...[...shown, ...rest].map((line): Fact => ["", line])];
  });
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
  const changed = [...(is ?? new Map())].flatMap(([name, text]) => {
    const other = was?.get(name) ?? "";
    return other === text ? [] : [`${name}: was ${other}, is ${text}`];
  });
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

/** What is compared as one text each. */
function sayings(calendar: Calendar): ReadonlyMap<string, string> {
  const { schedule, timezone, minSigners, windows, job } = calendar;
  const { target } = actionOf(calendar);
  const lives = windows.map(({ validFrom, expireAfter }) => (expireAfter - validFrom) / SECOND_MS);
  return new Map([
    ["job", job],
    ["target", target],
    ["schedule", `${schedule} (${timezone})`],
    ["needed signers", `${minSigners}`],
    ["longest window", spanText(Math.max(...lives) * SECOND_MS)],
  ]);
}
