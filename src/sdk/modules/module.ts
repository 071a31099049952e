// Module: makes the builder and the reader of one module of the agent from its schemas.
//
// Invariants:
//   R1. What a builder returns is plain JSON, a copy, frozen: later changes do not reach it.
//   R2. A reader never throws: what an agent sent is the world's answer. A result that has not the
//       form of its module's is a failed result, so that it cannot pass for a clean one.
import * as v from "valibot";
import { RunnerError, RunnerErrors } from "../../errors.ts";
import { cutText } from "../../text.ts";
import type { ModuleResult, Operation } from "../action.ts";
import type { Module, OperationOptions, SearchModule } from "../module.ts";
import { copyJson } from "./json.ts";
import type { Fault, Path } from "./rules.ts";

/** What `defineModule` makes a module of. */
export interface ModuleDefinition<Parameters, Elements, Statistics> {
  readonly module: string;
  readonly parameters: v.GenericSchema<unknown, Parameters>;
  /** What no schema of a single member can say. */
  readonly check?: (parameters: Parameters) => readonly Fault[];
  readonly elements: v.GenericSchema<unknown, Elements>;
  readonly statistics: v.GenericSchema<unknown, Statistics>;
}

/** What is wrong with the parameters of each module, by its name. */
const CHECKS = new Map<string, (parameters: unknown) => readonly Fault[]>();

/**
 * All that is wrong with the parameters of an operation that nobody has built by its builder; null
 * for a module that is not a module of MIG.
 */
export function findFaults(module: string, parameters: unknown): readonly Fault[] | null {
  return CHECKS.get(module)?.(parameters) ?? null;
}

/** A module from its schemas. */
export function defineModule<Parameters, Elements, Statistics>(
  definition: ModuleDefinition<Parameters, Elements, Statistics>,
): Module<Parameters, Elements, Statistics> {
  const { module } = definition;
  const schema = resultSchema(definition);
  const check = (parameters: unknown) => faultsIn(definition, parameters);
  CHECKS.set(module, check);
  const build = (parameters: Parameters, options?: OperationOptions) => {
    refuse(module, check(parameters));
    return makeOperation(module, parameters, options);
  };
  const read = (result: ModuleResult | null | undefined) => readResult(schema, result);
  return Object.assign(build, { module, read });
}

/**
 * A module whose elements are lists of matches by label.
 *
 * @param isHit Whether an entry is a match: agents also list searches that found nothing.
 */
export function defineSearchModule<Parameters, Match, Statistics>(
  definition: ModuleDefinition<Parameters, Matches<Match>, Statistics>,
  isHit: (match: Match) => boolean,
): SearchModule<Parameters, Matches<Match>, Statistics, Match> {
  const made = defineModule(definition);
  const hits = (result: ModuleResult | null | undefined): readonly Match[] => {
    const { elements, success } = made.read(result);
    if (!success) return [];
    return Object.values(elements ?? {}).flatMap((matches) => (matches ?? []).filter(isHit));
  };
  return Object.assign(made, { hits });
}

/** By label; null for a search that checks nothing. */
type Matches<Match> = Readonly<Record<string, readonly Match[] | null>>;

function faultsIn<Parameters>(
  { parameters: schema, check }: ModuleDefinition<Parameters, unknown, unknown>,
  parameters: unknown,
): readonly Fault[] {
  const parsed = v.safeParse(schema, parameters);
  if (parsed.success) return check?.(parsed.output) ?? [];
  return parsed.issues.map((issue) => faultOf(issue));
}

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  const items = issue.path ?? [];
  const path = items.map(({ key }) => (typeof key === "number" ? key : String(key)));
  const last = items.at(-1);
  return { path, value: last === undefined ? issue.input : last.value, message: issue.message };
}

function refuse(module: string, faults: readonly Fault[]): void {
  const errors = faults.map(
    (fault) => new RunnerError("ACTION", describeFault(`modules.${module}`, fault)),
  );
  const [first, ...others] = errors;
  if (first === undefined) return;
  throw others.length === 0 ? first : new RunnerErrors(errors);
}

/** @param owner Whose parameters they are, such as "modules.file". */
export function describeFault(owner: string, { path, value, message }: Fault): string {
  const parts = [owner, formatPath(path), excerpt(value)].filter((part) => part !== "");
  const why = isPromise(value) ? UNAWAITED : message;
  return `Cannot use ${parts.join(" ")}: ${why}`;
}

const UNAWAITED = "it is a promise that is not awaited: write await in front of what makes it";

/** Also one of a run, which is no Promise of the language's own. */
function isPromise(value: unknown): boolean {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === "function";
}

const EXCERPT_MAX = 80;

/** The value as a message shows it; "" for what is missing or too large to be shown. */
function excerpt(value: unknown): string {
  if (value === undefined || (typeof value === "object" && value !== null)) return "";
  if (typeof value !== "string") return String(value);
  // Cut before it is quoted: not in the middle of an escape.
  return JSON.stringify(cutText(value, EXCERPT_MAX));
}

/** Such as `searches.sshd.names[0]`, or `searches["my label"]` for what is no identifier. */
function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** @throws {RunnerError} ACTION, when the parameters are not JSON. */
export function makeOperation(
  module: string,
  parameters: unknown,
  options: OperationOptions = {},
): Operation {
  const faults: Fault[] = [];
  const copy = copyJson(parameters, { path: [], faults });
  refuse(module, faults);
  const operation = { module, parameters: copy };
  return Object.freeze(options.compress ? { ...operation, want_compressed: true } : operation);
}

const EMPTY = {
  foundanything: false,
  success: false,
  elements: null,
  statistics: null,
  errors: null,
} as const;

type ResultSchema<Elements, Statistics> = v.GenericSchema<
  unknown,
  ModuleResult<Elements, Statistics>
>;

function resultSchema<Elements, Statistics>({
  elements,
  statistics,
}: Pick<ModuleDefinition<unknown, Elements, Statistics>, "elements" | "statistics">): ResultSchema<
  Elements,
  Statistics
> {
  return v.looseObject({
    foundanything: v.boolean(),
    success: v.boolean(),
    elements: v.nullable(elements),
    statistics: v.nullable(statistics),
    errors: v.nullable(v.array(v.string())),
  });
}

/** A result in the form of its module, or a failed one (R2). */
function readResult<Elements, Statistics>(
  schema: ResultSchema<Elements, Statistics>,
  result: ModuleResult | null | undefined,
): ModuleResult<Elements, Statistics> {
  if (result === null || result === undefined) return EMPTY;
  const parsed = v.safeParse(schema, result);
  if (parsed.success) return parsed.output;
  const { path, message } = faultOf(parsed.issues[0]);
  const errors = Array.isArray(result.errors) ? result.errors.map(String) : [];
  const reason = `Cannot read the result: ${formatPath(path)}: ${message}`;
  return { ...EMPTY, errors: [...errors, reason], foundanything: result.foundanything === true };
}
