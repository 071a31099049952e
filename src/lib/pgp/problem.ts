// Problem: why a key cannot be used, before it is known what for.
import { type ErrorDetail, RunnerError } from "../../errors.ts";

/** What of the configuration a problem is about. */
export type KeySetting = "keyId" | "passphrase";

/** Where these are set, for messages. */
export type KeyPlaces = Readonly<Partial<Record<KeySetting, ErrorDetail>>>;

/** A reason that becomes a RunnerError where the purpose is known. Holds no secret. */
export class KeyProblem extends Error {
  override readonly name = "KeyProblem";
  /** How to mend it, in one sentence without a period. */
  readonly hint: string | undefined;
  /** Null: about the keys themselves. */
  readonly about: KeySetting | null;
  /** Whether the same may succeed a little later. Undefined: nobody can say. */
  readonly passing: boolean | undefined;

  constructor(message: string, { hint, about, passing, cause }: KeyProblemOptions = {}) {
    super(message, { cause });
    this.hint = hint;
    this.about = about ?? null;
    this.passing = passing;
  }
}

export interface KeyProblemOptions {
  readonly hint?: string;
  readonly about?: KeySetting;
  readonly passing?: boolean;
  readonly cause?: unknown;
}

/**
 * Runs `action`; a KeyProblem in it becomes `RunnerError("KEYRING", "Cannot <purpose>: <reason>")`.
 *
 * @param where What the operator was about to do, and the file or folder that it is about.
 */
export async function asRunnerError<Value>(
  where: { readonly purpose: string; readonly path: string; readonly places?: KeyPlaces },
  action: () => Promise<Value>,
): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error;
    const { about, hint, passing } = error;
    const place = about === null ? undefined : where.places?.[about];
    const detail = {
      path: where.path,
      ...place,
      ...(hint === undefined ? {} : { hint }),
      ...(passing === undefined ? {} : { passing }),
    };
    throw new RunnerError("KEYRING", `Cannot ${where.purpose}: ${error.message}`, detail, {
      cause: error,
    });
  }
}
