// Tally: what became of the items of one delivery, and with that of the delivery itself.
//
//   all taken                the delivery succeeds
//   some failed              it fails and is made again, as a whole: every item has a key by which
//                            the service can know what it has taken already
//   some refused, else taken it fails for good: no try can help, so an operator has to look; the
//                            refused items are in the log, the others were taken
//
// One bad item so never loses the others, and nothing is lost in silence.
import { Fatal, type PluginContext, Retry } from "mig-runner";
import type { Posted } from "./post.ts";

/** Failures with nothing taken in between, after which the service is left alone. */
export const FAILURES_MAX = 5;

/** Refusals with nothing taken in between, after which it is not the items that are at fault. */
export const REFUSALS_MAX = 50;

/** Counts items by what became of them. */
export class Tally {
  readonly #context: Pick<PluginContext, "log">;
  readonly #what: string;
  #taken = 0;
  #refused = 0;
  #failed = 0;
  #failures = 0;
  #refusals = 0;
  #gaveUp = false;
  #refusal = "";
  #failure = "";
  #retryAfterMs = 0;

  /** @param what The plural of what is delivered, such as "events". */
  constructor(context: Pick<PluginContext, "log">, what: string) {
    this.#context = context;
    this.#what = what;
  }

  /** Whether the service is not worth another request: what is left counts as failed. */
  get isHopeless(): boolean {
    return this.#failures >= FAILURES_MAX || this.#refusals >= REFUSALS_MAX;
  }

  taken(count = 1): void {
    this.#taken += count;
    this.#failures = 0;
    this.#refusals = 0;
  }

  /** @param label Which item it is, for the log. */
  refused(label: string, message: string): void {
    this.#refused++;
    this.#refusals++;
    if (this.#refusal === "") this.#refusal = message;
    this.#context.log("warning", `${label} was refused: ${message}`);
  }

  failed(message: string, { count = 1, retryAfterMs = 0 } = {}): void {
    this.#failed += count;
    this.#failures++;
    if (this.#failure === "") this.#failure = message;
    this.#retryAfterMs = Math.max(this.#retryAfterMs, retryAfterMs);
  }

  /** Notes what one request with one item came to. */
  note(posted: Posted, label: string): void {
    if (posted.kind === "taken") this.taken();
    else if (posted.kind === "refused") this.refused(label, posted.message);
    else this.failed(posted.message, posted);
  }

  /** Notes that there were more items, which were not tried. */
  giveUp(): void {
    this.#gaveUp = true;
  }

  /** Ends the delivery. @throws {Error} When not all was taken. */
  finish(): void {
    const all = this.#taken + this.#refused + this.#failed;
    const refused = `${this.#refused} of ${all} ${this.#what} were refused: ${this.#refusal}`;
    const rest = this.#gaveUp ? "; the rest was not tried" : "";
    if (this.#failed === 0) {
      if (this.#refused > 0) throw new Fatal(`${refused}${rest}`);
      return;
    }
    const failed = `${this.#failed} of ${all} ${this.#what} failed: ${this.#failure}`;
    const message = `${failed}${this.#refused > 0 ? `; ${refused}` : ""}${rest}`;
    if (this.#retryAfterMs === 0) throw new Error(message);
    throw new Retry(message, { after: `${Math.ceil(this.#retryAfterMs)}ms` });
  }
}

/**
 * Does something with each item, some of them at the same time, as long as there is hope.
 *
 * @throws The first error of `work`, after what was begun has ended.
 */
export async function eachOf<Item>(
  items: AsyncIterable<Item>,
  { tally, width }: { readonly tally: Tally; readonly width: number },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const errors: unknown[] = [];
  for await (const item of items) {
    if (tally.isHopeless) tally.giveUp();
    if (tally.isHopeless || errors.length > 0) break;
    const run = work(item)
      .catch((error: unknown) => void errors.push(error))
      .finally(() => running.delete(run));
    running.add(run);
    if (running.size >= width) await Promise.race(running);
  }
  await Promise.all(running);
  if (errors.length > 0) throw errors[0];
}
