// Probe: loaded into the program by BUN_OPTIONS, it tells how long the event loop stood still.
//
// A timer that is due each millisecond comes late by as long as something else held the thread.
// The longest such time since the last line goes to the file MIG_RUNNER_PROBE once a second.
import { appendFileSync } from "node:fs";

const path = process.env.MIG_RUNNER_PROBE ?? "/dev/null";
// There is one also of a program that ends within the first second.
appendFileSync(path, "");
let last = performance.now();
let longestMs = 0;
let toldAt = last;

setInterval(() => {
  const now = performance.now();
  longestMs = Math.max(longestMs, now - last);
  last = now;
  if (now - toldAt < 1_000) return;
  appendFileSync(path, `${Date.now()} ${longestMs.toFixed(1)}\n`);
  toldAt = now;
  longestMs = 0;
  last = performance.now();
}, 1).unref();
