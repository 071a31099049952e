// Deeds: what people may do from the page, each a verb of the command line: its words, its flags,
// and the form that asks for them.
//
// Owns:     which verbs there are here, and what of a form becomes which word.
// Not here: who may (desk.ts), what a verb does (cli/).
import { type Markup, markup } from "./markup.ts";
import { jobPath } from "./paths.ts";

/** A verb, as it would be typed. */
export interface Order {
  readonly verb: DeedVerb;
  readonly words: readonly string[];
  readonly flags: readonly (readonly [name: string, value: string])[];
}

/** A field of a form: a word of the verb, or one of its flags. */
interface Field {
  readonly name: string;
  readonly label: string;
  /** Lines: the flag once for each that is not empty. */
  readonly kind: "text" | "lines" | "switch";
  readonly isWanted?: true;
}

interface Deed {
  readonly button: string;
  /** Which fields are its words, in order; an empty one ends them. */
  readonly words: readonly string[];
  readonly fields: readonly Field[];
}

const WHY: Field = { name: "why", label: "Why", kind: "text" };
const PLUGIN: Field = { name: "plugin", label: "Only this plugin", kind: "text" };

const DEEDS = {
  run: {
    button: "Run now",
    words: ["job"],
    fields: [
      { name: "set", label: "Parameters, NAME=VALUE a line", kind: "lines" },
      { name: "at", label: "Not now but at (RFC 3339, or 3h)", kind: "text" },
    ],
  },
  pause: {
    button: "Pause",
    words: ["job"],
    fields: [{ name: "until", label: "Until (RFC 3339, or 8h, 3d)", kind: "text" }, WHY],
  },
  unpause: { button: "Unpause", words: ["job"], fields: [WHY] },
  redeliver: { button: "Redeliver", words: ["action"], fields: [PLUGIN] },
  drop: { button: "Drop", words: ["subject"], fields: [] },
  approve: { button: "Approve", words: ["run", "name"], fields: [WHY] },
  deny: { button: "Deny", words: ["run", "name"], fields: [WHY] },
  answer: {
    button: "Answer",
    words: ["run", "name", "json"],
    fields: [
      { name: "json", label: "Answer in JSON; a text in quotes", kind: "text", isWanted: true },
      WHY,
    ],
  },
  resume: {
    button: "Resume",
    words: ["run"],
    fields: [{ name: "with-new-source", label: "With the present job.ts", kind: "switch" }],
  },
} as const satisfies Readonly<Record<string, Deed>>;

/** A verb that can be called from the page. */
export type DeedVerb = keyof typeof DEEDS;

/** All of them. */
const DEED_VERBS = Object.keys(DEEDS) as readonly DeedVerb[];

/** A form on a page: a verb, with the words that are known there. */
export interface DeedForm {
  readonly verb: DeedVerb;
  readonly known: Readonly<Record<string, string>>;
  /** What it is done to, where a page has several. */
  readonly what?: string;
}

/** A verb by its name; null: none that can be called from here. */
export function deedVerb(name: string): DeedVerb | null {
  return DEED_VERBS.find((verb) => verb === name) ?? null;
}

/** What a form asks for. Fields that the verb does not have are left aside. */
export function orderOf(verb: DeedVerb, form: URLSearchParams): Order {
  const { words, fields }: Deed = DEEDS[verb];
  const given = words.map((name) => form.get(name)?.trim() ?? "");
  const end = given.indexOf("");
  const flags = fields
    .filter(({ name }) => !words.includes(name))
    .flatMap(({ name, kind }) => {
      const text = form.get(name)?.trim() ?? "";
      if (kind === "switch") return text === "" ? [] : [[name, "true"] as const];
      const values = kind === "lines" ? text.split(/\r?\n/).map((line) => line.trim()) : [text];
      return values.filter((value) => value !== "").map((value) => [name, value] as const);
    });
  return { verb, words: end < 0 ? given : given.slice(0, end), flags };
}

/** The page that shows what came of it, of those that there are. */
export function pageAfter({ verb, words: [job = ""] }: Order, form: URLSearchParams): string {
  if (verb === "run" || verb === "pause" || verb === "unpause") return jobPath(job);
  const run = form.get("run") ?? "";
  return /^\d{1,16}$/.test(run) ? `/runs/${run}` : "/";
}

/**
 * A form, folded: one that is open is not replaced by news. A word that cannot be shown as it is
 * means nothing to its verb.
 *
 * @param proof See desk.ts.
 */
export function deedForm({ verb, known, what = "" }: DeedForm, proof: string): Markup {
  const { button, fields }: Deed = DEEDS[verb];
  const hidden = { ...known, proof };
  return markup`<details><summary>${button}${what === "" ? null : ` ${what}`}</summary>
<form method="post" action="/act/${verb}">
${Object.entries(hidden).map(
  ([name, value]) => markup`<input type="hidden" name="${name}" value="${value}">`,
)}
${fields.map(fieldOf)}<button>${button}</button></form></details>
`;
}

function fieldOf({ name, label, kind, isWanted }: Field): Markup {
  if (kind === "switch") {
    return markup`<label class="line"><input type="checkbox" name="${name}" value="1"> ${label}</label>`;
  }
  if (kind === "lines") {
    return markup`<label>${label}<textarea name="${name}" rows="2" cols="30"></textarea></label>`;
  }
  return isWanted === true
    ? markup`<label>${label}<input type="text" name="${name}" autocomplete="off" required></label>`
    : markup`<label>${label}<input type="text" name="${name}" autocomplete="off"></label>`;
}
