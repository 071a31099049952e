// Lint: what is odd about an action template that Go reads without a word: misspelt members and
// modules, parameters that agents ignore or refuse, members given twice, bytes that are no text.
//
// Owns:     what is told of a template beyond what reading and posting it tells.
// Not here: what the API refuses (action.ts), reading the file.
import { nearest } from "../../errors.ts";
import { foldName, type Shape } from "../../lib/go/struct.ts";
import { JsonError, type JsonMember, type JsonNode, parseJson } from "../../lib/go/syntax.ts";
import { firstBroken } from "../../lib/go/utf8.ts";
import { ACTION } from "../../mig/model.ts";
import { modules } from "../modules.ts";
import { describeFault, findFaults } from "./module.ts";
import type { Fault, Path } from "./rules.ts";

/** One odd thing in a template. */
export interface Oddity {
  /** Whether it is surely not what was meant. */
  readonly isMistake: boolean;
  readonly message: string;
  readonly hint: string | null;
  /** The byte where it is. */
  readonly offset: number;
  /** The member that was meant, when its name is misspelt. */
  readonly meant: string | null;
}

/** More than this of one file helps nobody. */
const ODDITIES_MAX = 50;

/** Objects and lists this deep are not looked into; agents take nothing so deep. */
const DEPTH_MAX = 100;

/** Members by which people comment. */
const COMMENT = /^(?:_(?!_proto__$)|[$#]|\/\/|comment|note)/i;

const MODULES = Object.values(modules).flatMap((each) => ("module" in each ? each.module : []));

/** Everything odd in a template, in the order of the text; nothing for what cannot be read. */
export function lintTemplate(bytes: Uint8Array): readonly Oddity[] {
  try {
    const root = parseJson(bytes);
    const oddities = [
      ...encodingOddities(bytes),
      ...repeatedMembers(root),
      ...unknownMembers(root, ACTION, "an action"),
      ...operationsOf(root).flatMap(operationOddities),
    ];
    return oddities.toSorted((left, right) => left.offset - right.offset).slice(0, ODDITIES_MAX);
  } catch (error) {
    if (error instanceof JsonError) return [];
    throw error;
  }
}

function mistake(
  offset: number,
  message: string,
  { hint = null, meant = null }: Partial<Pick<Oddity, "hint" | "meant">> = {},
): Oddity {
  return { isMistake: true, message, hint, offset, meant };
}

function encodingOddities(bytes: Uint8Array): Oddity[] {
  const at = firstBroken(bytes);
  if (at === null) return [];
  const byte = `0x${(bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, "0")}`;
  const message = `the text is not UTF-8: byte ${byte} would be sent as U+FFFD`;
  return [mistake(at, message, { hint: "Save the file as UTF-8" })];
}

/** Members of one object that are given twice: all but the last are lost, or mixed with it. */
function repeatedMembers(root: JsonNode): Oddity[] {
  const oddities: Oddity[] = [];
  const waiting: { node: JsonNode; isParameters: boolean }[] = [
    { node: root, isParameters: false },
  ];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, isParameters } = next;
    if (node.kind === "array") {
      for (const item of node.items) waiting.push({ node: item, isParameters });
    }
    if (node.kind !== "object") continue;
    const seen = new Set<string>();
    for (const { key, at, value } of node.members) {
      // Labels of searches may differ by case alone.
      const name = isParameters ? key : foldName(key);
      if (seen.has(name)) {
        const message = `"${key}" is given twice in one object`;
        oddities.push(mistake(at, message, { hint: "Keep one: only the last of them counts" }));
      }
      seen.add(name);
      waiting.push({ node: value, isParameters: isParameters || name === "parameters" });
    }
  }
  return oddities;
}

/** Members that the type does not have, in it and in all that it is made of. */
function unknownMembers(node: JsonNode, shape: Shape, owner: string): Oddity[] {
  const { element, members } = shape;
  if (node.kind === "array" && element !== undefined) {
    return node.items.flatMap((item) => unknownMembers(item, element, "an operation"));
  }
  if (node.kind !== "object" || members === undefined) return [];
  return node.members.flatMap(({ key, at, value }) => {
    const name = [...members.keys()].find((known) => foldName(known) === foldName(key));
    const part = name === undefined ? undefined : members.get(name);
    if (part !== undefined) {
      const inner = name === "operations" ? "an operation" : `"${name}"`;
      return unknownMembers(value, part, inner);
    }
    const meant = nearest(key, members.keys());
    const message = `"${key}" is not a member of ${owner} and would be ignored`;
    if (meant !== null) return mistake(at, message, { hint: `did you mean "${meant}"?`, meant });
    if (COMMENT.test(key)) return [];
    return { ...mistake(at, message), isMistake: false };
  });
}

function operationsOf(root: JsonNode): readonly JsonNode[] {
  const operations = memberOf(root, "operations") ?? memberNear(root, "operations");
  return operations?.value.kind === "array" ? operations.value.items : [];
}

function operationOddities(operation: JsonNode): Oddity[] {
  const named = memberOf(operation, "module")?.value;
  if (named?.kind !== "string" || named.text === "") return [];
  const module = named.text;
  const meant = MODULES.includes(module) ? module : nearest(module, MODULES);
  const oddities: Oddity[] = [];
  if (meant === null) {
    const hint = "fine if the agents of this site were built with it";
    const message = `module "${module}" is not a module of MIG`;
    oddities.push({ ...mistake(named.start, message, { hint }), isMistake: false });
  } else if (meant !== module) {
    const message = `module "${module}" is not a module of MIG, agents would refuse the action`;
    oddities.push(mistake(named.start, message, { hint: `did you mean "${meant}"?` }));
  }
  const isCompressed = memberOf(operation, "is_compressed")?.value;
  if (isCompressed?.kind === "bool" && isCompressed.value) return oddities;
  const parameters = memberOf(operation, "parameters") ?? memberNear(operation, "parameters");
  const value = parameters === null ? {} : plainOf(parameters.value, 0);
  for (const fault of findFaults(meant ?? "", value ?? {}) ?? []) {
    const node = parameters?.value ?? operation;
    oddities.push(parameterOddity(fault, node, meant ?? module));
  }
  return oddities;
}

/** What is wrong with a parameter, at its key when there should be none of that name. */
function parameterOddity(fault: Fault, parameters: JsonNode, module: string): Oddity {
  const path: (string | number)[] = [];
  let node = parameters;
  let offset = parameters.start;
  for (const key of fault.path) {
    const member: JsonMember | null = typeof key === "string" ? memberOf(node, key) : null;
    const item = node.kind === "array" && typeof key === "number" ? node.items[key] : undefined;
    path.push(member?.key ?? key);
    node = member?.value ?? item ?? node;
    offset = member?.at ?? item?.start ?? offset;
  }
  return mistake(offset, describeFault(module, { ...fault, path: path as Path }));
}

/** A member by its name in any case, the last of several. */
function memberOf(node: JsonNode, name: string): JsonMember | null {
  if (node.kind !== "object") return null;
  return node.members.findLast(({ key }) => foldName(key) === foldName(name)) ?? null;
}

/** A member whose name is a slip of this one. */
function memberNear(node: JsonNode, name: string): JsonMember | null {
  if (node.kind !== "object") return null;
  return node.members.find(({ key }) => nearest(key, [name]) !== null) ?? null;
}

/**
 * The value as agents take it: names in any case, a null as nothing. Lower case is what all names
 * of parameters have.
 */
function plainOf(node: JsonNode, depth: number): unknown {
  if (depth > DEPTH_MAX) return null;
  switch (node.kind) {
    case "array":
      return node.items.map((item) => plainOf(item, depth + 1));
    case "object": {
      const members = node.members
        .filter(({ value }) => value.kind !== "null")
        .map(({ key, value }) => [foldName(key), plainOf(value, depth + 1)] as const);
      return Object.fromEntries(members);
    }
    case "string":
      return node.text;
    case "number":
      return Number(node.digits);
    case "bool":
      return node.value;
    case "null":
      return null;
  }
}
