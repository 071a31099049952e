// MozDef compliance: one event for each thing that a file search found or missed, "passes" or
// "fails", as mig's runner-compliance sends them.
//
// [plugin "mozdef-compliance"]
//   url          where complianceitems go, such as https://mozdef:8443/custom/complianceitems
//   api          the MIG API's URL, for the link in each event; its /api/v1 is added if it has no
//                path. Without it events have no link
//   errorurl     where events go about hosts that were not checked. Default: url
//   processname  of the events. Default: mozdef-compliance
//   events       of one command, 1 to 100000. Default: 1000
//   connections  requests at the same time, 1 to 64. Default: 4
//   timeout      for one request. Default: 30s
//
// A host that was not checked (no answer, a failed module, a result that cannot be read) neither
// passes nor fails: it gets an event of category "complianceerrors", so that it is not forgotten.
// Results of other modules than file are passed over.
//
// Of a command with more findings than `events` those that fail go before those that pass. How many
// were left out is in the log and in an event of category "complianceerrors".
//
// A refused event (400, 413, 422) is logged, and the delivery fails for good once the others are
// out; after any other failure it goes on with what is left. Each event has the same
// Idempotency-Key header at each try.
import { hostname } from "node:os";
import { type Command, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import {
  type Answer,
  commandId,
  hostLabel,
  NAME_MAX,
  type Reading,
  readCommand,
} from "./lib/command.ts";
import { formatId, type MozdefEvent, postEvents } from "./lib/mozdef.ts";
import {
  type Members,
  member,
  objectOr,
  readList,
  readObject,
  readText,
  readTexts,
  textOr,
  Unreadable,
} from "./lib/read.ts";
import { duration, text, url, whole } from "./lib/settings.ts";
import { cutText, lineOf } from "./lib/text.ts";

const config = v.strictObject({
  url: url(),
  api: v.optional(url()),
  errorurl: v.optional(url()),
  processname: v.optional(text(), "mozdef-compliance"),
  events: whole({ min: 1, max: 100_000, fallback: 1_000 }),
  connections: whole({ min: 1, max: 64, fallback: 4 }),
  timeout: duration("30s"),
});

type Config = v.InferOutput<typeof config>;

export default plugin({
  config,
  async deliver(result, context) {
    const { connections: width, events: eventsMax, timeout: timeoutMs } = context.config;
    const form = `compliance 1, ${eventsMax} a command`;
    await postEvents(context, eventsOf(result, context.config), { width, timeoutMs, form });
  },
});

/** The checks of a file search, in the order in which an event names them. */
const CHECKS = [
  ["names", "name"],
  ["sizes", "size"],
  ["modes", "mode"],
  ["mtimes", "mtime"],
  ["contents", "content"],
  ["md5", "md5"],
  ["sha1", "sha1"],
  ["sha2", "sha2"],
  ["sha3", "sha3"],
] as const;

async function* eventsOf(result: Result, settings: Config): AsyncGenerator<MozdefEvent> {
  let place = 0;
  for await (const command of result.commands) {
    const about = aboutCommand(command, settings);
    const findings = readFindings(about);
    const id = commandId(about.reading, place++);
    const group = `command ${id} of ${about.host}`;
    for (const [index, item] of findings.items().entries()) {
      const label = `the event about ${lineOf(item.location, NAME_MAX)} of ${about.host}`;
      const event = itemEvent(about, item);
      yield { url: settings.url, group, label, id: `${id}/${index}`, event };
    }
    const { leftOut, troubles } = findings;
    if (troubles.length === 0) continue;
    const label = `the event about the trouble of ${about.host}`;
    const event = errorEvent(about, { troubles, leftOut });
    const url = settings.errorurl ?? settings.url;
    yield { url, group: `${group}, its trouble`, label, id: `${id}/error`, event, leftOut };
  }
}

/** Characters of a list of places, and of a reason; reasons of one command. */
const PLACES_MAX = 4_000;
const TROUBLE_MAX = 1_000;
const TROUBLES_MAX = 50;

/** Entries of a command that are read. */
const ENTRIES_MAX = 250_000;

/** What all events of a command have in common. */
interface About {
  readonly reading: Reading;
  readonly host: string;
  readonly action: Members;
  readonly tags: Members | null;
  readonly policy: { readonly name: string; readonly url: string; readonly level: string };
  readonly ref: string;
  readonly link: string;
  readonly at: string;
  readonly settings: Config;
}

function aboutCommand(command: Command, settings: Config): About {
  const reading = readCommand(command);
  const action = objectOr(command.action);
  const threat = objectOr(member(action, "threat"));
  const tags = objectOr(objectOr(command.agent).tags);
  return {
    reading,
    host: hostLabel(reading),
    action,
    tags: typeof tags.operator === "string" ? { operator: cutText(tags.operator, NAME_MAX) } : null,
    policy: {
      name: cutText(textOr(member(threat, "type")), NAME_MAX),
      url: cutText(textOr(member(objectOr(member(action, "description")), "url")), TROUBLE_MAX),
      level: cutText(textOr(member(threat, "level")), NAME_MAX),
    },
    ref: cutText(textOr(member(threat, "ref")), NAME_MAX),
    link: linkOf(settings.api, reading.id),
    at: new Date().toISOString(),
    settings,
  };
}

/** Where the API shows a command. */
function linkOf(api: string | undefined, id: unknown): string {
  if (api === undefined) return "";
  const base = new URL(api).pathname === "/" ? new URL("/api/v1", api).href : api;
  return `${base.replace(/\/+$/, "")}/command?commandid=${formatId(id)}`;
}

/** One thing that a search found, or missed. */
interface Item {
  readonly search: string;
  /** The file; for a miss the places that were searched. */
  readonly location: string;
  readonly isFound: boolean;
  readonly test: string;
}

/** What a command says of compliance, and what it should have said and does not; within bounds. */
class Findings {
  readonly #max: number;
  readonly #found: PlacedItem[] = [];
  readonly #missed: PlacedItem[] = [];
  readonly #troubles: string[] = [];
  #count = { found: 0, missed: 0, troubles: 0, skipped: 0 };

  constructor(max: number) {
    this.#max = max;
  }

  add(item: Item): void {
    const list = item.isFound ? this.#found : this.#missed;
    this.#count[item.isFound ? "found" : "missed"]++;
    const place = this.#count.found + this.#count.missed;
    if (list.length < this.#max) list.push({ ...item, place });
  }

  /** Whether no more entries are read: there is a bound to how long one command may take. */
  get isFull(): boolean {
    const { found, missed, troubles } = this.#count;
    return found + missed + troubles >= ENTRIES_MAX;
  }

  skip(count: number): void {
    this.#count.skipped += count;
  }

  trouble(why: string): void {
    if (this.#count.troubles++ < TROUBLES_MAX) this.#troubles.push(lineOf(why, TROUBLE_MAX));
  }

  /** In the order of the result. Where there are too many, those that were missed are kept. */
  items(): readonly Item[] {
    const room = this.#max - this.#missed.length;
    const kept = [...this.#missed, ...this.#found.slice(0, room)];
    return kept.sort((one, other) => one.place - other.place);
  }

  get leftOut(): number {
    const { found, missed, skipped } = this.#count;
    return found + missed + skipped - this.items().length;
  }

  /** Why this is not the whole word of the host. */
  get troubles(): readonly string[] {
    const { found, missed, skipped, troubles } = this.#count;
    const more = troubles - this.#troubles.length;
    const all = more > 0 ? [...this.#troubles, `and ${more} more`] : this.#troubles;
    if (this.leftOut === 0) return all;
    const leftFound = found - this.items().filter(({ isFound }) => isFound).length;
    const leftMissed = this.leftOut - leftFound - skipped;
    const unread = skipped === 0 ? "" : `, and ${skipped} that were not read`;
    const what = `${leftFound} that pass and ${leftMissed} that fail${unread}`;
    const count = found + missed + skipped;
    return [`${this.leftOut} of its ${count} findings were left out: ${what}`, ...all];
  }
}

type PlacedItem = Item & { readonly place: number };

function readFindings({ action, reading, settings }: About): Findings {
  const findings = new Findings(settings.events);
  const files = reading.answers.filter(({ module }) => module === "file");
  // Without a file search it has nothing to do with compliance.
  if (files.length === 0 && reading.answers.length > 0) return findings;
  if (reading.status !== "success") {
    findings.trouble(`its command ended as "${reading.status}"`);
  }
  for (const answer of files) {
    if (answer.trouble !== null) findings.trouble(answer.trouble);
    else readAnswer(answer, { searches: searchesOf(action, answer.index), findings });
  }
  return findings;
}

/** The searches that were asked for, by label; none when they were sent compressed. */
function searchesOf(action: Members, index: number): Members {
  const operations = member(action, "operations");
  const operation = objectOr(Array.isArray(operations) ? operations[index] : null);
  return objectOr(member(objectOr(member(operation, "parameters")), "searches"));
}

/** One unreadable entry does not cost the others. */
function readAnswer(
  { elements, index }: Answer,
  { findings, searches }: { readonly findings: Findings; readonly searches: Members },
): void {
  const attempt = (read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      findings.trouble(`operation ${index + 1} (file) gave what cannot be read: ${error.message}`);
    }
  };
  attempt(() => {
    if (elements === null) throw new Unreadable("there are no elements");
    for (const [label, entries] of Object.entries(readObject(elements, "elements"))) {
      attempt(() => {
        const all = readList(entries, `elements.${label}`);
        for (const [place, entry] of all.entries()) {
          if (findings.isFull) return findings.skip(all.length - place);
          const where = `elements.${label}[${place}]`;
          attempt(() => findings.add(readItem(entry, { where, label, searches })));
        }
      });
    }
  });
}

interface ItemPlace {
  readonly where: string;
  readonly label: string;
  readonly searches: Members;
}

/** @throws {Unreadable} */
function readItem(value: unknown, { label, searches, where }: ItemPlace): Item {
  const entry = readObject(value, where);
  const file = readText(member(entry, "file"), `${where}.file`);
  const search = readObject(member(entry, "search"), `${where}.search`);
  const test = describeChecks(search, `${where}.search`);
  const name = cutText(label, NAME_MAX);
  if (file !== "") {
    return { search: name, location: cutText(file, PLACES_MAX), isFound: true, test };
  }
  const own = readTexts(member(search, "paths"), `${where}.search.paths`);
  const given = Object.hasOwn(searches, label) ? searches[label] : null;
  const asked = readTexts(member(objectOr(given), "paths"), "the search's paths");
  const paths = own.length > 0 ? own : asked;
  const location = cutText(paths.join(", "), PLACES_MAX);
  return { search: name, location, isFound: false, test };
}

/** `name='…' and content!='…'`: a check that is turned around is written so. */
function describeChecks(search: Members, where: string): string {
  const options = readObject(member(search, "options"), `${where}.options`);
  const inverted = readTexts(member(options, "mismatch"), `${where}.options.mismatch`);
  const checks = CHECKS.flatMap(([key, name]) => {
    const sign = inverted.includes(name) ? "!=" : "=";
    return readTexts(member(search, key), `${where}.${key}`).map(
      (value) => `${name}${sign}'${value}'`,
    );
  });
  return cutText(checks.join(" and "), PLACES_MAX);
}

function itemEvent(about: About, { isFound, location, search, test }: Item): object {
  const { action, at, host, link, policy, reading, ref, tags } = about;
  const description = cutText(textOr(member(action, "name")), TROUBLE_MAX);
  // The action is the operator's own, the label of the search is the agent's word.
  const names = [ref, description, lineOf(search, NAME_MAX)];
  const rule = names.find((text) => text !== "") ?? "";
  return {
    ...envelope(about, "complianceitems", "INFO"),
    summary: `${host} ${isFound ? "passes" : "fails"} compliance with ${rule}`,
    tags: ["mig", "compliance"],
    details: {
      utctimestamp: at,
      target: reading.host,
      compliance: isFound,
      link,
      tags,
      policy,
      check: {
        ref,
        description,
        name: search,
        location,
        test: { type: "file", value: test },
      },
    },
  };
}

/** There is no `compliance` in it: nothing is known. */
function errorEvent(
  about: About,
  { leftOut, troubles }: Pick<Findings, "leftOut" | "troubles">,
): object {
  const { action, at, host, link, policy, reading, ref, tags } = about;
  const description = cutText(textOr(member(action, "name")), TROUBLE_MAX);
  const rule = ref === "" ? description : ref;
  const checked = leftOut > 0 ? "was not checked in full" : "was not checked";
  return {
    ...envelope(about, "complianceerrors", "WARNING"),
    summary: `${host} ${checked} for compliance with ${rule}: ${troubles[0]}`,
    tags: ["mig", "compliance", "error"],
    details: {
      utctimestamp: at,
      target: reading.host,
      link,
      tags,
      policy,
      check: { ref, description },
      status: reading.status,
      errors: troubles,
    },
  };
}

function envelope({ at, settings }: About, category: string, severity: string): object {
  return {
    timestamp: at,
    category,
    hostname: hostname(),
    processid: process.pid,
    processname: settings.processname,
    severity,
    source: "mig",
  };
}
