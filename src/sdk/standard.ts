// Standard: schemas of any library that follows Standard Schema 1 (valibot, zod, arktype, ..).
//
// Types only, written out here so that the public types need no package.

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
