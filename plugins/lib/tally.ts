// Tally: what became of the items of one delivery, and with that of the delivery itself.
//
//   all taken                the delivery succeeds
//   some failed              it fails and is made again: the next attempt goes on with what is
//                            left, under the same keys, by which the service can know what it has
//   some refused, else taken it fails for good: no try can help, so an operator has to look; the
//                            refused items are in the log, the others were taken
//
// One bad item so never loses the others, and nothing is lost in silence. Neither does one bad
// group of items, such as all the events about one host: after a few failures or refusals in a row
// the rest of the group is passed over, and the next group has its turn.
import { Fatal, type PluginContext, Retry } from "mig-runner";
import type { Posted } from "./post.ts";
import { Progress, type Run } from "./progress.ts";
import { objectOr, textOr } from "./read.ts";

/** Groups that failed with nothing taken in between, after which the service is left alone. */
export const FAILURES_MAX = 5;

/** Failures of one group, after which the others have their turn. */
export const GROUP_FAILURES_MAX = 2;

/** Groups that were refused with nothing taken in between: then it is not their fault. */
export const REFUSALS_MAX = 50;

/** Refusals of one group, after which the rest of it is not asked for any more. */
export const GROUP_REFUSALS_MAX = 10;

/** How often what is done is saved, at most. */
const SAVE_EVERY_MS = 1_000;

/** What is sent together, and what it belongs to. */
export interface Sent {
  readonly run: Run;
  /** Such as all that is about one host. */
  readonly group: string;
}

/** What of the context is used. */
export type TallyContext = Pick<PluginContext, "log" | "progress" | "saveProgress">;

/** Counts items by what became of them. */
export class Tally {
  readonly #context: TallyContext;
  readonly #what: string;
  readonly #form: string;
  readonly #progress: Progress;
  /** By group, since something was taken. */
  readonly #failures = new Map<string, number>();
  readonly #refusals = new Map<string, number>();
  #gaveUp = false;
  #refused: number;
  #refusal: string;
  #failure = "";
  #retryAfterMs = 0;
  #isSaved = true;
  #isSaving = false;
  #saving: ReturnType<typeof setTimeout> | null = null;
  #savedAt = performance.now();
  #isFresh = false;

  /**
   * @param options.what The plural of what is delivered, such as "events".
   * @param options.form Names how places are counted: what was saved under another one is not used.
   */
  constructor(context: TallyContext, { form = "", what }: { what: string; form?: string }) {
    const saved = objectOr(context.progress);
    const isOurs = saved.form === form;
    this.#context = context;
    this.#what = what;
    this.#form = form;
    this.#progress = new Progress(isOurs ? saved : null);
    this.#refused = isOurs && typeof saved.refused === "number" ? saved.refused : 0;
    this.#refusal = isOurs ? textOr(saved.refusal) : "";
    const { begun, left } = this.#progress;
    const again = left === 0 ? "" : `, and sends ${left} of them again`;
    if (begun > left) context.log(`goes on behind the first ${begun} ${what}${again}`);
  }

  /** Whether the service is not worth another request: what is left waits for another attempt. */
  get isHopeless(): boolean {
    return this.#failures.size >= FAILURES_MAX || this.#refusals.size >= REFUSALS_MAX;
  }

  get hasTaken(): boolean {
    return this.#progress.begun - this.#progress.left - this.#refused > 0;
  }

  get progress(): Pick<Progress, "isDone" | "isEdge" | "isLeftBeside"> {
    return this.#progress;
  }

  /** The items that are not done, with their places. */
  async *remaining<Item extends object>(
    items: AsyncIterable<Item>,
  ): AsyncGenerator<Item & { readonly place: number }> {
    let place = 0;
    for await (const item of items) {
      if (!this.#progress.isDone(place)) yield { ...item, place };
      place++;
    }
    // What was saved cannot keep a delivery from its end, whatever it was.
    this.#progress.done([Math.max(place, 1), Number.MAX_SAFE_INTEGER]);
  }

  /** Takes items as begun. Answers whether they are to be sent now. */
  begin({ group, run }: Sent): boolean {
    this.#progress.begin(run);
    this.#isSaved = false;
    return !this.isPassedOver(group) && !this.#isRefused(group, run);
  }

  /** Whether a group has failed too often for now. */
  isPassedOver(group: string): boolean {
    return (this.#failures.get(group) ?? 0) >= GROUP_FAILURES_MAX;
  }

  /** Of a group of which all was refused so far the rest is not asked for. */
  #isRefused(group: string, run: Run): boolean {
    const count = this.#refusals.get(group) ?? 0;
    if (count < GROUP_REFUSALS_MAX) return false;
    if (count === GROUP_REFUSALS_MAX) {
      const why = `after ${count} refusals in a row the rest of it is not sent`;
      this.#context.log("warning", `${group}: ${why}`);
    }
    this.#refusals.set(group, count + 1);
    this.#refused += run[1] - run[0];
    this.#done(run);
    return true;
  }

  taken(run: Run): void {
    this.#failures.clear();
    this.#refusals.clear();
    this.#done(run);
  }

  /** @param label Which item it is, for the log. */
  refused({ group, run }: Sent, { label, message }: { label: string; message: string }): void {
    this.#refused += run[1] - run[0];
    this.#refusals.set(group, (this.#refusals.get(group) ?? 0) + 1);
    if (this.#refusal === "") this.#refusal = message;
    this.#context.log("warning", `${label} was refused: ${message}`);
    this.#done(run);
  }

  /** Something of a group failed: what is not done of it stays so. */
  failed(group: string, { message, retryAfterMs = 0 }: FailedPart): void {
    this.#failures.set(group, (this.#failures.get(group) ?? 0) + 1);
    this.passedOver(message);
    this.#retryAfterMs = Math.max(this.#retryAfterMs, retryAfterMs);
    this.#saveSoon();
  }

  /** Says that some of what belongs to an item goes out nowhere. */
  leftOut(label: string, count: number): void {
    this.#context.log("warning", `${label}: ${count} findings were left out, there are too many`);
  }

  /** Something was not tried, for a reason. */
  passedOver(message: string): void {
    if (this.#failure === "") this.#failure = message;
  }

  /** Notes what one request with one item came to. */
  note(posted: Posted, sent: Sent & { readonly label: string }): void {
    const { group, label, run } = sent;
    if (posted.kind === "taken") this.taken(run);
    else if (posted.kind === "refused") this.refused(sent, { label, message: posted.message });
    else this.failed(group, posted);
  }

  /**
   * Whether to go on with this item, as far as the service is concerned. What an earlier attempt
   * has left comes first and cannot cost the others their turn.
   */
  goesOn([from]: Run): "send" | "skip" | "stop" {
    if (from >= this.#progress.first && !this.#isFresh) {
      this.#isFresh = true;
      this.#failures.clear();
      this.#refusals.clear();
    }
    if (!this.isHopeless) return "send";
    if (!this.#isFresh) return "skip";
    this.#gaveUp = true;
    return "stop";
  }

  #done(run: Run): void {
    this.#progress.done(run);
    this.#isSaved = false;
    this.#saveSoon();
  }

  /** Saves what is done, but not at each item: what is lost of it is only sent once more. */
  #saveSoon(): void {
    if (this.#isSaving || this.#saving !== null) return;
    const waitMs = this.#savedAt + SAVE_EVERY_MS - performance.now();
    this.#saving = setTimeout(() => void this.save(), Math.max(0, waitMs));
  }

  #saveNoMore(): void {
    if (this.#saving !== null) clearTimeout(this.#saving);
    this.#saving = null;
  }

  /** Saves what is done now. Never rejects. */
  async save(): Promise<void> {
    this.#saveNoMore();
    if (this.#isSaved) return;
    this.#isSaved = true;
    this.#isSaving = true;
    const [form, refused, refusal] = [this.#form, this.#refused, this.#refusal];
    try {
      await this.#context.saveProgress({ form, refused, refusal, ...this.#progress.encode() });
    } catch (error) {
      const why = error instanceof Error ? error.message : "";
      this.#context.log("warning", `what is done could not be saved: ${why}`);
    }
    this.#isSaving = false;
    this.#savedAt = performance.now();
    if (!this.#isSaved) this.#saveSoon();
  }

  /** Ends the delivery. @throws {Error} When not all was taken. */
  async finish(): Promise<void> {
    const { begun: all, left } = this.#progress;
    const refused = `${this.#refused} of ${all} ${this.#what} were refused: ${this.#refusal}`;
    const rest = this.#gaveUp ? "; the rest was not tried" : "";
    if (left === 0 && !this.#gaveUp) {
      this.#saveNoMore();
      if (this.#refused > 0) throw new Fatal(refused);
      return;
    }
    await this.save();
    const failed = `${left} of ${all} ${this.#what} failed: ${this.#failure}`;
    const parts = [...(left > 0 ? [failed] : []), ...(this.#refused > 0 ? [refused] : [])];
    const message = `${parts.join("; ")}${rest}`;
    if (this.#retryAfterMs === 0) throw new Error(message);
    throw new Retry(message, { after: this.#retryAfterMs });
  }
}

interface FailedPart {
  readonly message: string;
  readonly retryAfterMs?: number;
}

/**
 * Does something with each item, some of them at the same time, as long as there is hope. Saves
 * what is done when it ends, in whatever way.
 *
 * @throws The first error of `work`, after what was begun has ended.
 */
export async function eachOf<Item extends Sent>(
  items: AsyncIterable<Item>,
  { tally, width }: { readonly tally: Tally; readonly width: number },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const errors: unknown[] = [];
  try {
    for await (const item of items) {
      const goesOn = tally.goesOn(item.run);
      if (goesOn === "stop" || errors.length > 0) break;
      if (goesOn === "skip" || !tally.begin(item)) continue;
      const run = work(item)
        .catch((error: unknown) => void errors.push(error))
        .finally(() => running.delete(run));
      running.add(run);
      if (running.size >= width) await Promise.race(running);
    }
  } catch (error) {
    errors.push(error);
  }
  await Promise.all(running);
  if (errors.length === 0) return;
  await tally.save();
  throw errors[0];
}
