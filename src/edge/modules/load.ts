// Load: the role of a thread that evaluates jobs, one after the other, and answers what they say.
import { messageOf } from "../../errors.ts";
import { type Examined, examineModule } from "../../jobs/module.ts";
import type { Thread } from "../worker.ts";

/** What the thread is asked. */
export interface LoadOrder {
  /** As `bundleJob` made it. */
  readonly source: string;
}

/** What it answers. A module that threw is described by what it threw. */
export type LoadAnswer =
  | Examined
  | {
      readonly kind: "thrown";
      readonly message: string;
      /** Empty when it was no Error. */
      readonly stack: string;
      /** Null when the error does not say how to mend it. */
      readonly hint: string | null;
      /** The import that was not found, and the file that it is in. */
      readonly missing: { readonly specifier: string; readonly from: string } | null;
    };

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
    return thrown(error);
  }
}

function thrown(error: unknown): LoadAnswer {
  if (!(error instanceof Error)) {
    const message = `it threw ${typeof error === "string" ? JSON.stringify(error) : String(error)}`;
    return { kind: "thrown", message, stack: "", hint: null, missing: null };
  }
  const { stack = "" } = error;
  const { specifier, from, hint, detail } = error as Error & Readonly<Record<string, unknown>>;
  const mend = hint ?? (detail as { hint?: unknown } | undefined)?.hint;
  // What the SDK refuses, and our own hooks, say what cannot be done; others only what went wrong.
  const isOurs = /^Cannot \w/.test(error.message) && (detail !== undefined || hint !== undefined);
  return {
    kind: "thrown",
    message: isOurs ? error.message : `it threw ${error.name}: ${messageOf(error)}`,
    stack,
    hint: typeof mend === "string" ? mend : null,
    missing: typeof specifier === "string" && typeof from === "string" ? { specifier, from } : null,
  };
}

/** Standard output is the runner's own; a job that is being loaded has no business there. */
function redirectConsole(): void {
  for (const method of ["log", "info", "debug"] as const) console[method] = console.error;
}
