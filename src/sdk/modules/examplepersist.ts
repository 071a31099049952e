// Examplepersist: MIG's sample of a persistent module, which echoes a text.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { filled, members, text } from "./rules.ts";

/** What to echo. */
export interface ExamplepersistParameters {
  /** Not empty. */
  readonly string: string;
}

/** The echo. */
export interface ExamplepersistElements {
  readonly string: string;
}

/** The examplepersist module. @see modules/examplepersist/examplepersist.go of the original */
export const examplepersist = defineModule<
  ExamplepersistParameters,
  ExamplepersistElements,
  unknown
>({
  module: "examplepersist",
  parameters: members({ string: text(filled) }),
  elements: v.looseObject({ string: v.string() }),
  statistics: v.unknown(),
});
