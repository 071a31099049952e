// Live: tells open pages that something has changed, by server-sent events, and what a browser
// does then: it asks for the page that it shows once more.
//
// Bounds: so many streams at a time; a stream that nobody reads loses its connection (edge/web.ts).
import type { Site } from "./site.ts";

/** Streams at one time: a browser opens one a window that is seen. */
export const STREAMS_MAX = 16;

/** The streams that are open. */
export class Live {
  readonly #site: Site;
  #open = 0;

  constructor(site: Site) {
    this.#site = site;
  }

  /**
   * A stream of revisions, as what is shown changes; null when there are too many. It ends when
   * who asked for it may not look any more.
   */
  stream(mayLook: () => boolean = () => true): ReadableStream<Uint8Array> | null {
    if (this.#open >= STREAMS_MAX) return null;
    this.#open += 1;
    const site = this.#site;
    const ended = new AbortController();
    const close = (): void => {
      if (ended.signal.aborted) return;
      ended.abort();
      this.#open -= 1;
    };
    const encoder = new TextEncoder();
    let known: string | null = null;
    return new ReadableStream<Uint8Array>(
      {
        async pull(control) {
          try {
            const revision = await site.changed(known, ended.signal);
            if (!mayLook()) {
              close();
              control.close();
              return;
            }
            // A line without news shows to both ends that the other is there.
            control.enqueue(
              encoder.encode(revision === known ? ": still\n\n" : `data: ${revision}\n\n`),
            );
            known = revision;
          } catch (error) {
            close();
            control.error(error);
          }
        },
        cancel: close,
      },
      // Nothing is asked for before somebody reads.
      { highWaterMark: 0 },
    );
  }
}

/** What the browser runs: nothing while its window is hidden, or somebody works in the page. */
export const LIVE_SCRIPT = `"use strict";
(() => {
  const GAP_MS = 3000;
  const EVERY_MS = 60000;
  const PATIENCE_MS = 20000;
  let source = null;
  let every = 0;
  let soon = 0;
  let askedAt = 0;
  let isAsking = false;

  const part = (id, page = document) => page.getElementById(id);
  const say = (text) => {
    part("live").textContent = text;
  };

  function isUsed() {
    const main = part("main");
    return (
      main.querySelector(":focus-visible, details[open]") !== null ||
      getSelection().toString() !== ""
    );
  }

  async function refresh() {
    soon = 0;
    if (isAsking || document.hidden) return;
    if (isUsed()) {
      say("There is news: reload to see it. ");
      return;
    }
    isAsking = true;
    askedAt = Date.now();
    try {
      const answer = await fetch(location.href, { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) throw new Error(answer.statusText);
      if (answer.redirected) {
        say("The session has ended: reload to sign in. ");
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!isUsed()) show(page);
    } catch {
      say("The dashboard does not answer. ");
    } finally {
      isAsking = false;
    }
  }

  function show(page) {
    const wide = [...document.querySelectorAll(".wide")].map((box) => box.scrollLeft);
    for (const id of ["main", "host", "foot"]) part(id).replaceWith(part(id, page));
    for (const [at, box] of document.querySelectorAll(".wide").entries()) {
      box.scrollLeft = wide[at] ?? 0;
    }
    document.body.dataset.revision = page.body.dataset.revision;
  }

  function refreshSoon() {
    if (soon !== 0) return;
    soon = setTimeout(refresh, Math.max(0, askedAt + GAP_MS - Date.now()));
  }

  function follow() {
    source?.close();
    clearInterval(every);
    clearTimeout(soon);
    source = null;
    soon = 0;
    if (document.hidden) return;
    source = new EventSource("/events");
    source.onmessage = ({ data }) => {
      if (data !== document.body.dataset.revision) refreshSoon();
    };
    every = setInterval(refreshSoon, EVERY_MS);
  }

  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && follow());
  follow();
})();
`;
