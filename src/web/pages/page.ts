// Page: what every page consists of: data, which is its JSON as well, and how it is drawn.
import type { Sheet } from "../layout.ts";
import type { Seen } from "../site.ts";

/** What a page was asked for. */
export interface Asked {
  /** What stands for `:name` in its path. */
  readonly name: string;
  /** A word of the query; "" when it is not there, or longer than any that is meant. */
  word(name: string): string;
  /** A whole number of the query; null when it is none. */
  number(name: string): number | null;
}

/** What a page was made from, and how it is drawn. */
interface Plan<Data> {
  /** As hono writes paths. */
  readonly path: string;
  /** What it tells; null when there is no such thing. */
  load(seen: Seen, asked: Asked): Promise<Data | null>;
  draw(data: Data, seen: Seen): Sheet;
}

/** A page. */
export interface Page {
  readonly path: string;
  open(seen: Seen, asked: Asked): Promise<Opened | null>;
}

/** A page that was asked for: its data, and the same drawn. */
export interface Opened {
  readonly data: unknown;
  sheet(): Sheet;
}

/** A page by its plan. */
export function pageOf<Data>({ path, load, draw }: Plan<Data>): Page {
  return {
    path,
    async open(seen, asked) {
      const data = await load(seen, asked);
      return data === null ? null : { data, sheet: () => draw(data, seen) };
    },
  };
}

/** Rows in a page of a list. */
export const ROWS = 100;

/** The number in a path; null when it is none. */
export function idOf(text: string): number | null {
  return /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null;
}
