// Reports: the commands of a search in the two other forms that the API can give them.
//
// A compliance item is one file that a search of the module `file` names: compliant when the file
// was found. Locations need a database that neither this API nor most real ones have.

import { formatRfc3339Nano } from "../lib/go/time.ts";
import { encodeItem } from "./envelope.ts";
import { encodeOrdered, jsonOf } from "./json.ts";
import { finishOf } from "./print.ts";
import type { SearchParameters } from "./query.ts";
import { resultsOf, type Store, type StoredAction, type StoredCommand, statusOf } from "./store.ts";

/** A command that a search has found. */
export interface FoundCommand {
  readonly stored: StoredAction;
  readonly command: StoredCommand;
}

/** The items of a report, or why there is none. */
export type Report =
  | { readonly kind: "items"; readonly items: readonly string[] }
  | { readonly kind: "error"; readonly message: string };

/** The report that a search asked for, of what it found; null for a search of other things. */
export function reportOf(
  store: Store,
  parameters: SearchParameters,
  found: readonly FoundCommand[] | null,
  { baseUrl, now }: { readonly baseUrl: string; readonly now: number },
): Report {
  const isCompliance = parameters.report === "complianceitems";
  if (found === null) {
    const what = isCompliance ? "compliance items" : "geolocations";
    const message = `${what} reporting is only available for the 'command' type`;
    return { kind: "error", message };
  }
  if (!isCompliance) return { kind: "error", message: "maxmind database not initialized" };
  // The API takes a list of tags for granted, which an agent without any has not.
  if (found.some(({ command }) => command.agent.tags === null)) {
    const message = "interface conversion: interface {} is nil, not map[string]interface {}";
    return { kind: "error", message };
  }
  const items = found.flatMap((one) => complianceItems(store, one, { baseUrl, now }));
  // The API stops after the first item whose index is above the limit: two too many.
  const shown = items.slice(0, Math.max(Math.floor(parameters.limit) + 2, 1));
  const { actionid, commandid } = parameters;
  return {
    kind: "items",
    items: shown.map((item) => {
      const href =
        `${baseUrl}/search?type=command?agentname=${item.target}&commandid=${commandid}` +
        `&actionid=${actionid}&threatfamily=compliance&report=complianceitems`;
      return encodeItem(href, "compliance item", encodeOrdered(jsonOf(item)));
    }),
  };
}

function complianceItems(
  store: Store,
  { stored, command }: FoundCommand,
  { baseUrl, now }: { readonly baseUrl: string; readonly now: number },
) {
  const status = statusOf(store, stored, command, now);
  const { action } = stored;
  const threat = JSON.parse(action.threat) as Partial<Record<string, string>>;
  const description = JSON.parse(action.description) as Partial<Record<string, string>>;
  const { agent } = command;
  const operator = agent.tags?.operator;
  const checks = resultsOf(store, stored, command, status).flatMap(({ elements }, index) => {
    return action.operations?.[index]?.module === "file" ? checksOf(elements) : [];
  });
  return checks.map(({ isCompliant, ...check }) => ({
    utctimestamp: formatRfc3339Nano(finishOf(store, stored, command, status)),
    target: agent.name,
    policy: {
      name: threat.type ?? "",
      url: description.url ?? "",
      level: threat.level ?? "",
    },
    check: { ref: threat.ref ?? "", description: action.name, ...check },
    compliance: isCompliant,
    link: `${baseUrl}/command?commandid=${command.id}`,
    tags: operator === undefined ? null : { operator },
  }));
}

/** What a match tells of the search that it is of. */
interface FileMatch {
  readonly file?: string;
  readonly search?: Readonly<Record<string, readonly string[] | undefined>>;
}

/** The parts of a search in the API's order, and what it calls them. */
const PARTS = ["names", "sizes", "modes", "mtimes", "contents", "md5", "sha1", "sha2", "sha3"];

function checksOf(elements: unknown) {
  const searches = Object.entries((elements ?? {}) as Record<string, readonly FileMatch[] | null>);
  return searches.flatMap(([name, matches]) =>
    (matches ?? []).map(({ file = "", search = {} }) => ({
      name,
      location: file === "" ? (search.paths ?? []).join(", ") : file,
      test: { type: "file", value: testOf(search) },
      isCompliant: file !== "",
    })),
  );
}

function testOf(search: NonNullable<FileMatch["search"]>): string {
  return PARTS.flatMap((part) =>
    (search[part] ?? []).map((value) => `${part.replace(/s$/, "")}='${value}'`),
  ).join(" and ");
}
