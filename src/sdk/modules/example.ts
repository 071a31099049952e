// Example: MIG's sample module, which gives the host's name, its addresses, and looks names up.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { flag, members, texts } from "./rules.ts";

/** What to give. */
export interface ExampleParameters {
  /** @default false */
  readonly gethostname?: boolean | undefined;
  /** @default false */
  readonly getaddresses?: boolean | undefined;
  /** Full names. */
  readonly lookuphost?: readonly string[] | undefined;
}

/** What was found. */
export interface ExampleElements {
  readonly hostname?: string | undefined;
  readonly addresses?: readonly string[] | undefined;
  /** Addresses by the name that was looked up. */
  readonly lookeduphost?: Readonly<Record<string, readonly string[] | null>> | undefined;
}

/** What the example module counts. */
export interface ExampleStatistics {
  /** Without what was looked up. */
  readonly stufffound: number;
}

const NAME_PART = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])";
const FULL_NAME = new RegExp(`^${NAME_PART}(?:\\.${NAME_PART})*$`);

function nameRule(name: string): string | null {
  return FULL_NAME.test(name) ? null : 'a name such as "www.example.net" is wanted';
}

/** The example module. @see modules/example/example.go `ValidateParameters` of the original */
export const example = defineModule<ExampleParameters, ExampleElements, ExampleStatistics>({
  module: "example",
  parameters: members({
    gethostname: v.optional(flag()),
    getaddresses: v.optional(flag()),
    lookuphost: v.optional(texts(nameRule)),
  }),
  elements: v.looseObject({
    hostname: v.optional(v.string()),
    addresses: v.optional(v.array(v.string())),
    lookeduphost: v.optional(v.record(v.string(), v.nullable(v.array(v.string())))),
  }),
  statistics: v.looseObject({ stufffound: v.number() }),
});
