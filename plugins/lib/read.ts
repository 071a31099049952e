// Read: what agents sent, read with care. Nobody has checked it: a module may be of another
// version, and an agent may be in other hands.
//
// As the original does, a member is known in any letter case, and one that is missing or null is
// the empty value of its type. Any other type is `Unreadable`.

/** Something that an agent sent is not of the form that its module gives it. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

/** Members of an object, as they came. */
export type Members = Readonly<Record<string, unknown>>;

/** A member, its name in any letter case; the last one wins. */
export function member(members: Members, name: string): unknown {
  if (Object.hasOwn(members, name)) return members[name];
  const wanted = name.toLowerCase();
  const own = Object.keys(members).findLast((key) => key.toLowerCase() === wanted);
  return own === undefined ? undefined : members[own];
}

/** @throws {Unreadable} */
export function readObject(value: unknown, where: string): Members {
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Members;
  throw new Unreadable(`${where} is no object`);
}

/** @throws {Unreadable} */
export function readList(value: unknown, where: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new Unreadable(`${where} is no list`);
}

/** @throws {Unreadable} */
export function readText(value: unknown, where: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  throw new Unreadable(`${where} is no text`);
}

/** @throws {Unreadable} */
export function readTexts(value: unknown, where: string): readonly string[] {
  return readList(value, where).map((item, index) => readText(item, `${where}[${index}]`));
}

/** @throws {Unreadable} */
export function readFlag(value: unknown, where: string): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw new Unreadable(`${where} is neither true nor false`);
}

/** A text, or the empty one for whatever else it is. */
export function textOr(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback;
}

/** An object, or an empty one for whatever else it is. */
export function objectOr(value: unknown): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Members)
    : {};
}

/** A list, or an empty one for whatever else it is. */
export function listOr(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
