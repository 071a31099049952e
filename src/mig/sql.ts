// Sql: where texts, comments and brackets begin and end in an SQL condition, as PostgreSQL sees it.
//
// Not a parser: it knows no keywords and no operators. It makes sure that a target cannot break out
// of the brackets that the scheduler puts around it.

/** What is still open at the end of a condition; null when nothing is. */
export type Enclosure = "text" | "name" | "comment";

/** What a scan found. */
export interface SqlScan {
  readonly open: Enclosure | null;
  /** What could end the surrounding brackets or hide what follows them, in the order found. */
  readonly mistakes: readonly string[];
}

interface Scanner {
  readonly text: string;
  at: number;
  open: Enclosure | null;
  readonly brackets: string[];
  readonly mistakes: Set<string>;
}

const CLOSES: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/** Looks through a condition once. Pure. */
export function scanSql(text: string): SqlScan {
  const scanner: Scanner = { text, at: 0, open: null, brackets: [], mistakes: new Set() };
  while (scanner.at < text.length) step(scanner);
  for (const bracket of scanner.brackets) {
    scanner.mistakes.add(`the bracket ${bracket} is not closed`);
  }
  if (text.includes("\0")) scanner.mistakes.add("there is a NUL in it");
  return { open: scanner.open, mistakes: [...scanner.mistakes] };
}

/** A word or a number; an E at its end begins no escaped text. */
const WORD = /[A-Za-z0-9_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const PLAIN_TEXT = /'[^']*(?:''[^']*)*('?)/y;
const ESCAPED_TEXT = /[eE]'[^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*('?)/y;
const NAME = /"[^"]*(?:""[^"]*)*("?)/y;
const LINE_COMMENT = /--[^\n]*(\n?)/y;

/** Takes the next thing that is written; the order matters. */
function step(scanner: Scanner): void {
  const isKnown =
    quotation(scanner, ESCAPED_TEXT, "text") ||
    take(scanner, WORD) !== null ||
    dollarText(scanner) ||
    quotation(scanner, PLAIN_TEXT, "text") ||
    quotation(scanner, NAME, "name") ||
    lineComment(scanner) ||
    blockComment(scanner);
  if (!isKnown) punctuation(scanner);
}

function take(scanner: Scanner, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = scanner.at;
  const found = pattern.exec(scanner.text);
  if (found !== null) scanner.at += found[0].length;
  return found;
}

/** Notes what the text ends inside of. */
function leaveOpen(scanner: Scanner, open: Enclosure, mistake: string): void {
  scanner.at = scanner.text.length;
  scanner.open = open;
  scanner.mistakes.add(mistake);
}

function quotation(scanner: Scanner, pattern: RegExp, kind: "text" | "name"): boolean {
  const found = take(scanner, pattern);
  const mark = kind === "text" ? "'" : '"';
  if (found !== null && found[1] === "")
    leaveOpen(scanner, kind, `the quote ${mark} is not closed`);
  return found !== null;
}

function dollarText(scanner: Scanner): boolean {
  const tag = take(scanner, DOLLAR)?.[0];
  if (tag === undefined) return false;
  const end = scanner.text.indexOf(tag, scanner.at);
  scanner.at = end + tag.length;
  if (end < 0) leaveOpen(scanner, "text", `the quote ${tag} is not closed`);
  return true;
}

function lineComment(scanner: Scanner): boolean {
  const found = take(scanner, LINE_COMMENT);
  if (found !== null && found[1] === "") {
    leaveOpen(scanner, "comment", "the comment -- hides what follows the target");
  }
  return found !== null;
}

/** Comments of this kind can stand within each other. */
function blockComment(scanner: Scanner): boolean {
  if (!scanner.text.startsWith("/*", scanner.at)) return false;
  const edges = /\/\*|\*\//g;
  edges.lastIndex = scanner.at;
  let depth = 0;
  for (let edge = edges.exec(scanner.text); edge !== null; edge = edges.exec(scanner.text)) {
    depth += edge[0] === "/*" ? 1 : -1;
    scanner.at = edges.lastIndex;
    if (depth === 0) return true;
  }
  leaveOpen(scanner, "comment", "the comment /* is not closed");
  return true;
}

function punctuation(scanner: Scanner): void {
  const character = scanner.text[scanner.at] ?? "";
  scanner.at += 1;
  if (character === "(" || character === "[") scanner.brackets.push(character);
  if (character === ";") scanner.mistakes.add("a semicolon ends the statement");
  const opener = CLOSES[character];
  if (opener === undefined) return;
  if (scanner.brackets.at(-1) === opener) scanner.brackets.pop();
  else scanner.mistakes.add(`the bracket ${character} closes none of its own`);
}
