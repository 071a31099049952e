// Struct: JSON read into values of known types and written again, as Go's encoding/json does it
// with structs.
//
// A type is described once, by a table of its members; reading, merging, writing and the error
// messages follow from it. Reading goes into a value that may already hold something: Go merges a
// repeated member into what the first one left, and null leaves most types as they are.
import { Buffer } from "node:buffer";
import { assert } from "../../errors.ts";
import { decodeBase64 } from "./base64.ts";
import { encodeJson, encodeNumber, encodeText, type JsonValue, toValue } from "./json.ts";
import { JsonError, type JsonNode, parseJson } from "./syntax.ts";
import { formatRfc3339Nano, type GoTime, parseTimeJson, ZERO_TIME } from "./time.ts";
import { decodeUtf8 } from "./utf8.ts";

/** What a type is made of: the members of a struct, the element of a slice. */
export interface Shape {
  readonly members?: ReadonlyMap<string, Shape>;
  readonly element?: Shape;
}

/** How values of one Go type are read and written. */
export interface Type<Value> extends Shape {
  /** As Go's messages name it, such as `[]string`. */
  readonly name: string;
  zero(): Value;
  /** What `node` makes of `before`. */
  decode(node: JsonNode, before: Value, decoding: Decoding): Value;
  encode(value: Value): string;
  isEmpty(value: Value): boolean;
  /** True for members that are left out when they are empty. */
  readonly omitEmpty?: boolean;
}

/** One reading of a text. */
interface Decoding {
  readonly bytes: Uint8Array;
  /** Names of the members that lead to the value being read. */
  readonly path: string[];
  /** The struct that has the last of them, without its package. */
  struct: string;
  /** The first mistake of type. Go reads on after it, because a bad time is worse. */
  mistake: JsonError | null;
  /**
   * What lists were cut off from when a repeated member made them shorter. Go only moves the end
   * of a slice, so a third one that is longer again finds the old elements and merges with them.
   */
  readonly cutOff: Map<readonly unknown[], readonly unknown[]>;
}

/**
 * The value of a JSON text.
 *
 * @throws {JsonError} With the message of Go's json.Unmarshal.
 * @see encoding/json/decode.go of Go 1.19; test/golden/signing
 */
export function unmarshal<Value>(type: Type<Value>, bytes: Uint8Array): Value {
  const root = parseJson(bytes);
  const decoding: Decoding = { bytes, path: [], struct: "", mistake: null, cutOff: new Map() };
  const value = type.decode(root, type.zero(), decoding);
  if (decoding.mistake !== null) throw decoding.mistake;
  return value;
}

/** Notes that a value cannot go into a type. `what` is the value as Go names it. */
function refuse(decoding: Decoding, node: JsonNode, type: { name: string; what?: string }): void {
  const { path, struct } = decoding;
  const place = path.length === 0 ? "Go value" : `Go struct field ${struct}.${path.join(".")}`;
  const message = `cannot unmarshal ${type.what ?? node.kind} into ${place} of type ${type.name}`;
  decoding.mistake ??= new JsonError(`json: ${message}`, node.start);
}

/** A Go string. */
export const TEXT: Type<string> = {
  name: "string",
  zero: () => "",
  decode(node, before, decoding) {
    if (node.kind === "string") return node.text;
    if (node.kind !== "null") refuse(decoding, node, TEXT);
    return before;
  },
  encode: encodeText,
  isEmpty: (value) => value === "",
};

/** A Go bool. */
export const BOOL: Type<boolean> = {
  name: "bool",
  zero: () => false,
  decode(node, before, decoding) {
    if (node.kind === "bool") return node.value;
    if (node.kind !== "null") refuse(decoding, node, BOOL);
    return before;
  },
  encode: String,
  isEmpty: (value) => !value,
};

/** A Go float64. */
export const FLOAT: Type<number> = {
  name: "float64",
  zero: () => 0,
  decode(node, before, decoding) {
    if (node.kind !== "number") {
      if (node.kind !== "null") refuse(decoding, node, FLOAT);
      return before;
    }
    const number = Number(node.digits);
    if (Number.isFinite(number)) return number;
    refuse(decoding, node, { name: FLOAT.name, what: `number ${node.digits}` });
    return before;
  },
  encode: encodeNumber,
  isEmpty: (value) => value === 0,
};

/** A whole number from `least` to `most`: written without point or exponent, or it is refused. */
function integer(name: string, least: bigint, most: bigint): Type<bigint> {
  const type: Type<bigint> = {
    name,
    zero: () => 0n,
    decode(node, before, decoding) {
      if (node.kind !== "number") {
        if (node.kind !== "null") refuse(decoding, node, type);
        return before;
      }
      // Go reads an unsigned number without looking for a sign, so even -0 is refused.
      const form = least < 0n ? /^-?\d+$/ : /^\d+$/;
      const number = form.test(node.digits) ? BigInt(node.digits) : null;
      if (number !== null && number >= least && number <= most) return number;
      refuse(decoding, node, { name, what: `number ${node.digits}` });
      return before;
    },
    encode: String,
    isEmpty: (value) => value === 0n,
  };
  return type;
}

/** A Go int of 64 bits. */
export const INT: Type<bigint> = integer("int", -(1n << 63n), (1n << 63n) - 1n);
/** A Go uint16. */
export const UINT16: Type<bigint> = integer("uint16", 0n, 0xffffn);
const UINT8: Type<bigint> = integer("uint8", 0n, 0xffn);

/** A Go time.Time. A bad one ends the reading at once, before mistakes of type are reported. */
export const TIME: Type<GoTime> = {
  name: "time.Time",
  zero: () => ZERO_TIME,
  decode(node, before, { bytes }) {
    if (node.kind === "null") return before;
    try {
      return parseTimeJson(bytes.subarray(node.start, node.end));
    } catch (error) {
      assert(error instanceof RangeError);
      throw new JsonError(error.message, node.start, { cause: error });
    }
  },
  encode: (value) => `"${formatRfc3339Nano(value)}"`,
  isEmpty: () => false,
};

/** A Go interface{}. */
export const ANY: Type<JsonValue> = {
  name: "interface {}",
  zero: () => null,
  decode: (node, _before, decoding) =>
    toValue(node, (number) =>
      refuse(decoding, number, { name: FLOAT.name, what: `number ${number.digits}` }),
    ),
  encode: encodeJson,
  isEmpty: (value) => value === null,
};

/** A Go json.RawMessage: the bytes of the value, which nothing looks into; null when absent. */
export const RAW: Type<Uint8Array | null> = {
  name: "json.RawMessage",
  zero: () => null,
  decode: (node, _before, { bytes }) => bytes.subarray(node.start, node.end),
  encode: (value) => (value === null ? "null" : decodeUtf8(value)),
  isEmpty: (value) => value === null,
};

/** A Go slice; null is the nil slice, which is written as `null`. */
export function slice<Value>(element: Type<Value>): Type<readonly Value[] | null> {
  const type: Type<readonly Value[] | null> = {
    name: `[]${element.name}`,
    element,
    zero: () => null,
    decode(node, before, decoding) {
      if (node.kind === "null") return null;
      if (node.kind !== "array") {
        refuse(decoding, node, type);
        return before;
      }
      const old = before === null ? [] : [...before, ...hiddenAfter(before, decoding)];
      const items = node.items.map((item, index) =>
        element.decode(item, index < old.length ? (old[index] as Value) : element.zero(), decoding),
      );
      // An empty list is a new slice: nothing was cut off from it.
      if (items.length > 0) decoding.cutOff.set(items, old.slice(items.length));
      return items;
    },
    encode: (value) => (value === null ? "null" : `[${value.map(element.encode).join(",")}]`),
    isEmpty: (value) => value === null || value.length === 0,
  };
  return type;
}

function hiddenAfter<Value>(list: readonly Value[], { cutOff }: Decoding): readonly Value[] {
  return (cutOff.get(list) ?? []) as readonly Value[];
}

const UINT8_SLICE = slice(UINT8);

/** A Go []byte: base64 in JSON, though Go reads a list of numbers too. */
export const BYTES: Type<readonly bigint[] | null> = {
  ...UINT8_SLICE,
  decode(node, before, decoding) {
    if (node.kind !== "string") return UINT8_SLICE.decode(node, before, decoding);
    try {
      return Array.from(decodeBase64(node.text), BigInt);
    } catch (error) {
      assert(error instanceof RangeError);
      decoding.mistake ??= new JsonError(error.message, node.start, { cause: error });
      return before;
    }
  },
  encode: (value) =>
    value === null ? "null" : `"${Buffer.from(value.map(Number)).toString("base64")}"`,
};

/** The same type for a member that is left out when it is empty. */
export function omitEmpty<Value>(type: Type<Value>): Type<Value> {
  return { ...type, omitEmpty: true };
}

type Name<Value> = keyof Value & string;

/** The types of a struct's members, in the order in which they are written. */
type Members<Value> = { readonly [Key in keyof Value]-?: Type<Value[Key]> };

/**
 * A Go struct.
 *
 * @param name With its package, such as "mig.Action".
 */
export function struct<Value extends object>(name: string, members: Members<Value>): Type<Value> {
  const fields = Object.entries(members) as [Name<Value>, Type<Value[Name<Value>]>][];
  const byName = new Map(fields.map((field) => [field[0] as string, field]));
  const byFoldedName = new Map(fields.map((field) => [foldName(field[0]), field]));
  // Values are never changed in place, so all that begin with nothing may begin with the same.
  let zero: Value | null = null;
  const type: Type<Value> = {
    name,
    members: new Map<string, Shape>(fields),
    zero() {
      zero ??= Object.fromEntries(fields.map(([member, part]) => [member, part.zero()])) as Value;
      return zero;
    },
    decode(node, before, decoding) {
      if (node.kind !== "object") {
        if (node.kind !== "null") refuse(decoding, node, type);
        return before;
      }
      const value = { ...before };
      const outer = decoding.struct;
      for (const { key, value: part } of node.members) {
        const [member, memberType] = byName.get(key) ?? byFoldedName.get(foldName(key)) ?? [];
        if (member === undefined || memberType === undefined) continue;
        decoding.path.push(member);
        decoding.struct = name.slice(name.indexOf(".") + 1);
        value[member] = memberType.decode(part, value[member], decoding);
        decoding.path.pop();
        decoding.struct = outer;
      }
      return value;
    },
    encode(value) {
      const written = fields
        .filter(([member, part]) => part.omitEmpty !== true || !part.isEmpty(value[member]))
        .map(([member, part]) => `"${member}":${part.encode(value[member])}`);
      return `{${written.join(",")}}`;
    },
    isEmpty: () => false,
  };
  return type;
}

/**
 * The name that all spellings of a member's name share. Go compares without regard to case, and
 * two letters outside ASCII fold to one inside: U+017F to s, U+212A to k.
 *
 * @see encoding/json/fold.go of Go 1.19
 */
export function foldName(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replaceAll("\u017F", "s")
    .replaceAll("\u212A", "k");
}
