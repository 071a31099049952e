// Inline: bodies in the process of the engine, for tests and virtual time. One that never comes to
// an end holds up everything here; in the program each has a worker of its own.
import { Body, type BodyEdges } from "./body.ts";
import type { BodyHost } from "./host.ts";

/**
 * A host without workers. Messages are cloned on the way, as between processes, and arrive in a
 * later turn of the event loop.
 *
 * @param edges What each body gets, but for its way to the engine.
 */
export function inlineHost(edges: Omit<BodyEdges, "post">): BodyHost {
  return {
    start(listener) {
      let isOpen = true;
      const hand = (take: (message: never) => void, message: unknown): void => {
        const copy = structuredClone(message);
        void edges.turn().then(() => {
          if (isOpen) take(copy as never);
        });
      };
      const body = new Body({
        ...edges,
        post: (message) => hand((copy) => listener.onMessage(copy), message),
      });
      return {
        post: (message) => hand((copy) => body.receive(copy), message),
        stop() {
          isOpen = false;
        },
      };
    },
  };
}
