// Branches: what a body does side by side: functions by name, or one function over a list. A name
// that is used inside of a branch is known with the names of the branches around it.
import { checkName, checkOptions } from "./requests.ts";
import type { Scope, Scopes } from "./scope.ts";

/** Items of one map: none of them could have a step of its own beyond. */
export const MAP_ITEMS_MAX = 10_000;

/** Items of one map that are worked on at the same time. */
export const MAP_CONCURRENCY_MAX = 100;

const CONCURRENCY_DEFAULT = 10;

/** Where branches begin. */
export interface Fork {
  readonly scopes: Scopes;
  readonly scope: Scope;
}

/** What is done with each item of a list. */
export interface MapOrder<Item, Answer> {
  readonly name: string;
  readonly items: readonly Item[];
  readonly work: (item: Item, index: number) => Promise<Answer>;
  readonly options: {
    readonly concurrency?: number | undefined;
    readonly key?: ((item: Item, index: number) => string) | undefined;
  };
}

/** Does something as a branch. Async, so that one that throws at once keeps no other from it. */
async function branch<Value>(
  { scopes, scope }: Fork,
  name: string,
  work: () => Promise<Value> | undefined,
): Promise<Value | undefined> {
  const inner: Scope = { ...scope, prefix: `${scope.prefix}${name}/` };
  return await scopes.run(inner, async () => await work());
}

/**
 * The answers of branches by name, once all have ended; else the first error in their order.
 *
 * @throws {TypeError} When a name can be none.
 */
export function planBranches(
  branches: Readonly<Record<string, () => Promise<unknown>>>,
): (fork: Fork) => Promise<Readonly<Record<string, unknown>>> {
  const names = Object.keys(branches);
  for (const name of names) checkName("branch", name);
  return async (fork) => {
    const ended = await Promise.allSettled(
      names.map((name) => branch(fork, name, () => branches[name]?.())),
    );
    const answers = valuesOf(ended);
    return Object.fromEntries(names.map((name, index) => [name, answers[index]]));
  };
}

/**
 * The answers of a list in its order, some items at a time. After an error no other item is begun,
 * those at work end, and the first error in the order of the list is thrown.
 *
 * @throws {TypeError|RangeError} When it cannot be begun as it is written.
 */
export function planMap<Item, Answer>(
  order: MapOrder<Item, Answer>,
): (fork: Fork) => Promise<readonly Answer[]> {
  const { items, name, work } = order;
  const keys = keysOf(order);
  const concurrency = Math.min(concurrencyOf(order), items.length);
  return async (fork) => {
    const ended: PromiseSettledResult<Answer>[] = [];
    let next = 0;
    let hasFailed = false;
    const one = async (index: number): Promise<void> => {
      const item = items[index] as Item;
      const [end] = await Promise.allSettled([
        branch(fork, `${name}/${keys[index]}`, () => work(item, index)),
      ]);
      ended[index] = end as PromiseSettledResult<Answer>;
      hasFailed ||= end.status === "rejected";
    };
    const worker = async (): Promise<void> => {
      while (next < items.length && !hasFailed) await one(next++);
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return valuesOf(ended);
  };
}

/** The first error is thrown. What was never begun is a hole, and behind an error. */
function valuesOf<Value>(ended: readonly PromiseSettledResult<Value>[]): readonly Value[] {
  return ended.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value;
  });
}

function keysOf<Item, Answer>({
  name,
  items,
  work,
  options,
}: MapOrder<Item, Answer>): readonly string[] {
  checkName("map", name);
  if (typeof work !== "function") throw new TypeError("a function is wanted behind the list");
  if (!Array.isArray(items)) throw new TypeError(`a list is wanted, not ${typeof items}`);
  if (items.length > MAP_ITEMS_MAX) {
    throw new RangeError(`it has ${items.length} items, at most ${MAP_ITEMS_MAX} fit`);
  }
  checkOptions(options, ["concurrency", "key"]);
  const { key = (_: Item, index: number) => `${index}` } = options;
  const keys = items.map(key);
  const seen = new Set<string>();
  for (const [index, text] of keys.entries()) {
    checkName(`key of item ${index}`, text);
    if (seen.has(text)) throw new TypeError(`two of its items have the key "${text}"`);
    seen.add(text);
  }
  return keys;
}

function concurrencyOf({ options }: Pick<MapOrder<never, never>, "options">): number {
  const { concurrency = CONCURRENCY_DEFAULT } = options;
  const isSound = Number.isInteger(concurrency) && concurrency >= 1;
  if (isSound && concurrency <= MAP_CONCURRENCY_MAX) return concurrency;
  const wanted = `wanted a whole number from 1 to ${MAP_CONCURRENCY_MAX}`;
  throw new RangeError(`concurrency is ${concurrency}, ${wanted}`);
}
