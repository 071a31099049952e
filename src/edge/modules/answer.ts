// Answer: what a worker says of a job that it has evaluated. The job may have said it itself: the
// loader checks all that it gets.
import * as v from "valibot";

const Place = v.nullable(v.number());
const Text = v.nullable(v.string());
const Texts = v.pipe(v.array(v.string()), v.readonly());

const LoadAnswer = v.variant("kind", [
  v.object({
    kind: v.literal("job"),
    outline: v.object({
      definition: v.unknown(),
      workflow: v.boolean(),
      params: v.optional(
        v.nullable(v.object({ names: v.nullable(Texts), unset: Text, faults: Texts })),
      ),
    }),
  }),
  v.object({
    kind: v.literal("problem"),
    problem: v.object({ message: v.string(), path: Text, line: Place, column: Place, hint: Text }),
  }),
  v.object({
    kind: v.literal("thrown"),
    thrown: v.object({ name: Text, message: v.string(), stack: v.string(), hint: Text }),
  }),
]);

const ParamsAnswer = v.object({
  kind: v.literal("params"),
  read: v.variant("kind", [
    v.object({ kind: v.literal("sound"), json: v.string() }),
    v.object({ kind: v.literal("broken"), problems: Texts }),
  ]),
});

/** What was given for parameters, as JSON, or what is wrong with it. */
export type ParamsAnswer = v.InferOutput<typeof ParamsAnswer>;

/** What a worker says of parameters. */
export function parseParamsAnswer(message: unknown): ParamsAnswer["read"] {
  const parsed = v.safeParse(ParamsAnswer, message);
  if (parsed.success) return parsed.output.read;
  const other = parseLoadAnswer(message);
  const why =
    other.kind === "thrown"
      ? other.thrown.message
      : other.kind === "problem"
        ? other.problem.message
        : "there is no answer";
  return { kind: "broken", problems: [`Cannot check the parameters: ${why}`] };
}

/** A module as `examineModule` has it, what it threw, or what is wrong with it. */
export type LoadAnswer = v.InferOutput<typeof LoadAnswer>;

/** What a worker says; a problem of the job when it is no answer. */
export function parseLoadAnswer(message: unknown): LoadAnswer {
  const parsed = v.safeParse(LoadAnswer, message);
  if (parsed.success) return parsed.output;
  const text = "Cannot load job: its code wrote to a descriptor that it did not open";
  const problem = { message: text, path: null, line: null, column: null, hint: null };
  return { kind: "problem", problem };
}
