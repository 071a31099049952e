// Scribe: the module that evaluates a document of vulnerability or policy tests.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { flag, members } from "./rules.ts";
import { DocumentSchema, documentFaults } from "./scribe-document.ts";
import type { ScribeDocument, ScribeTag } from "./scribe-types.ts";

/** What to evaluate. */
export interface ScribeParameters {
  readonly scribedoc: ScribeDocument;
  /** Return only tests whose master result is true. @default false */
  readonly onlytrue?: boolean | undefined;
  /** Only for clients that print, as the next one. @default false */
  readonly humanoutput?: boolean | undefined;
  readonly jsonoutput?: boolean | undefined;
}

/** What a test found of one thing that its object yielded. */
export interface ScribeFinding {
  readonly result: boolean;
  /** The name of the package or the path of the file; "masked" from agents that keep it private. */
  readonly identifier: string;
}

/** What a test came to. */
export interface ScribeTestResult {
  readonly testid: string;
  readonly name: string;
  readonly description: string;
  readonly tags?: readonly ScribeTag[] | undefined;
  readonly iserror: boolean;
  readonly error: string;
  /** Something was true, here and in all tests of `if`. */
  readonly masterresult: boolean;
  readonly hastrueresults: boolean;
  readonly results: readonly ScribeFinding[] | null;
}

/** The tests. A result is no proof of a hit: look at `masterresult`, or ask with `onlytrue`. */
export interface ScribeElements {
  readonly results: readonly ScribeTestResult[];
  readonly humanoutput: boolean;
  readonly jsonoutput: boolean;
}

/** What the scribe module measures. */
export interface ScribeStatistics {
  /** A duration as Go prints it. */
  readonly execruntime: string;
}

const TestResultSchema = v.looseObject({
  testid: v.string(),
  name: v.string(),
  description: v.string(),
  tags: v.optional(
    v.array(v.looseObject({ key: v.optional(v.string()), value: v.optional(v.string()) })),
  ),
  iserror: v.boolean(),
  error: v.string(),
  masterresult: v.boolean(),
  hastrueresults: v.boolean(),
  results: v.nullable(v.array(v.looseObject({ result: v.boolean(), identifier: v.string() }))),
});

/** The scribe module. @see modules/scribe/scribe.go `ValidateParameters` of the original */
export const scribe = defineModule<ScribeParameters, ScribeElements, ScribeStatistics>({
  module: "scribe",
  parameters: members({
    scribedoc: DocumentSchema,
    onlytrue: v.optional(flag()),
    humanoutput: v.optional(flag()),
    jsonoutput: v.optional(flag()),
  }),
  check: ({ scribedoc }) => documentFaults(scribedoc, ["scribedoc"]),
  elements: v.looseObject({
    results: v.array(TestResultSchema),
    humanoutput: v.boolean(),
    jsonoutput: v.boolean(),
  }),
  statistics: v.looseObject({ execruntime: v.string() }),
});
