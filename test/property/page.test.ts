import { expect, test } from "bun:test";
import fc from "fast-check";
import { PageError } from "../../src/lib/json/fault.ts";
import { JsonScanner } from "../../src/lib/json/scan.ts";
import { commandFacts } from "../../src/mig/command.ts";
import { PageSplitter } from "../../src/mig/page.ts";

function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  edges.sort((left, right) => left - right);
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

/** JSON text with white space where it may stand. */
function spaced(value: unknown, spaces: string): string {
  if (Array.isArray(value)) {
    return `[${spaces}${value.map((item) => spaced(item, spaces)).join(`${spaces},`)}${spaces}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, item]) => `${JSON.stringify(name)}${spaces}:${spaces}${spaced(item, spaces)}`,
  );
  return `{${spaces}${members.join(`,${spaces}`)}${spaces}}`;
}

const places = fc.array(fc.nat(100_000), { maxLength: 12 });
const spaces = fc.constantFrom("", " ", "\n\t", "\r\n ");
const values = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue());
const entries = fc.oneof(
  fc.record({ name: fc.constant("command"), value: values }),
  fc.record({ value: values, name: fc.constant("command") }),
  fc.record({ name: fc.constant("command"), value: fc.jsonValue() }),
  fc.record({ name: fc.string(), value: fc.jsonValue(), prompt: fc.string() }),
);
const items = fc.array(fc.record({ href: fc.webUrl(), data: fc.array(entries, { maxLength: 3 }) }));

test("PageSplitter finds what JSON.parse finds, wherever the chunks are cut", () => {
  fc.assert(
    fc.property(items, places, spaces, (list, cuts, space) => {
      const page = { collection: { version: "1.0", items: list, template: {}, error: {} } };
      const named = list.flatMap(({ data }) => data).filter(({ name }) => name === "command");
      const isCommand = ({ value }: { value: unknown }) =>
        typeof value === "object" && value !== null && !Array.isArray(value);
      const wanted = named.filter(isCommand).map(({ value }) => spaced(value, space));
      const found: string[] = [];
      const splitter = new PageSplitter({
        itemSizeMax: 1 << 20,
        onCommand: (bytes) => found.push(new TextDecoder().decode(bytes)),
      });
      const bytes = new TextEncoder().encode(spaced(page, space));
      for (const part of cutAt(bytes, cuts)) splitter.push(part);
      const { commands, strays } = splitter.finish();
      expect(found).toEqual(wanted);
      expect({ commands, strays }).toEqual({
        commands: wanted.length,
        strays: named.length - wanted.length,
      });
    }),
    { numRuns: 300 },
  );
});

function isAccepted(parts: readonly Uint8Array[], watchDepth: number): boolean {
  const listener = {
    wants: () => true,
    token: () => {},
    opens: () => true,
    closes: () => {},
  };
  const scanner = new JsonScanner({ listener, watchDepth, keptMax: 1 << 20 });
  try {
    for (const part of parts) scanner.push(part);
    scanner.finish();
    return true;
  } catch (error) {
    if (error instanceof PageError) return false;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const pieces = fc.constantFrom(
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "0",
  "1",
  "-",
  ".",
  "e",
  "E",
  "+",
  "true",
  "null",
  "u00e9",
  "\\u12",
  '\\"',
  "\n",
  "\u0000",
  " ",
  "a",
  "é",
  "false",
  "tru",
  "1.5e-7",
  '"a":',
  "{}",
);
const mutations = fc.array(
  fc.record({ at: fc.nat(10_000), remove: fc.nat(3), insert: fc.oneof(pieces, fc.constant("")) }),
  { maxLength: 3 },
);

function mutate(text: string, edits: readonly { at: number; remove: number; insert: string }[]) {
  return edits.reduce((before, { at, remove, insert }) => {
    const place = at % (before.length + 1);
    return before.slice(0, place) + insert + before.slice(place + remove);
  }, text);
}

test("JsonScanner accepts exactly what JSON.parse accepts", () => {
  const depths = fc.constantFrom(0, 1, 3, 100);
  fc.assert(
    fc.property(fc.jsonValue(), mutations, places, depths, (value, edits, cuts, depth) => {
      const text = mutate(JSON.stringify(value), edits).toWellFormed();
      const parts = cutAt(new TextEncoder().encode(text), cuts);
      expect(isAccepted(parts, depth)).toBe(isJson(text));
    }),
    { numRuns: 3_000 },
  );
});

test("JsonScanner accepts exactly what JSON.parse accepts, of pieces in any order", () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 8 }), places, (list, cuts) => {
      const text = list.join("");
      const parts = cutAt(new TextEncoder().encode(text), cuts);
      expect(isAccepted(parts, 2)).toBe(isJson(text));
    }),
    { numRuns: 3_000 },
  );
});

test("commandFacts reads what JSON.parse reads", () => {
  const ids = fc.oneof(fc.nat(), fc.constant(28061815341676), fc.jsonValue());
  const action = fc.record({
    id: ids,
    x: fc.jsonValue(),
    counters: fc.dictionary(fc.string(), fc.nat()),
  });
  const commands = fc.record(
    { x: fc.jsonValue(), id: ids, action, agent: fc.jsonValue(), status: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const idOf = (value: unknown) =>
    typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
  fc.assert(
    fc.property(commands, spaces, (value, space) => {
      const facts = commandFacts(new TextEncoder().encode(spaced(value, space)));
      expect(facts.id).toBe(idOf(value.id));
      expect(facts.status).toBe(typeof value.status === "string" ? value.status : null);
      expect(facts.actionId).toBe(idOf(value.action?.id));
      const sent = value.action?.counters.sent ?? 0;
      expect(facts.counters?.sent).toBe(value.action === undefined ? undefined : sent);
    }),
    { numRuns: 500 },
  );
});
