// Thrown: what a call throws, for tests that look at more than the message.

/** The error that `call` throws; fails the test when it throws none. */
export function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`It threw no error, but ${String(error)}`);
  }
  throw new Error("It threw nothing");
}

/** The messages of all mistakes that `call` throws: one a RunnerError, several RunnerErrors. */
export function mistakesOf(call: () => unknown): readonly string[] {
  const error = thrownBy(call);
  const errors: unknown = Reflect.get(error, "errors");
  return Array.isArray(errors) ? errors.map((each) => each.message) : [error.message];
}
