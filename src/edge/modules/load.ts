// Load: the role of a thread that evaluates jobs, one after the other, and answers what they say.
import { type Examined, examineModule } from "../../jobs/module.ts";
import type { Thrown } from "../../jobs/thrown.ts";
import type { Thread } from "../worker.ts";

/** What the thread is asked. */
export interface LoadOrder {
  /** As `bundleJob` made it. */
  readonly source: string;
}

/** What it answers. */
export type LoadAnswer = Examined | { readonly kind: "thrown"; readonly thrown: Thrown };

/** Answers orders in turn. */
export function start(thread: Thread): void {
  redirectConsole();
  thread.onMessage((order) => {
    void load(thread, order as LoadOrder).then((answer) => thread.send(answer));
  });
}

async function load(thread: Thread, { source }: LoadOrder): Promise<LoadAnswer> {
  try {
    return examineModule(await thread.evaluate(source));
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

/** Standard output is the runner's own; a job that is being loaded has no business there. */
function redirectConsole(): void {
  for (const method of ["log", "info", "debug"] as const) console[method] = console.error;
}
