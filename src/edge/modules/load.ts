// Load: the role of a worker that evaluates jobs, one after the other, and answers what they say.

import type { Thrown } from "../../jobs/thrown.ts";
import type { Worker } from "../worker.ts";
import type { LoadAnswer, ParamsAnswer } from "./answer.ts";
import { examineModule, examineParams } from "./examine.ts";

/** What the worker is asked. */
export interface LoadOrder {
  /** As `bundleJob` made it. */
  readonly source: string;
  /** Texts for its parameters, which are all that is wanted then. */
  readonly set?: Readonly<Record<string, string>>;
}

/** Answers orders in turn, each when the one before it has been answered. */
export function start(worker: Worker): void {
  let turn = Promise.resolve();
  worker.onMessage((order) => {
    turn = turn.then(async () => worker.send(await load(worker, order as LoadOrder)));
  });
}

async function load(
  worker: Worker,
  { source, set }: LoadOrder,
): Promise<LoadAnswer | ParamsAnswer> {
  try {
    const namespace = await worker.evaluate(source);
    const read = set === undefined ? null : examineParams(namespace, set);
    return read === null ? examineModule(namespace) : { kind: "params", read };
  } catch (error) {
    return { kind: "thrown", thrown: plainThrown(error) };
  }
}

function plainThrown(error: unknown): Thrown {
  if (!(error instanceof Error)) {
    const message = typeof error === "string" ? JSON.stringify(error) : String(error);
    return { name: null, message, stack: "", hint: null };
  }
  const { name, message, stack = "" } = error;
  const hint = (error as { detail?: { hint?: unknown } }).detail?.hint;
  return { name, message, stack, hint: typeof hint === "string" ? hint : null };
}
