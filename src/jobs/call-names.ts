// Call names: which names a workflow surely uses twice, as far as its text shows.
//
// Expressions are not understood, only blocks: a call stands for sure behind another when it is in
// the same block or in one inside of that. A run would find it as well, when it comes there.
import { maskOpaque } from "./module.ts";

/** A call whose name is that of a call before it. */
export interface RepeatedName {
  readonly name: string;
  /** As they are written: "approval". */
  readonly call: string;
  readonly line: number;
  readonly before: { readonly call: string; readonly line: number };
}

/** Texts that are left to be read: names of calls. */
const NAME = /^(["'`])[\w .:/-]+\1$/;

/** Calls with a name, those that begin branches with names of their own, brackets, and cases. */
const TOKEN = new RegExp(
  [
    /\brun\s*\.\s*(collect|dispatch|step|sleep|waitFor|approval)\(\s*(["'`])([\w .:/-]+)\2/,
    /\brun\s*\.\s*(?:parallel|map)\(/,
    /\b(?:case\b|default\s*:)/,
    /[{}()[\]]/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

/** What stands in front of a call that is not made each time when its block is. */
const CONDITIONAL = /(?:[?:)&|]|=>|\belse)\s*(?:(?:await|return)\s+)*$/;

type Block = Map<string, RepeatedName["before"]>;

/** All of them, in the order of the text. */
export function repeatedNames(text: string): readonly RepeatedName[] {
  const code = maskOpaque(text, NAME);
  const found: RepeatedName[] = [];
  /** Null: branches, in which names are others. */
  const blocks: (Block | null)[] = [new Map()];
  for (const { 0: token, 1: call, 3: name, index } of code.matchAll(TOKEN)) {
    const block = blocks.at(-1);
    if (call !== undefined && name !== undefined) {
      const line = code.slice(0, index).split("\n").length;
      const before = blocks.includes(null)
        ? undefined
        : blocks.map((each) => each?.get(name)).find((each) => each !== undefined);
      if (before !== undefined) found.push({ name, call, line, before });
      else if (!CONDITIONAL.test(code.slice(0, index))) block?.set(name, { call, line });
      blocks.push(new Map());
    } else if (token.startsWith("run")) blocks.push(null);
    else if ("{([".includes(token)) blocks.push(new Map());
    else if ("})]".includes(token)) blocks.pop();
    else block?.clear();
  }
  return found;
}
