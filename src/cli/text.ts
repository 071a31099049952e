// Text: tables and wrapped lines for people, within 100 columns.
import { shownLine } from "../text.ts";

/** Nothing but a word that is longer itself goes beyond this column. */
export const COLUMNS_MAX = 100;

/** A last cell narrower than this is not worth wrapping: it begins on a line of its own. */
const LAST_WIDTH_MIN = 24;

const GAP = "  ";

/** Widest cell that others are aligned by. */
const ALIGNED_MAX = 60;

/** Most characters of one cell, or of one text that is wrapped: a screen and a half. */
const CELL_SIZE_MAX = 4_000;

/**
 * `text` in lines that begin with `indent` and end before COLUMNS_MAX, broken between words. Every
 * line after the first is indented `hang` further. Nothing is cut off.
 */
export function wrapText(text: string, indent: string, hang = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of shownCell(text)
    .split(/\s+/)
    .filter((part) => part !== "")) {
    const start = lines.length === 0 ? indent : `${indent}${hang}`;
    if (line === "") line = `${start}${word}`;
    else if (widthOf(line) + 1 + widthOf(word) <= COLUMNS_MAX) line += ` ${word}`;
    else {
      lines.push(line);
      line = `${indent}${hang}${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/**
 * Rows as aligned columns, each row beginning with `indent`. The last cell is wrapped under
 * itself; when the cells before it leave no room, it goes below them.
 */
export function renderTable(table: readonly (readonly string[])[], indent = GAP): string[] {
  const rows = table.map((row) => row.map(shownCell));
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: Math.max(0, count - 1) }, (_, index) =>
    Math.max(0, ...rows.map((row) => alignedWidth(row[index] ?? ""))),
  );
  return rows.flatMap((row) => {
    const last = row[count - 1] ?? "";
    const cells = widths.map((width, index) => pad(row[index] ?? "", width));
    const head = `${indent}${cells.map((cell) => `${cell}${GAP}`).join("")}`;
    if (last === "") return [head.trimEnd()];
    const room = COLUMNS_MAX - widthOf(head);
    if (widthOf(last) > room && room < LAST_WIDTH_MIN) {
      return [head.trimEnd(), ...wrapText(last, `${indent}${GAP}${GAP}`)];
    }
    const [first = "", ...more] = wrapText(last, " ".repeat(widthOf(head)));
    return [`${head}${first.trimStart()}`, ...more];
  });
}

/** What stands in a cell, before its width is measured: see text.ts. */
function shownCell(text: string): string {
  return shownLine(text, CELL_SIZE_MAX).replaceAll("\t", "\\t");
}

/** A cell that is very long stands out of its column, and does not push those of all other rows. */
function alignedWidth(text: string): number {
  const width = widthOf(text);
  return width > ALIGNED_MAX ? 0 : width;
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

function widthOf(text: string): number {
  return [...text].length;
}
