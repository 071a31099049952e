// Chance: notices who reads the clock or rolls the dice of this process where that would give
// something else the next time, and gives them something else at once.
//
// Owns:    the globals Date and Math.random while somebody watches.
// Not its: which code is watched.
import type { Instant } from "../time.ts";

/** Who looks on, and what code that is watched gets to see. */
export interface ChanceWatch {
  /** Whether the code that calls right now is watched. */
  isWatched(): boolean;
  now(): Instant;
  random(): number;
  /** Called with "Date.now()", "new Date()" or "Math.random()" each time that one is used. */
  noticed(what: string): void;
}

const watches = new Set<ChanceWatch>();
const OriginalDate = Date;
const originalRandom = Math.random;

/** Begins to watch; whoever is not watched sees what was there before. */
export function watchChance(watch: ChanceWatch): { close(): void } {
  if (watches.size === 0) {
    globalThis.Date = WatchedDate;
    Math.random = random;
  }
  watches.add(watch);
  return {
    close() {
      watches.delete(watch);
      if (watches.size > 0) return;
      if (globalThis.Date === WatchedDate) globalThis.Date = OriginalDate;
      if (Math.random === random) Math.random = originalRandom;
    },
  };
}

function watcher(): ChanceWatch | null {
  for (const watch of watches) if (watch.isWatched()) return watch;
  return null;
}

function now(): Instant {
  const watch = watcher();
  watch?.noticed("Date.now()");
  return watch?.now() ?? OriginalDate.now();
}

function random(): number {
  const watch = watcher();
  watch?.noticed("Math.random()");
  return watch?.random() ?? originalRandom();
}

/** What `new Date()` and `Date()` without arguments show; null: what they always show. */
function shownTime(): Instant | null {
  const watch = watcher();
  watch?.noticed("new Date()");
  return watch?.now() ?? null;
}

const WatchedDate = new Proxy(OriginalDate, {
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  construct(target, given, newTarget) {
    const at = given.length === 0 ? shownTime() : null;
    return Reflect.construct(target, at === null ? given : [at], newTarget) as object;
  },
  apply(target, self, given) {
    const at = shownTime();
    return at === null ? Reflect.apply(target, self, given) : String(new target(at));
  },
});
