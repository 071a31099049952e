// Traces: the answers of the modules that look into files and processes.
import {
  durationText,
  type ModuleResult,
  nameFromPattern,
  objectOf,
  type Question,
  Refusal,
  textsOf,
} from "./module.ts";
import { hash, hexDigits, pick, uniform } from "./random.ts";

type Search = Readonly<Record<string, unknown>>;

/** The checks of a file search, in the order in which the module reports them. */
const FILE_CHECKS = [
  "names",
  "contents",
  "sizes",
  "modes",
  "mtimes",
  "md5",
  "sha1",
  "sha2",
  "sha3",
];
const NO_FILE = { file: "", fileinfo: { size: 0, mode: "", lastmodified: "" } };

/** The module file: one entry for each search, or for each of its checks without matchall. */
export function fileAnswer(question: Question): ModuleResult {
  const searches = Object.entries(objectOf(question.parameters, "searches"));
  const elements = new Map<string, unknown>();
  let hits = 0;
  for (const [index, [name, value]] of searches.entries()) {
    const search = value as Search;
    const paths = textsOf(search, "paths");
    if (paths.length === 0) throw new Refusal(`empty search path in search '${name}'`);
    const checks = FILE_CHECKS.filter((check) => textsOf(search, check).length > 0);
    // Whoever finds something finds it by the first search, and perhaps by others.
    const found = question.found && (index === 0 || uniform(question.label, name) < 0.9);
    if (objectOf(search, "options").matchall === true) {
      elements.set(name, [fileEntry(question, search, found)]);
      hits += Number(found);
    } else {
      const entries = checks.map((check) =>
        fileEntry(question, { paths, [check]: search[check], options: search.options }, found),
      );
      elements.set(name, entries.length === 0 ? null : entries);
      hits += found ? entries.length : 0;
    }
  }
  return {
    foundanything: hits > 0,
    success: true,
    elements: Object.fromEntries(elements),
    statistics: {
      exectime: durationText(question.label),
      filescount: 1 + (hash(question.label, "files") % 4_000),
      openfailed: 0,
      totalhits: hits,
    },
  };
}

function fileEntry({ label }: Question, search: Search, found: boolean): object {
  const given = objectOf(search, "options");
  const options = {
    ...given,
    maxdepth: 0,
    maxerrors: 0,
    matchall: given.matchall === true,
    macroal: given.macroal === true,
    mismatch: Array.isArray(given.mismatch) ? given.mismatch : null,
    matchlimit: 0,
  };
  const echoed = { ...search, options };
  if (!found) return { ...NO_FILE, search: echoed };
  const folder = (textsOf(search, "paths")[0] ?? "/").replace(/\/+$/, "");
  const name = nameFromPattern(textsOf(search, "names")[0] ?? "", "found.conf");
  const day = new Date(Date.UTC(2026, 0, 1 + (hash(label, "day") % 300), 12));
  const fileinfo = {
    size: 100 + (hash(label, "size") % 20_000),
    mode: "-rw-r--r--",
    lastmodified: `${day.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`,
    sha256: given.returnsha256 === true ? hexDigits(64, label, "sha256").toUpperCase() : undefined,
  };
  return { file: `${folder}/${name}`, fileinfo, search: echoed };
}

/** The module memory: a process for each search, or the nameless one that stands for none. */
export function memoryAnswer({ parameters, found, label }: Question): ModuleResult {
  const elements = new Map<string, unknown>();
  const searches = Object.entries(objectOf(parameters, "searches"));
  for (const [name, value] of searches) {
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) throw new Refusal(`invalid search label '${name}'`);
    const search = value as Search;
    const wanted = textsOf(search, "names")[0] ?? "";
    const path = nameFromPattern(wanted, "/usr/sbin/sshd");
    const process = found
      ? {
          name: path.startsWith("/") ? path : `/usr/sbin/${path}`,
          pid: 100 + (hash(label, name) % 30_000),
        }
      : { name: "", pid: 0 };
    elements.set(name, [{ process, search }]);
  }
  return {
    foundanything: found && searches.length > 0,
    success: true,
    elements: Object.fromEntries(elements),
    statistics: {
      exectime: durationText(label),
      memoryread: hash(label, "memory") % 500_000_000,
      processcount: 80 + (hash(label, "processes") % 200),
      totalhits: found ? searches.length : 0,
    },
  };
}

/** The module sshkey: a few keys below the asked paths. */
export function sshkeyAnswer({ parameters, found, label }: Question): ModuleResult {
  const depth = parameters.maxdepth;
  if (typeof depth === "number" && (depth < 0 || depth > 1000)) {
    throw new Refusal("maxdepth must be between 0 and 1000");
  }
  const paths = textsOf(parameters, "paths");
  const folder = pick(paths.length === 0 ? ["/root", "/home/admin"] : paths, label, "folder");
  const isEncrypted = uniform(label, "encrypted") < 0.3;
  const md5 = hexDigits(32, label, "md5").replace(/(..)(?=.)/g, "$1:");
  const sha256 = Buffer.from(hexDigits(64, label, "sha"), "hex")
    .toString("base64")
    .slice(0, 43);
  const key = {
    fingerprint_md5: isEncrypted ? "" : md5,
    fingerprint_sha256: isEncrypted ? "" : sha256,
    path: `${folder}/.ssh/id_rsa`,
    encrypted: isEncrypted,
    type: "private",
  };
  return { foundanything: found, success: true, elements: { keys: found ? [key] : null } };
}

/** The module yara: one file that matches the first rule. */
export function yaraAnswer({ parameters, found }: Question): ModuleResult {
  const rules = parameters.yara;
  if (typeof rules !== "string" || rules === "") throw new Refusal("no yara rules provided");
  const rule = /\brule\s+(\w+)/.exec(rules)?.[1] ?? "rule";
  const search = typeof parameters.filesearch === "string" ? parameters.filesearch : "";
  const folder = /-path\s+(\S+)/.exec(search)?.[1] ?? "/usr/bin";
  const isHit = found && search !== "";
  return {
    foundanything: isHit,
    success: true,
    elements: { Matches: isHit ? [{ Object: `${folder}/sshd`, MatchedRules: [rule] }] : null },
  };
}
