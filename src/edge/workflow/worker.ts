// Worker: the role of a worker that runs the body of a workflow.
import { AsyncLocalStorage } from "node:async_hooks";
import { streamRegular } from "../../lib/os/read.ts";
import { Body } from "../../workflow/body.ts";
import type { ToBody } from "../../workflow/messages.ts";
import type { Scope } from "../../workflow/run.ts";
import { importSource } from "../../workflow/source.ts";
import { systemClock } from "../clock.ts";
import type { Worker } from "../worker.ts";
import { PING, PONG } from "./host.ts";
import { locate } from "./locate.ts";

/** Takes the messages of the engine, until the worker is ended. */
export function start(worker: Worker): void {
  const body = new Body({
    clock: systemClock(),
    scopes: new AsyncLocalStorage<Scope>(),
    post: (message) => worker.send(message),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    readFile: (path) => streamRegular(path),
    load: (source) => importSource(source, (text) => worker.evaluate(text)),
    locate,
  });
  worker.onMessage((message) => {
    if (message === PING) worker.send(PONG);
    else body.receive(message as ToBody);
  });
}
