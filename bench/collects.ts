// Collects: a directory with actions to collect, one pass over it, and the proof that each result
// is there once, with each command in it once, unchanged and in order.
import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { LoadApi } from "./api/client.ts";
import { Pages } from "./api/pages.ts";
import { Place } from "./place.ts";
import { type Ended, runProgram } from "./program.ts";

/** As many bytes as a command of these benches has as JSON, about. */
export const COMMAND_BYTES = 5_000;

export interface Collects {
  readonly actions: number;
  /** Of each action. */
  readonly commands: number;
  /** How many jobs the actions are of. @default 5 */
  readonly jobs?: number;
  /** Where the results go. @default nowhere */
  readonly plugins?: readonly string[];
  /** Actions that stay in flight. @default 0 */
  readonly left?: number;
}

/** Collects in a new place. The proof takes no part of the time. */
export async function collect(api: LoadApi, order: Collects): Promise<Ended> {
  using place = await placeWith(api, order);
  const ended = await runProgram(["--once", "--wait", ...place.argv]);
  await expectResults(place, order);
  return ended;
}

/** A place with jobs that are not due and with actions that can be collected. */
export async function placeWith(api: LoadApi, order: Collects): Promise<Place> {
  const { actions, jobs = 5, plugins = [] } = order;
  const place = new Place({ url: api.url });
  place.jobs(jobs, "0 0 1 1 *");
  await place.pending(actions, { jobs, plugins });
  return place;
}

/** @throws {Error} Unless each action has its result, whole. */
export async function expectResults(place: Place, order: Collects): Promise<void> {
  const { actions, left = 0 } = order;
  const { pending } = await place.counts();
  const results = resultsIn(place);
  if (pending !== left || results.length !== actions - left) {
    const wanted = `${actions - left} and ${left}`;
    throw new Error(`Wrong: ${results.length} results, ${pending} pending, wanted ${wanted}`);
  }
  for (const path of results) expectResult(path, order.commands);
}

/** The result files of a place. */
export function resultsIn(place: Place): readonly string[] {
  return readdirSync(place.in("runners"), { recursive: true, encoding: "utf8" })
    .filter((name) => /results\/\d+\/\d+\.json$/.test(name))
    .map((name) => join(place.in("runners"), name));
}

const wantedBy = new Map<number, ReturnType<Pages["digest"]>>();

function expectResult(path: string, commands: number): void {
  const wanted =
    wantedBy.get(commands) ?? new Pages({ commands, commandBytes: COMMAND_BYTES }).digest();
  wantedBy.set(commands, wanted);
  const found = digestOf(path, wanted.size);
  if (found.sha256 === wanted.sha256 && found.end.startsWith('],"name":"')) return;
  throw new Error(`Wrong: the ${commands} commands in ${path} are not those of the API`);
}

const BEGIN = '"commands":[';

/** What the first `size` bytes of the commands in a result are, and what stands behind them. */
function digestOf(path: string, size: number): { readonly sha256: string; readonly end: string } {
  const fd = openSync(path, "r");
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const hash = createHash("sha256");
  try {
    const head = buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
    let at = head.indexOf(BEGIN) + BEGIN.length;
    for (let left = size; left > 0; ) {
      const length = readSync(fd, buffer, 0, Math.min(left, buffer.length), at);
      if (length === 0) break;
      hash.update(buffer.subarray(0, length));
      at += length;
      left -= length;
    }
    const end = buffer.toString("latin1", 0, readSync(fd, buffer, 0, 64, at));
    return { sha256: hash.digest("hex"), end };
  } finally {
    closeSync(fd);
  }
}
