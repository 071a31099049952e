// Loans: how a body in a worker reads results that lie in a store: the runner, which knows the way
// there, lends it a file for as long as it is read.
//
//   worker                            runner
//     { loan: 3, place: "s3://…" } ─▶ fetches it, if it is not here
//     ◀─ { loan: 3, path } or { loan: 3, error }
//     reads the file
//     { loan: 3 } ─────────────────▶  releases it
import { messageOf } from "../../errors.ts";
import type { Loan, Results } from "../../ports.ts";

/** Results that one body reads at the same time. */
const LOANS_MAX = 16;

/** What both sides say about loans. */
interface LoanMessage {
  readonly loan: number;
  readonly place?: string;
  readonly path?: string;
  readonly error?: string;
}

function readLoan(message: unknown): LoanMessage | null {
  if (typeof message !== "object" || message === null || !("loan" in message)) return null;
  return typeof message.loan === "number" ? (message as LoanMessage) : null;
}

/** The runner's side, for one worker. */
export class Lender {
  readonly #lend: Results["lend"];
  readonly #send: (message: unknown) => void;
  readonly #open = new Map<number, Promise<Loan>>();
  readonly #ended = new AbortController();

  constructor(lend: Results["lend"], send: (message: unknown) => void) {
    this.#lend = lend;
    this.#send = send;
  }

  /** Whether a message of the worker is about a loan; it is answered then. */
  take(message: unknown): boolean {
    const said = readLoan(message);
    if (said === null) return false;
    if (said.place === undefined) this.#release(said.loan);
    else void this.#answer(said.loan, said.place);
    return true;
  }

  /** The worker has ended. */
  close(): void {
    this.#ended.abort();
    for (const loan of [...this.#open.keys()]) this.#release(loan);
  }

  async #answer(loan: number, place: string): Promise<void> {
    try {
      if (this.#open.size >= LOANS_MAX) throw new Error("too many results are read at once");
      const lent = this.#lend(place, this.#ended.signal);
      this.#open.set(loan, lent);
      this.#send({ loan, path: (await lent).path });
    } catch (error) {
      this.#open.delete(loan);
      this.#send({ loan, error: messageOf(error) });
    }
  }

  #release(loan: number): void {
    const lent = this.#open.get(loan);
    this.#open.delete(loan);
    void lent?.then(
      (file) => file.release(),
      () => {},
    );
  }
}

/** The worker's side. */
export class Borrower {
  readonly #send: (message: unknown) => void;
  readonly #waiting = new Map<number, (answer: LoanMessage) => void>();
  #last = 0;

  constructor(send: (message: unknown) => void) {
    this.#send = send;
  }

  /** Whether a message of the runner is about a loan. */
  take(message: unknown): boolean {
    const said = readLoan(message);
    if (said === null) return false;
    this.#waiting.get(said.loan)?.(said);
    return true;
  }

  /** What is in a place, read as a file by `read`. */
  async *stream(
    place: string,
    read: (path: string) => AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const loan = ++this.#last;
    const { promise, resolve } = Promise.withResolvers<LoanMessage>();
    this.#waiting.set(loan, resolve);
    try {
      this.#send({ loan, place });
      const { path, error = "it was not lent" } = await promise;
      if (path === undefined) throw new Error(error);
      yield* read(path);
    } finally {
      this.#waiting.delete(loan);
      this.#send({ loan });
    }
  }
}
