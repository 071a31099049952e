// Thread: the role of a thread that runs the body of a workflow.
import { AsyncLocalStorage } from "node:async_hooks";
import { createReadStream } from "node:fs";
import { Body } from "../../workflow/body.ts";
import type { ToBody } from "../../workflow/messages.ts";
import type { Scope } from "../../workflow/run.ts";
import { importSource } from "../../workflow/source.ts";
import { systemClock } from "../clock.ts";
import type { Thread } from "../worker.ts";
import { PING, PONG } from "./host.ts";
import { locate } from "./locate.ts";

/** Takes the messages of the engine, until the thread is ended. */
export function start(thread: Thread): void {
  redirectConsole();
  const body = new Body({
    clock: systemClock(),
    scopes: new AsyncLocalStorage<Scope>(),
    post: (message) => thread.send(message),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    readFile: (path) => createReadStream(path, { highWaterMark: 256 * 1024 }),
    load: (source) => importSource(source, (text) => thread.evaluate(text)),
    locate,
  });
  thread.onMessage((message) => {
    if (message === PING) thread.send(PONG);
    else body.receive(message as ToBody);
  });
}

/** Standard output is the runner's own: what a job prints goes beside it. */
function redirectConsole(): void {
  for (const method of ["log", "info", "debug"] as const) console[method] = console.error;
}
