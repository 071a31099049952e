// Json: what the sandbox needs beside Go's JSON (lib/go/json.ts): texts instead of bytes, members
// in the order of a Go struct, and plain JavaScript values.
import { Buffer } from "node:buffer";
import { decodeJson, encodeJson, encodeText, type JsonValue } from "../lib/go/json.ts";

/** Reads one JSON text. @throws {JsonError} With the words of Go's encoding/json. */
export function parseJson(text: string): JsonValue {
  return decodeJson(Buffer.from(text));
}

/** JSON in one line with the members in their order, as Go's json.Marshal writes a struct. */
export function encodeOrdered(value: JsonValue): string {
  if (value instanceof Map) {
    const members = [...value].map(
      ([key, member]) => `${encodeText(key)}:${encodeOrdered(member)}`,
    );
    return `{${members.join(",")}}`;
  }
  return Array.isArray(value) ? `[${value.map(encodeOrdered).join(",")}]` : encodeJson(value);
}

/** A plain JavaScript value as JSON: objects become maps, undefined members are left out. */
export function jsonOf(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return value;
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Map) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([key, member]) => [key, jsonOf(member)]));
}

/** The plain JavaScript value of a JSON value. */
export function plainOf(value: JsonValue): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, member]) => [key, plainOf(member)]));
  }
  return Array.isArray(value) ? value.map(plainOf) : value;
}
