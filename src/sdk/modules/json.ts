// Json: copies of values that JSON can hold, and what is wrong with those that it cannot.
import type { Fault, Path } from "./rules.ts";

/** Levels of objects and lists. Go's decoder refuses 10,000; nobody needs a hundred. */
const DEPTH_MAX = 500;

/**
 * A frozen copy of a value that survives JSON unchanged. Members that are undefined are left out.
 *
 * @param notes.path Of the value, for what is wrong with it.
 * @param notes.faults Gets what JSON would drop, turn into null or refuse.
 */
export function copyJson(value: unknown, notes: { path: Path; faults: Fault[] }): unknown {
  const { path, faults } = notes;
  const why = faultOf(value, path);
  if (why !== null) {
    faults.push({ path, value: typeof value === "symbol" ? "symbol" : value, message: why });
    return null;
  }
  if (Array.isArray(value)) {
    const items = value.map((item, index) => copyJson(item, { path: [...path, index], faults }));
    return Object.freeze(items);
  }
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const copies = members.map(([key, member]) => {
    return [key, copyJson(member, { path: [...path, key], faults })] as const;
  });
  return Object.freeze(Object.fromEntries(copies));
}

function faultOf(value: unknown, path: Path): string | null {
  if (path.length > DEPTH_MAX) return "it nests too deeply, perhaps it contains itself";
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? null : "it has half a surrogate pair in it";
    case "number":
      return Number.isFinite(value) ? null : "JSON has no such number";
    case "boolean":
      return null;
    case "object":
      return isPlain(value) ? null : "JSON holds only plain objects and lists";
    default:
      return `JSON has no ${typeof value}`;
  }
}

function isPlain(value: object | null): boolean {
  if (value === null || Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isForeignPlain(prototype);
}

/** Objects of another realm have a prototype of their own, which has none above it. */
function isForeignPlain(prototype: unknown): boolean {
  return typeof prototype === "object" && Object.getPrototypeOf(prototype) === null;
}
