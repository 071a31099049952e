// Examine: what a job.ts that has been evaluated says of itself, as plain data.
import type { JobParams } from "../../jobs/entity.ts";
import type { Examined } from "../../jobs/module.ts";
import type { ModuleProblem } from "../../jobs/problem.ts";
import { isJobModule, type JobModule } from "../../sdk/job.ts";
import { keysOf } from "../../sdk/standard.ts";
import { type GivenParams, type ReadParams, readParams } from "../../workflow/params.ts";

/** What a module exports, as plain data. Looks at the default export only. */
export function examineModule(namespace: object): Examined {
  const exported: unknown = Reflect.get(namespace, "default");
  if (!isJobModule(exported)) return { kind: "problem", problem: noJob(exported) };
  const { definition, body } = exported;
  const faults: string[] = [];
  const plain = plainOf(definition, { path: "", above: [], faults });
  const [fault] = faults;
  if (fault !== undefined) return { kind: "problem", problem: problem(fault, null) };
  const params = paramsOf(exported);
  const outline = { definition: plain, workflow: body !== null };
  return { kind: "job", outline: params === null ? outline : { ...outline, params } };
}

function paramsOf({ params = null }: JobModule): JobParams | null {
  if (params === null) return null;
  const unset = readParams(params, {}, false);
  const isSound = unset.kind === "sound";
  return {
    names: keysOf(params),
    unset: isSound ? unset.json : null,
    faults: isSound ? [] : unset.problems,
  };
}

/** What the parameters of a job that was evaluated make of texts. */
export function examineParams(namespace: object, given: GivenParams): ReadParams | null {
  const exported: unknown = Reflect.get(namespace, "default");
  return isJobModule(exported) ? readParams(exported.params ?? null, given, true) : null;
}

function noJob(exported: unknown): ModuleProblem {
  const hint = "Write: export default job({ … })";
  if (exported === undefined) return problem("Cannot load job: no default export", hint);
  const what = isMade(exported) ? `a ${String(exported.kind)}` : nounOf(exported);
  return problem(`Cannot load job: the default export is ${what}, not made by job()`, hint);
}

function isMade(exported: unknown): exported is { readonly kind: unknown } {
  return typeof exported === "object" && exported !== null && "kind" in exported;
}

function nounOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function problem(message: string, hint: string | null): ModuleProblem {
  return { message, path: null, line: null, column: null, hint };
}

interface Walk {
  /** The keys down to here, as `action.operations.0`. */
  readonly path: string;
  /** The objects that this one is in. */
  readonly above: readonly object[];
  readonly faults: string[];
}

/** A value as JSON would give it back. What JSON would drop without a word is a fault. */
function plainOf(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return value;
    case "number":
      if (!Number.isFinite(value)) walk.faults.push(faultOf(walk, String(value)));
      return value;
    case "object":
      return value === null ? null : plainObject(value, walk);
    default:
      walk.faults.push(faultOf(walk, `a ${typeof value}`));
      return null;
  }
}

function plainObject(value: object, walk: Walk): unknown {
  const own = value as { toJSON?: () => unknown };
  if (typeof own.toJSON === "function") return plainOf(own.toJSON(), walk);
  if (walk.above.includes(value)) {
    walk.faults.push(faultOf(walk, "an object that it is part of"));
    return null;
  }
  const within = (key: string): Walk => ({
    path: walk.path === "" ? key : `${walk.path}.${key}`,
    above: [...walk.above, value],
    faults: walk.faults,
  });
  if (Array.isArray(value)) return value.map((item, index) => plainOf(item, within(String(index))));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, plainOf(member, within(key))]),
  );
}

function faultOf({ path }: Walk, what: string): string {
  return `Cannot set ${path === "" ? "the definition" : path} to ${what}: it is not JSON`;
}
