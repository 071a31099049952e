// Gate: lets a few calls of a function run at a time; the others wait their turn.

/**
 * The same function, of which at most `runningMax` calls run at once. Waiting calls start in the
 * order in which they were made; one that fails lets the next one in.
 */
export function gate<Input, Output>(
  runningMax: number,
  action: (input: Input) => Promise<Output>,
): (input: Input) => Promise<Output> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (input) => {
    // Whoever ends hands its place to the next, so a newcomer cannot take it in between.
    if (running >= runningMax) await new Promise<void>((start) => waiting.push(start));
    else running++;
    try {
      return await action(input);
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
