// Mismatch: what the journal has, beside what the code asks for, in words.
import type { StepRow } from "../journal/steps.ts";
import type { StepRequest } from "./messages.ts";

/** A step as the journal has it. */
export function describeStep({ name, kind, state }: StepRow): string {
  return `the ${state} step "${name}" (${kind})`;
}

/** Both sides of a step that is not the same any more. */
export function mismatch(row: StepRow, request: StepRequest): string {
  const asked =
    row.kind === request.kind ? `another ${request.kind} of that name` : `a ${request.kind}`;
  return `the journal has ${describeStep(row)}, the code asks for ${asked}`;
}
