// MozDef compliance: one event for each thing that a file search found or missed, "passes" or
// "fails", as mig's runner-compliance sends them.
//
// [plugin "mozdef-compliance"]
//   url          where complianceitems go, such as https://mozdef:8443/custom/complianceitems
//   api          the MIG API's URL, for the link in each event; its /api/v1 is added if it has no
//                path. Without it events have no link
//   errorurl     where events go about hosts that were not checked. Default: url
//   processname  of the events. Default: mozdef-compliance
//   connections  requests at the same time, 1 to 64. Default: 4
//   timeout      for one request. Default: 30s
//
// A host that was not checked (no answer, a failed module, a result that cannot be read) neither
// passes nor fails: it gets an event of category "complianceerrors", so that it is not forgotten.
// Results of other modules than file are passed over.
//
// A refused event (400, 413, 422) is logged, and the delivery fails for good once the others are
// out; after any other failure the whole delivery is made again. Each event has the same
// Idempotency-Key header at each try.
import { hostname } from "node:os";
import { type Command, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { type Answer, hostLabel, type Reading, readCommand } from "./lib/command.ts";
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

const config = v.strictObject({
  url: url(),
  api: v.optional(url()),
  errorurl: v.optional(url()),
  processname: v.optional(text(), "mozdef-compliance"),
  connections: whole({ min: 1, max: 64, fallback: 4 }),
  timeout: duration("30s"),
});

type Config = v.InferOutput<typeof config>;

export default plugin({
  config,
  async deliver(result, context) {
    const { connections: width, timeout: timeoutMs } = context.config;
    await postEvents(context, eventsOf(result, context.config), { width, timeoutMs });
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
  for await (const command of result.commands) {
    const about = aboutCommand(command, settings);
    const { items, troubles } = readItems(about);
    const id = String(about.reading.id);
    for (const [index, item] of items.entries()) {
      const label = `the event about ${item.location} of ${about.host}`;
      const event = itemEvent(about, item);
      yield { url: settings.url, label, id: `${id}/${index}`, event };
    }
    if (troubles.length === 0) continue;
    const label = `the event about the trouble of ${about.host}`;
    const event = errorEvent(about, troubles);
    yield { url: settings.errorurl ?? settings.url, label, id: `${id}/error`, event };
  }
}

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
    tags: typeof tags.operator === "string" ? { operator: tags.operator } : null,
    policy: {
      name: textOr(member(threat, "type")),
      url: textOr(member(objectOr(member(action, "description")), "url")),
      level: textOr(member(threat, "level")),
    },
    ref: textOr(member(threat, "ref")),
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

/** What a command says of compliance, and what it should have said and does not. */
function readItems({ action, reading }: About): {
  readonly items: readonly Item[];
  readonly troubles: readonly string[];
} {
  const items: Item[] = [];
  const troubles: string[] = [];
  const files = reading.answers.filter(({ module }) => module === "file");
  // Without a file search it has nothing to do with compliance.
  if (files.length === 0 && reading.answers.length > 0) return { items, troubles };
  if (reading.status !== "success") troubles.push(`its command ended as "${reading.status}"`);
  for (const answer of files) {
    if (answer.trouble !== null) {
      troubles.push(answer.trouble);
      continue;
    }
    const searches = searchesOf(action, answer.index);
    const read = readAnswer(answer, searches);
    items.push(...read.items);
    troubles.push(...read.troubles);
  }
  return { items, troubles };
}

/** The searches that were asked for, by label; none when they were sent compressed. */
function searchesOf(action: Members, index: number): Members {
  const operations = member(action, "operations");
  const operation = objectOr(Array.isArray(operations) ? operations[index] : null);
  return objectOr(member(objectOr(member(operation, "parameters")), "searches"));
}

/** One unreadable entry does not cost the others. */
function readAnswer({ elements, index }: Answer, searches: Members) {
  const items: Item[] = [];
  const troubles: string[] = [];
  const attempt = (read: () => void): void => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      troubles.push(`operation ${index + 1} (file) gave what cannot be read: ${error.message}`);
    }
  };
  attempt(() => {
    if (elements === null) throw new Unreadable("there are no elements");
    for (const [label, entries] of Object.entries(readObject(elements, "elements"))) {
      attempt(() => {
        for (const [place, entry] of readList(entries, `elements.${label}`).entries()) {
          const where = `elements.${label}[${place}]`;
          attempt(() => void items.push(readItem(entry, { where, label, searches })));
        }
      });
    }
  });
  return { items, troubles };
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
  if (file !== "") return { search: label, location: file, isFound: true, test };
  const own = readTexts(member(search, "paths"), `${where}.search.paths`);
  const asked = readTexts(member(objectOr(searches[label]), "paths"), "the search's paths");
  const paths = own.length > 0 ? own : asked;
  return { search: label, location: paths.join(", "), isFound: false, test };
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
  return checks.join(" and ");
}

function itemEvent(about: About, { isFound, location, search, test }: Item): object {
  const { action, at, host, link, policy, reading, ref, tags } = about;
  const rule = [ref, textOr(member(action, "name")), search].find((text) => text !== "") ?? "";
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
        description: textOr(member(action, "name")),
        name: search,
        location,
        test: { type: "file", value: test },
      },
    },
  };
}

/** There is no `compliance` in it: nothing is known. */
function errorEvent(about: About, troubles: readonly string[]): object {
  const { action, at, host, link, policy, reading, ref, tags } = about;
  const description = textOr(member(action, "name"));
  const rule = ref === "" ? description : ref;
  return {
    ...envelope(about, "complianceerrors", "WARNING"),
    summary: `${host} was not checked for compliance with ${rule}: ${troubles[0]}`,
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
