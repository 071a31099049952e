// Problem: why a key cannot be used, before it is known what for.
import { RunnerError } from "../../errors.ts";

/** A reason that becomes a RunnerError where the purpose is known. Holds no secret. */
export class KeyProblem extends Error {
  override readonly name = "KeyProblem";
  /** How to mend it, in one sentence without a period. */
  readonly hint: string | undefined;

  constructor(message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
  }
}

/**
 * Runs `action`; a KeyProblem in it becomes `RunnerError("KEYRING", "Cannot <purpose>: <reason>")`.
 *
 * @param where What the operator was about to do, and the file or folder that it is about.
 */
export async function asRunnerError<Value>(
  where: { readonly purpose: string; readonly path: string },
  action: () => Promise<Value>,
): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error;
    const detail = { path: where.path, ...(error.hint === undefined ? {} : { hint: error.hint }) };
    throw new RunnerError("KEYRING", `Cannot ${where.purpose}: ${error.message}`, detail, {
      cause: error,
    });
  }
}
