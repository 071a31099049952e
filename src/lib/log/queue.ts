// Queue: lines on their way to somewhere that may be slow, full or away.
//
// A line goes out at once while its carrier takes it. Otherwise it waits here, in memory and within
// bounds; the oldest lines give way to new ones and are counted, and the count is said in their
// place once lines flow again. A carrier that does not take a line in time is given up for another.
// Whoever logs never waits and never learns of any of it.
//
// Owns:     order, bounds, time limits, what was lost.
// Not here: how a line is sent (carriers), how it looks (line.ts).

import { MINUTE_MS, SECOND_MS } from "../../time.ts";
import type { Clock } from "../ports.ts";

/** One open way to send lines. */
export interface Carrier {
  /**
   * Sends one line: at once, or later. Throws or rejects when this carrier is of no more use; the
   * line is then offered to the next one.
   */
  send(line: string): Promise<void> | undefined;
  /**
   * How many of the lines that it took may not have arrived, now that it has failed with `error`.
   * Missing: none.
   */
  doubtful?(error: unknown): number;
  /** A line may take for ever: there is no other way to send it. @default false */
  readonly isOnly?: boolean;
  /** @param isStuck It has not taken a line in time: nothing more is to be waited for. */
  close(isStuck?: boolean): void;
}

/** A carrier did not take a line, or could not be opened, within the time that it had. */
export class TooSlow extends Error {
  override readonly name = "TooSlow";
}

/** What a queue needs to know of its lines and its carriers. */
export interface QueueOptions {
  readonly clock: Clock;
  /** Opens another carrier after one was lost. What is still opening when `signal` aborts ends. */
  connect(signal: AbortSignal): Promise<Carrier>;
  /** Called when carriers begin to fail, at most once a minute. */
  onFailure(error: unknown): void;
  /** The line that stands for lost ones, and for those that may be. */
  lossLine(lost: number, doubtful: number): string;
  /** Called at the end with how many lines never went out, if any. */
  onLeft(count: number): void;
}

/** Most lines and characters that wait, whichever comes first. */
export const LINES_MAX = 10_000;
export const CHARACTERS_MAX = 4 * 1024 * 1024;

const RETRY_MS = 0.25 * SECOND_MS;
const RETRY_MS_MAX = 30 * SECOND_MS;

/** How long a carrier may take to open, or to take a line. */
export const CARRIER_MS_MAX = 10 * SECOND_MS;

/** How long `close` waits for lines to go out: the process has five seconds to end in all. */
const CLOSE_MS_MAX = 0.75 * SECOND_MS;

/** The queue in front of a carrier that is already open. */
export class LineQueue {
  readonly #options: QueueOptions;
  readonly #closing = new AbortController();
  #carrier: Carrier | null;
  /** The line that is being sent, already taken from `#lines`. */
  #current: string | null = null;
  #lines: string[] = [];
  /** `#lines` begins here: taking the first of an array moves all others. */
  #first = 0;
  #characters = 0;
  #lost = 0;
  #doubtful = 0;
  #pumping = false;
  #pumped: Promise<void> = Promise.resolve();
  #reopening = false;
  /** Ends the time limit of what is under way, and what is being opened. */
  #underWay: AbortController | null = null;
  #quietUntil = 0;

  constructor(carrier: Carrier, options: QueueOptions) {
    this.#carrier = carrier;
    this.#options = options;
  }

  /** Takes one whole line. Never throws, never waits. */
  write(line: string): void {
    if (this.#closing.signal.aborted) return;
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#waiting() > LINES_MAX || this.#characters > CHARACTERS_MAX) {
      this.#shift();
      this.#lost++;
    }
    this.#start();
  }

  /** Sends what comes next by a new carrier. */
  reopen(): void {
    this.#reopening = true;
  }

  /** Waits at most `CLOSE_MS_MAX` for the lines to go out, then says how many did not. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#start();
    const limit = new AbortController();
    await Promise.race([this.#pumped, this.#options.clock.sleep(CLOSE_MS_MAX, limit.signal)]);
    limit.abort();
    const left = this.#waiting() + (this.#current === null ? 0 : 1) + this.#lost;
    this.#drop(left > 0);
    this.#underWay?.abort();
    if (left > 0) this.#options.onLeft(left);
  }

  #start(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#pumped = this.#pump();
  }

  /** Sends until nothing waits: within this very call while the carrier takes lines at once. */
  async #pump(): Promise<void> {
    let retryMs = RETRY_MS;
    for (;;) {
      this.#current ??= this.#take();
      if (this.#current === null) break;
      try {
        if (this.#reopening) this.#drop(false);
        this.#carrier ??= await this.#open();
        const sending = this.#carrier.send(this.#current);
        if (sending !== undefined) {
          await (this.#carrier.isOnly === true
            ? sending
            : this.#inTime(sending, "no line was taken"));
        }
        this.#current = null;
        retryMs = RETRY_MS;
      } catch (error) {
        this.#doubtful += this.#carrier?.doubtful?.(error) ?? 0;
        this.#drop(error instanceof TooSlow);
        if (this.#closing.signal.aborted) break;
        if (retryMs === RETRY_MS) this.#complain(error);
        await this.#options.clock.sleep(retryMs, this.#closing.signal);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
    this.#pumping = false;
  }

  #complain(error: unknown): void {
    const now = this.#options.clock.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + MINUTE_MS;
    this.#options.onFailure(error);
  }

  /** One that opens too late is closed as it comes. */
  async #open(): Promise<Carrier> {
    const opening = new AbortController();
    const work = this.#options.connect(opening.signal);
    const close = (carrier: Carrier): void => {
      if (opening.signal.aborted) carrier.close(true);
    };
    void work.then(close, () => {});
    try {
      return await this.#inTime(work, "no connection was made");
    } catch (error) {
      opening.abort();
      throw error;
    }
  }

  /** What the work comes to. @throws {TooSlow} When that takes too long, or `close` cannot wait. */
  async #inTime<Value>(work: Promise<Value>, otherwise: string): Promise<Value> {
    const underWay = new AbortController();
    this.#underWay = underWay;
    let isDone = false;
    const late = this.#options.clock.sleep(CARRIER_MS_MAX, underWay.signal).then(() => {
      if (isDone) return work;
      throw new TooSlow(`${otherwise} within ${CARRIER_MS_MAX / SECOND_MS} seconds`);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      isDone = true;
      underWay.abort();
    }
  }

  #drop(isStuck: boolean): void {
    this.#reopening = false;
    this.#carrier?.close(isStuck);
    this.#carrier = null;
  }

  /** The next line to send: what was lost comes before what was said after. */
  #take(): string | null {
    if (this.#lost > 0 || this.#doubtful > 0) {
      const [lost, doubtful] = [this.#lost, this.#doubtful];
      this.#lost = 0;
      this.#doubtful = 0;
      return this.#options.lossLine(lost, doubtful);
    }
    return this.#waiting() === 0 ? null : this.#shift();
  }

  #shift(): string {
    const line = this.#lines[this.#first++] as string;
    this.#characters -= line.length;
    if (this.#first === this.#lines.length || this.#first > LINES_MAX) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    return line;
  }

  #waiting(): number {
    return this.#lines.length - this.#first;
  }
}
