// Layout: what all pages have in common, and the small pieces that they are made of.
import { shownLine } from "../text.ts";
import { DAY_MS, type Instant } from "../time.ts";
import { formatClock, formatDistance, plural } from "../view/text.ts";
import type { DeedForm } from "./deeds.ts";
import { type Markup, markup, type Piece } from "./markup.ts";
import { jobPath } from "./paths.ts";
import { revisionOf, type Seen } from "./site.ts";

/** The pages that every page leads to. */
const PLACES: readonly (readonly [path: string, name: string])[] = [
  ["/", "Overview"],
  ["/jobs", "Jobs"],
  ["/runs", "Runs"],
  ["/alarms", "Alarms"],
  ["/missed", "Missed"],
  ["/audit", "Audit"],
];

/** One page, without what all have in common. */
export interface Sheet {
  readonly title: string;
  /** Which of the places it belongs to. */
  readonly place: string;
  readonly body: Markup;
  /** What can be done to what it shows, where people may act. @default nothing */
  readonly deeds?: readonly DeedForm[];
  /** What it shows never changes, or costs too much to ask for again and again. @default false */
  readonly isStill?: boolean;
}

/** What stands around a page. */
export interface Frame {
  readonly seen: Pick<Seen, "now" | "directory" | "holder" | "journalAt" | "jobsAt" | "outage">;
  readonly version: string;
  /** Where its style is. */
  readonly style: string;
  /** Where the script is that keeps it up to date. */
  readonly script: string;
  /** The same as JSON; null: there is none. */
  readonly json: string | null;
  /** Who is signed in, and what they can do; null where nobody can act. */
  readonly desk: { readonly person: Piece; readonly acts: Piece } | null;
}

/** Where the script says what it cannot show. */
const NEWS = markup`<span id="live" class="wait" role="status"></span>`;

/** A whole page. */
export function layout({ title, place, body, isStill = false }: Sheet, frame: Frame): Markup {
  const { seen, version, style, script, json, desk } = frame;
  const opening = markup`<body data-revision="${revisionOf(seen)}">`;
  const loads = isStill ? null : markup`<script src="${script}" defer></script>`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title} · mig-runner</title>
<link rel="stylesheet" href="${style}">
<link rel="icon" href="/icon.svg" type="image/svg+xml">${loads}
</head>
${opening}
<a class="skip" href="#main">To the content</a>
<header>
<a class="name" href="/">mig-runner</a>
<nav aria-label="Pages">${PLACES.map(([path, name]) => placeLink(path, { name, place }))}</nav>
<span class="host" id="host">${NEWS}${seen.directory}: ${holderText(seen.holder)}</span>
${desk !== null && markup`<span class="person">${desk.person}</span>`}
</header>
<main id="main">
${seen.outage !== null && markup`<p class="bad" role="alert">${seen.outage}</p>`}
<h1>${title}</h1>
${desk?.acts ?? null}${body}
</main>
<footer id="foot">
<span>Shown at ${formatClock(seen.now)}, times of ${zoneText(seen.now)}</span>
<span>Journal written ${ageText(seen.journalAt, seen.now)}</span>
<span>Jobs read ${ageText(seen.jobsAt, seen.now)}</span>
<span>mig-runner ${version}</span>
${json !== null && markup`<a href="${json}">This page as JSON</a>`}
</footer>
</body>
</html>
`;
}

/** A page for people who are not known: it has nothing of the directory. */
export function outside(
  { title, body, head = null }: { readonly head?: Piece } & Pick<Sheet, "title" | "body">,
  style: string,
): Markup {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">${head}
<title>${title}</title>
<link rel="stylesheet" href="${style}">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<header><a class="name" href="/">mig-runner</a></header>
<main id="main"><h1>${title}</h1>
${body}</main>
</body>
</html>
`;
}

function placeLink(path: string, { name, place }: { name: string; place: string }): Markup {
  return path === place
    ? markup`<a href="${path}" aria-current="page">${name}</a>`
    : markup`<a href="${path}">${name}</a>`;
}

function holderText(holder: number | null): Piece {
  return holder === null
    ? markup`<span class="bad">no mig-runner at work</span>`
    : `process ${holder} at work`;
}

function ageText(at: Instant | null, now: Instant): string {
  return at === null ? "never" : formatDistance(Math.min(at, now), now);
}

/** The offset of the host's zone, such as UTC+02:00. */
function zoneText(now: Instant): string {
  const wall = Date.parse(`${formatClock(now).replace(" ", "T")}Z`);
  const minutes = Math.round((wall - now) / 60_000);
  if (minutes === 0) return "UTC";
  const two = (value: number) => `${Math.trunc(value)}`.padStart(2, "0");
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}

/** A moment: how far away it is, and by the clock. */
export function moment(at: Instant | null, now: Instant): Piece {
  if (at === null) return markup`<span class="soft">–</span>`;
  const clock = formatClock(at);
  const shown = Math.abs(at - now) < DAY_MS ? clock.slice(11) : clock;
  const iso = new Date(at).toISOString();
  return markup`<time datetime="${iso}" title="${clock}">${shown}</time>
<span class="soft">${formatDistance(at, now)}</span>`;
}

/** A moment in a line of text. */
export function since(at: Instant | null, now: Instant): Piece {
  if (at === null) return null;
  const span = formatDistance(at, now).replace(" ago", "");
  const clock = formatClock(at).slice(0, 16);
  return markup`since <time datetime="${new Date(at).toISOString()}">${clock}</time> (${span})`;
}

/** What colour a state has; the word says it too. */
const TONES: Readonly<Record<string, string>> = {
  done: "good",
  delivered: "good",
  success: "good",
  saved: "good",
  settled: "good",
  failed: "bad",
  dead: "bad",
  broken: "bad",
  timeout: "bad",
  cancelled: "bad",
  paused: "wait",
  pending: "wait",
  planned: "wait",
  expired: "wait",
  held: "wait",
};

/** Characters of a state: those of commands are texts of agents. */
const STATE_SIZE_MAX = 60;

/** A state as a word. */
export function stateWord(state: string): Markup {
  return markup`<span class="${TONES[state] ?? "soft"}">${shownLine(state, STATE_SIZE_MAX)}</span>`;
}

/** A link to a job; nothing for what is no job's. */
export function jobLink(job: string | null): Piece {
  return job === null || job === "" ? null : markup`<a href="${jobPath(job)}">${job}</a>`;
}

/** A link to a run. */
export function runLink(run: number | null, text?: string): Piece {
  return run === null ? null : markup`<a href="/runs/${run}">${text ?? `run ${run}`}</a>`;
}

/** One column of a table. */
export type Column =
  | string
  | { readonly name: string; readonly kind: "number" | "time" | "list" | "text" };

/** A table with a heading each column; a sentence when it has no rows. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Piece[])[],
  empty: string,
): Markup {
  if (rows.length === 0) return markup`<p class="soft">${empty}</p>`;
  const kinds = columns.map((column) => (typeof column === "string" ? "plain" : column.kind));
  const names = columns.map((column) => (typeof column === "string" ? column : column.name));
  // What is wider than the window is moved by the keyboard too.
  return markup`<div class="wide" role="group" aria-label="Table" tabindex="0"><table>
<thead><tr>${names.map((name, at) => markup`<th scope="col" class="${kinds[at] ?? ""}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((cells) => row(cells, kinds))}</tbody>
</table></div>`;
}

function row(cells: readonly Piece[], kinds: readonly string[]): Markup {
  return markup`<tr>${cells.map((cell, at) => markup`<td class="${kinds[at] ?? ""}">${cell}</td>`)}</tr>
`;
}

/** What belongs together under names. Null values are left out. */
export function facts(pairs: readonly (readonly [name: string, value: Piece])[]): Markup {
  const told = pairs.filter(([, value]) => value !== null && value !== false && value !== "");
  return markup`<dl>${told.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** A part of a page under its heading. */
export function section(heading: string, body: Piece, count: number | null = null): Markup {
  return markup`<section><h2>${heading}${count !== null && markup` <span class="count">${count}</span>`}</h2>
${body}</section>
`;
}

/** The way to the next page of a list; nothing after the last. */
export function pager(first: string | null, next: string | null): Piece {
  if (first === null && next === null) return null;
  return markup`<p class="pages">${first !== null && markup`<a href="${first}">First page</a>`}
${next !== null && markup`<a href="${next}" rel="next">Next page</a>`}</p>`;
}

/** A path with what of a query is set. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | null>>,
): string {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== "") set.set(name, `${value}`);
  }
  return set.size === 0 ? path : `${path}?${set}`;
}

/** Numbers of commands by status, such as `78 success, 2 expired`. */
export function statusesOf(statuses: Readonly<Record<string, number>>): Piece {
  const parts = Object.entries(statuses).slice(0, 12);
  return parts.map(([status, count], at) => [
    at === 0 ? null : ", ",
    `${count} `,
    stateWord(status),
  ]);
}

/** How many there are, when not all are shown. */
export function ofAll(shown: number, all: number, noun: string): Piece {
  return all > shown
    ? markup`<p class="soft">The first ${shown} of ${plural(all, noun)}.</p>`
    : null;
}
