// Worker: the role of a worker that runs the body of a workflow.
import { streamRegular } from "../../lib/os/read.ts";
import { Body } from "../../workflow/body.ts";
import type { ToBody } from "../../workflow/messages.ts";
import { importSource } from "../../workflow/source.ts";
import { systemClock } from "../clock.ts";
import { guardModules } from "../modules/evaluate.ts";
import { guardGlobals } from "../pure/globals.ts";
import { bodyScopes, whileLoading } from "../pure/view.ts";
import type { Worker } from "../worker.ts";
import { PING, PONG } from "./host.ts";
import { Borrower } from "./loans.ts";
import { locate } from "./locate.ts";

/** Takes the messages of the engine, until the worker is ended. */
export function start(worker: Worker): void {
  guardGlobals();
  const borrower = new Borrower((message) => worker.send(message));
  const body = new Body({
    clock: systemClock(),
    scopes: bodyScopes,
    post: (message) => worker.send(message),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    readFile: (place) =>
      place.startsWith("/") ? streamRegular(place) : borrower.stream(place, streamRegular),
    // Most runs ask nobody.
    openFetch: (signal) => async (url, init) => {
      const { openRequests } = await import("./requests.ts");
      return await openRequests(signal)(url, init);
    },
    async load(source, view) {
      await guardModules();
      return await whileLoading(view, () => importSource(source, (text) => worker.evaluate(text)));
    },
    locate,
  });
  worker.onMessage((message) => {
    if (message === PING) worker.send(PONG);
    else if (!borrower.take(message)) body.receive(message as ToBody);
  });
}
