// Markup: HTML in which every text is somebody else's until it is shown to be ours.
//
// What stands in `${…}` is made visible (text.ts), bounded and escaped; only what this tag has made
// itself goes in as it is. So no page can forget it: a host name is an attacker's text.
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { shownLine } from "../text.ts";

/** HTML that this file has made. */
export type Markup = HtmlEscapedString;

/** What may stand in a template. Null and false are nothing. */
export type Piece = Markup | string | number | null | false | readonly Piece[];

/** Most characters of one text: what is longer is in the JSON, and would push all else aside. */
export const TEXT_SIZE_MAX = 600;

/** HTML from a template. */
export function markup(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  const made = html(strings, ...pieces.map(shown));
  if (made instanceof Promise) throw new TypeError("a page is put together from what is there");
  return made;
}

type Shown = Markup | string | number | null | false | readonly Shown[];

function shown(piece: Piece): Shown {
  if (Array.isArray(piece)) return piece.map(shown);
  return typeof piece === "string" ? shownLine(piece, TEXT_SIZE_MAX) : (piece as Shown);
}
