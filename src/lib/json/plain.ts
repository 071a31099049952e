// Plain: values that come back from JSON as they went in, and nothing else.

/**
 * The JSON of a step's value; null for undefined.
 *
 * @throws {TypeError} Naming the place of the first part that JSON cannot hold, such as
 *   `at .hosts[3].seen is a Date`. A member that is undefined is left out, as always.
 */
export function encodeValue(value: unknown): string | null {
  if (value === undefined) return null;
  const fault = findFault(value, "", new Set());
  if (fault !== null) throw new TypeError(fault);
  return JSON.stringify(value);
}

/** A number that JSON can write and no program can hold, such as 1e999. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/**
 * What a JSON text says, as it can be kept.
 *
 * @throws {TooLarge} For a number that would be kept as none.
 * @throws {Error} For what is no JSON.
 */
export function parsePlain(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    const isLost = value === Infinity || value === -Infinity;
    if (isLost) throw new TooLarge("a number in it is too large");
    return value;
  });
}

function findFault(value: unknown, place: string, above: Set<object>): string | null {
  const at = place === "" ? "it" : `at ${place}`;
  switch (typeof value) {
    case "string":
    case "boolean":
      return null;
    case "number":
      return Number.isFinite(value) ? null : `${at} is ${value}`;
    case "object":
      return value === null ? null : faultIn(value, { place, above, at });
    case "undefined":
      return `${at} is undefined`;
    default:
      return `${at} is a ${typeof value}`;
  }
}

interface Place {
  readonly place: string;
  /** The objects around it. */
  readonly above: Set<object>;
  readonly at: string;
}

function faultIn(value: object, { place, above, at }: Place): string | null {
  if (above.has(value)) return `${at} contains itself`;
  const isList = Array.isArray(value);
  if (!isList && !isPlain(value))
    return `${at} is a ${value.constructor?.name ?? "strange object"}`;
  above.add(value);
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined && !isList) continue;
    const fault = findFault(member, `${place}${isList ? `[${key}]` : `.${key}`}`, above);
    if (fault !== null) return fault;
  }
  above.delete(value);
  return null;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
