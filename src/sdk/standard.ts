// Standard: schemas of any library that follows Standard Schema 1 (valibot, zod, arktype, ..).
//
// The types are written out here so that the public types need no package.

/** One thing that is wrong with a value, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema says of a value: what it became, or what is wrong with it. */
export type SchemaAnswer<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** A schema. @see https://standardschema.dev */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaAnswer<Output> | Promise<SchemaAnswer<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a value is after a schema has accepted it. */
export type SchemaOutput<Wanted extends Schema> = NonNullable<
  Wanted["~standard"]["types"]
>["output"];

/** Whether a value is a schema. */
export function isSchema(value: unknown): value is Schema {
  const schema = value as Partial<Schema> | null | undefined;
  return typeof schema?.["~standard"]?.validate === "function";
}

/** What a schema says of a value. @throws {Error} When it would say so later. */
export function validateNow<Output>(
  schema: Schema<unknown, Output>,
  value: unknown,
): SchemaAnswer<Output> {
  const answer = schema["~standard"].validate(value);
  if (!(answer instanceof Promise)) return answer;
  answer.catch(() => undefined);
  throw new Error("its schema answers later: take one that is not asynchronous");
}

/** The members that a schema of an object names; null when it takes others too, or does not say. */
export function keysOf(schema: Schema): readonly string[] | null {
  const { rest, type } = schema as Schema & Readonly<Record<string, unknown>>;
  const inner = firstOfPipe(schema);
  if (inner !== null) return keysOf(inner);
  if (type === "loose_object" || (rest !== undefined && rest !== null)) return null;
  const members = membersOf(schema);
  return members === null ? null : Object.keys(members);
}

/** The schema of one member, where it can be had. */
export function memberSchema(schema: Schema, key: string): Schema | null {
  const inner = firstOfPipe(schema);
  if (inner !== null) return memberSchema(inner, key);
  const members = membersOf(schema);
  const member = members !== null && Object.hasOwn(members, key) ? members[key] : null;
  return isSchema(member) ? member : null;
}

/** Where an issue is, as `hosts.0`; "" for the whole value. */
export function issuePath({ path = [] }: SchemaIssue): string {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return keys.map(String).join(".");
}

function firstOfPipe(schema: Schema): Schema | null {
  const { pipe } = schema as Schema & { readonly pipe?: unknown };
  return Array.isArray(pipe) && pipe[0] !== schema && isSchema(pipe[0]) ? pipe[0] : null;
}

function membersOf(schema: Schema): Readonly<Record<string, unknown>> | null {
  const { entries, shape } = schema as Schema & Readonly<Record<string, unknown>>;
  const members = entries ?? shape;
  return typeof members === "object" && members !== null
    ? (members as Readonly<Record<string, unknown>>)
    : null;
}
