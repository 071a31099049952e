// Json: values of any shape, read and written as Go's encoding/json does with an interface{}.
//
// A signature covers the bytes that `encodeJson` makes, so it must agree with Go in every one.
import { assert } from "../../errors.ts";
import { JsonError, type JsonNode, parseJson } from "./syntax.ts";
import { compareUtf8 } from "./utf8.ts";

/** Objects are maps: no key is special, and integer-like keys keep their place. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/**
 * The value of a JSON text. Numbers become floats; of repeated keys the last one wins; bytes that
 * are not UTF-8 and halves of surrogate pairs become U+FFFD.
 *
 * @throws {JsonError} With the message of Go's json.Unmarshal.
 * @see encoding/json/decode.go of Go 1.19; test/golden/json
 */
export function decodeJson(bytes: Uint8Array): JsonValue {
  return toValue(parseJson(bytes), (number) => {
    const what = `number ${number.digits} into Go value of type float64`;
    throw new JsonError(`json: cannot unmarshal ${what}`, number.start);
  });
}

type NumberNode = Extract<JsonNode, { readonly kind: "number" }>;
type Container = JsonValue[] | Map<string, JsonValue>;

/**
 * The value of a parsed text.
 *
 * @param onOverflow Called for each number that no float holds, in their order; if it returns, the
 * number is null.
 */
export function toValue(root: JsonNode, onOverflow: (number: NumberNode) => void): JsonValue {
  const top: JsonValue[] = [];
  const waiting: { node: JsonNode; key: string; into: Container }[] = [
    { node: root, key: "", into: top },
  ];
  // Parts are pushed last first, so that the stack gives them back in the order of the text.
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, key, into } = next;
    let value: JsonValue;
    if (node.kind === "array") {
      const items: JsonValue[] = [];
      for (const item of node.items.toReversed()) {
        waiting.push({ node: item, key: "", into: items });
      }
      value = items;
    } else if (node.kind === "object") {
      const members = new Map<string, JsonValue>();
      for (const member of node.members.toReversed()) {
        waiting.push({ node: member.value, key: member.key, into: members });
      }
      value = members;
    } else {
      value = scalarOf(node, onOverflow);
    }
    if (into instanceof Map) into.set(key, value);
    else into.push(value);
  }
  return top[0] ?? null;
}

type ScalarNode = Exclude<JsonNode, { readonly kind: "array" | "object" }>;

function scalarOf(node: ScalarNode, onOverflow: (number: NumberNode) => void): JsonValue {
  switch (node.kind) {
    case "null":
      return null;
    case "bool":
      return node.value;
    case "string":
      return node.text;
    case "number": {
      const number = Number(node.digits);
      if (Number.isFinite(number)) return number;
      onOverflow(node);
      return null;
    }
  }
}

/**
 * The value as compact JSON: keys in the order of their UTF-8 bytes, `<`, `>`, `&`, U+2028 and
 * U+2029 escaped, -0 kept.
 *
 * @see encoding/json/encode.go of Go 1.19; test/golden/json
 */
export function encodeJson(value: JsonValue): string {
  let json = "";
  const waiting: ({ readonly json: string } | { readonly value: JsonValue })[] = [{ value }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if ("json" in next) {
      json += next.json;
    } else if (isList(next.value)) {
      json += "[";
      waiting.push({ json: "]" });
      for (let at = next.value.length - 1; at >= 0; at--) {
        waiting.push({ value: next.value[at] ?? null });
        if (at > 0) waiting.push({ json: "," });
      }
    } else if (isMap(next.value)) {
      json += "{";
      waiting.push({ json: "}" });
      const keys = [...next.value.keys()].sort(compareUtf8);
      for (let at = keys.length - 1; at >= 0; at--) {
        const key = keys[at] ?? "";
        waiting.push({ value: next.value.get(key) ?? null });
        waiting.push({ json: `${at > 0 ? "," : ""}${encodeText(key)}:` });
      }
    } else {
      json += encodeScalar(next.value);
    }
  }
  return json;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isMap(value: JsonValue): value is ReadonlyMap<string, JsonValue> {
  return value instanceof Map;
}

function encodeScalar(value: null | boolean | number | string): string {
  if (typeof value === "number") return encodeNumber(value);
  return typeof value === "string" ? encodeText(value) : String(value);
}

/** A finite number as Go writes a float: as JavaScript does, but with the sign of a negative 0. */
export function encodeNumber(value: number): string {
  assert(Number.isFinite(value), `JSON has no number ${value}`);
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Text as a JSON string. Halves of surrogate pairs become U+FFFD. */
export function encodeText(text: string): string {
  return `"${text.toWellFormed().replace(/["\\<>&\p{Cc}\u2028\u2029]/gu, escapeCharacter)}"`;
}

/** Go 1.19 has short forms for these five only; from Go 1.22 on also for \b and \f. */
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  // DEL and the C1 controls count as control characters in Unicode, but not in JSON.
  if (code >= 0x7f && code < 0xa0) return character;
  return SHORT_ESCAPES[character] ?? `\\u${code.toString(16).padStart(4, "0")}`;
}
