// Breaks: small changes to a source, each of which a test should notice.
//
// Found in the text itself, with comments, strings and types left alone: a condition turned round, a
// comparison moved by one, an operator, a number or a constant exchanged, a statement left out.

/** One change: the text from `start` to `end` is replaced. */
export interface Break {
  readonly line: number;
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is exchanged for what, where it stands between blanks. */
const OPERATORS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "??": "&&",
};

const WORDS: Readonly<Record<string, string>> = {
  true: "false",
  false: "true",
  "Math.min": "Math.max",
  "Math.max": "Math.min",
  some: "every",
  every: "some",
};

/** The same text with the content of comments, strings and patterns blanked out. */
export function blanked(source: string): string {
  const shown = source.split("");
  let at = 0;
  const skip = (end: number): void => {
    for (; at < Math.min(end, source.length); at++) if (shown[at] !== "\n") shown[at] = " ";
  };
  while (at < source.length) {
    const rest = source.slice(at, at + 2);
    if (rest === "//") skip(endOf(source, "\n", at));
    else if (rest === "/*") skip(endOf(source, "*/", at) + 2);
    else if (/["'`]/.test(rest[0] ?? "")) skip(closing(source, at, rest[0] ?? "") + 1);
    else if (rest[0] === "/" && /[(=,:!&|?[]\s*$/.test(source.slice(Math.max(0, at - 20), at)))
      skip(closing(source, at, "/") + 1);
    else at++;
  }
  return shown.join("");
}

function endOf(source: string, text: string, from: number): number {
  const end = source.indexOf(text, from);
  return end < 0 ? source.length : end;
}

function closing(source: string, from: number, quote: string): number {
  // In a class of characters of a pattern its end is a character like any other.
  let isListed = false;
  for (let at = from + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (quote === "/" && source[at] === "[") isListed = true;
    else if (quote === "/" && source[at] === "]") isListed = false;
    else if (source[at] === quote && !isListed) return at;
  }
  return source.length;
}

/** All breaks of a source that it can be read with, in their order. */
export function breaksOf(source: string): readonly Break[] {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const whole = transpiler.transformSync(source);
  return candidatesIn(source).filter((one) => {
    try {
      return transpiler.transformSync(broken(source, one)) !== whole;
    } catch {
      // Such as an `if` before an `else` without its statement.
      return false;
    }
  });
}

function candidatesIn(source: string): readonly Break[] {
  const code = blanked(source);
  const found: Break[] = [];
  let offset = 0;
  let inType = false;
  for (const [index, text] of code.split("\n").entries()) {
    if (/^(?:export )?(?:interface|type) /.test(text)) inType = true;
    if (!inType && !/^(?:import|export \*|\} from)/.test(text)) {
      const line = source.slice(offset, offset + text.length);
      for (const one of lineBreaks(text, line)) {
        const { start, end } = one;
        found.push({ ...one, line: index + 1, start: offset + start, end: offset + end });
      }
    }
    if (inType && /^(?:\}|.*;\s*$)/.test(text) && !/^\s/.test(text)) inType = false;
    offset += text.length + 1;
  }
  return found;
}

type LineBreak = Omit<Break, "line">;

function* lineBreaks(code: string, line: string): Generator<LineBreak> {
  for (const match of code.matchAll(/(?<= )(<=?|>=?|[!=]==|&&|\|\||\?\?|[+-])(?= )/g)) {
    yield at(match.index, match[0], "operator", OPERATORS[match[0]] ?? "");
  }
  for (const match of code.matchAll(
    /\b(true|false|Math\.min|Math\.max)\b|(?<=\.)(some|every)\b/g,
  )) {
    yield at(match.index, match[0], "constant", WORDS[match[0]] ?? "");
  }
  for (const match of code.matchAll(/(?<![\w.$#])\d[\d_]*(?![\w.])/g)) {
    const next = Number(match[0].replaceAll("_", "")) + 1;
    yield at(match.index, match[0], "number", String(next));
  }
  const condition = /^\s*(?:\} else )?(?:if|while) \(/.exec(code);
  if (condition !== null) {
    const start = condition[0].length;
    const end = matching(code, start - 1);
    if (end !== null) {
      const text = `!(${line.slice(start, end)})`;
      yield { kind: "condition", start, end, text };
    }
  }
  // Whole statements, also those behind a condition.
  if (/^\s+(?:await |void |if \(.*\) )?[\w.#?]+(?:\(.*\)|\s[-+?|&]?=\s.*|\+\+);$/.test(code)) {
    const start = code.search(/\S/);
    yield { kind: "statement", start, end: code.length, text: ";" };
  } else if (/^\s+(?:if \(.*\) )(?:return|continue|break|throw)\b.*;$/.test(code)) {
    yield { kind: "statement", start: code.search(/\S/), end: code.length, text: ";" };
  }
}

function at(start: number, written: string, kind: string, text: string): LineBreak {
  return { kind, start, end: start + written.length, text };
}

/** Where the bracket at `open` is closed on the same line. */
function matching(code: string, open: number): number | null {
  let depth = 0;
  for (let index = open; index < code.length; index++) {
    if (code[index] === "(") depth++;
    if (code[index] === ")" && --depth === 0) return index;
  }
  return null;
}

/** The source with one break in it. */
export function broken(source: string, { start, end, text }: Break): string {
  return source.slice(0, start) + text + source.slice(end);
}
