// Query: query strings and forms as Go's net/url reads them, and the parameters of a search.
import { encodeText } from "../lib/go/json.ts";
import { formatRfc3339Nano, type GoTime, ZERO_TIME } from "../lib/go/time.ts";
import { parseTimestamp } from "./timestamp.ts";

/** A query string or form: the values of each name in their order, and the first mistake in it. */
export interface Form {
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** In Go's words; null when there is none. Pairs with a mistake are left out. */
  readonly error: string | null;
}

/** Reads `name=value&..`. @see net/url `ParseQuery` of Go 1.19 */
export function parseForm(text: string): Form {
  const values = new Map<string, string[]>();
  let error: string | null = null;
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    if (pair.includes(";")) {
      error ??= "invalid semicolon separator in query";
      continue;
    }
    const [name, ...rest] = pair.split("=");
    const key = unescapeText(name ?? "");
    const value = unescapeText(rest.join("="));
    if ("broken" in key || "broken" in value) {
      const broken = "broken" in key ? key.broken : "broken" in value ? value.broken : "";
      error ??= `invalid URL escape ${encodeText(broken)}`;
      continue;
    }
    const list = values.get(key.text) ?? [];
    list.push(value.text);
    values.set(key.text, list);
  }
  return { values, error };
}

function unescapeText(text: string): { text: string } | { broken: string } {
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/u.exec(text);
  if (broken !== null) return { broken: broken[0] };
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return { text: spaced };
  const bytes = spaced.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString(),
  );
  return { text: bytes };
}

/** A number as Go's strconv.ParseFloat reads it, but for hexadecimal forms; null if it is none. */
export function parseFloatText(text: string): number | null {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : null;
  }
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return null;
}

/** Any id: no filter. */
export const ANY_ID = "∞";
/** Any text: no filter. */
export const ANY = "%";

/** What a search asks for, in the order in which the API prints it. */
export interface SearchParameters {
  actionid: string;
  actionname: string;
  after: GoTime;
  agentid: string;
  agentname: string;
  agentversion: string;
  before: GoTime;
  commandid: string;
  foundanything: boolean;
  investigatorid: string;
  investigatorname: string;
  limit: number;
  loaderid: string;
  loadername: string;
  manifestid: string;
  manifestname: string;
  offset: number;
  report: string;
  status: string;
  target: string;
  threatfamily: string;
  type: string;
}

/** A search as it was understood; `error` says at which parameter the reading stopped. */
export interface SearchQuery {
  readonly parameters: SearchParameters;
  /** Whether foundanything was asked for at all. */
  readonly hasFound: boolean;
  readonly error: string | null;
}

/** A search reaches this far to both sides. @see database/search/parameters.go `DefaultWindow` */
export const WINDOW_SECONDS = 39_600 * 3_600;

function defaultParameters(now: number): SearchParameters {
  const seconds = Math.floor(now / 1000);
  const nanoseconds = Math.round((now - seconds * 1000) * 1_000_000);
  return {
    actionid: ANY_ID,
    actionname: ANY,
    after: { unixSeconds: seconds - WINDOW_SECONDS, nanoseconds, offsetSeconds: 0 },
    agentid: ANY_ID,
    agentname: ANY,
    agentversion: ANY,
    before: { unixSeconds: seconds + WINDOW_SECONDS, nanoseconds, offsetSeconds: 0 },
    commandid: ANY_ID,
    foundanything: false,
    investigatorid: ANY_ID,
    investigatorname: ANY,
    limit: 100,
    loaderid: ANY_ID,
    loadername: ANY,
    manifestid: ANY_ID,
    manifestname: ANY,
    offset: 0,
    report: "",
    status: ANY,
    target: "",
    threatfamily: ANY,
    type: "action",
  };
}

/** Reads the query string of a search. Unknown parameters are ignored, as the API does. */
export function parseSearch(form: Form, now: number): SearchQuery {
  const parameters = defaultParameters(now);
  let hasFound = false;
  for (const [name, [value = ""]] of form.values) {
    const error = setParameter(parameters, name, value);
    if (error !== null) {
      return { parameters, hasFound, error: `parseSearchParameters()-> ${error}` };
    }
    hasFound ||= name === "foundanything";
  }
  return { parameters, hasFound, error: null };
}

/** Sets one parameter; answers what is wrong with it, or null. */
function setParameter(parameters: SearchParameters, name: string, value: string): string | null {
  switch (name) {
    case "after":
    case "before":
      parameters[name] = parseTimestamp(value) ?? ZERO_TIME;
      return parseTimestamp(value) === null ? `${name} date not in RFC3339 format` : null;
    case "limit":
    case "offset":
      parameters[name] = parseFloatText(value) ?? 0;
      return parseFloatText(value) === null ? `invalid ${name} parameter` : null;
    case "foundanything":
      parameters.foundanything = /^true$/i.test(value);
      return /^(?:true|false)$/i.test(value)
        ? null
        : "foundanything parameter must be true or false";
    case "report":
      if (value !== "complianceitems" && value !== "geolocations") return "report not implemented";
      parameters.report = value;
      return null;
    case "actionid":
    case "actionname":
    case "agentid":
    case "agentname":
    case "agentversion":
    case "commandid":
    case "investigatorid":
    case "investigatorname":
    case "loaderid":
    case "loadername":
    case "manifestid":
    case "manifestname":
    case "status":
    case "target":
    case "threatfamily":
    case "type":
      parameters[name] = value;
      return null;
    default:
      return null;
  }
}

/** The parameters as JSON; null when they hold a number that JSON cannot. */
export function encodeParameters(parameters: SearchParameters): string | null {
  if (!Number.isFinite(parameters.limit) || !Number.isFinite(parameters.offset)) return null;
  const members = Object.entries(parameters).map(([name, value]) => {
    if (typeof value === "string") return `"${name}":${encodeText(value)}`;
    if (typeof value === "object") return `"${name}":"${formatRfc3339Nano(value)}"`;
    return `"${name}":${value}`;
  });
  return `{${members.join(",")}}`;
}

/** The query string of the next page. @see database/search/parameters.go `String` */
export function nextPageQuery(parameters: SearchParameters): string {
  const wholeSecond = (time: GoTime) => formatRfc3339Nano({ ...time, nanoseconds: 0 });
  let query =
    `type=${parameters.type}&after=${wholeSecond(parameters.after)}` +
    `&before=${wholeSecond(parameters.before)}`;
  const given = (names: readonly (keyof SearchParameters)[], none: string) => {
    for (const name of names) {
      if (parameters[name] !== none) query += `&${name}=${parameters[name]}`;
    }
  };
  given(["actionid"], ANY_ID);
  given(["actionname"], ANY);
  given(["agentid"], ANY_ID);
  given(["agentname", "agentversion"], ANY);
  given(["commandid", "investigatorid"], ANY_ID);
  given(["investigatorname", "manifestname"], ANY);
  given(["manifestid"], ANY_ID);
  query += `&limit=${parameters.limit.toFixed(0)}`;
  query += `&offset=${(parameters.offset + parameters.limit).toFixed(0)}`;
  given(["status", "threatfamily"], ANY);
  return query.replace(/[%*+]/g, "%25");
}
