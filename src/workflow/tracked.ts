// Tracked: the promises that calls of a body give, which know whether anybody waits for them.
import { MISTAKES } from "./scope.ts";

/** A promise that notes whether `then` was called: by await, Promise.all, return and their like. */
class TrackedPromise<Value> extends Promise<Value> {
  isAwaited = false;

  /** What `then` gives is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: to see that it is called is what it is for
  override then<Answer = Value, Failure = never>(
    done?: ((value: Value) => Answer | PromiseLike<Answer>) | null,
    failed?: ((reason: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Answer | Failure> {
    this.isAwaited = true;
    return super.then(done, failed);
  }
}

interface Call {
  /** Such as `step "ticket"`. */
  readonly what: string;
  /** Made where the call was made. */
  readonly asked: Error;
  readonly promise: TrackedPromise<unknown>;
  /** Nothing is lost when the body ends before it. */
  readonly canBeLeft: boolean;
  isOver: boolean;
}

/** All calls of one body. */
export class Calls {
  readonly #calls: Call[] = [];
  #hasRaced = false;

  /** The promise of a call, as the body gets it. */
  track<Value>(
    of: Pick<Call, "what" | "asked"> & { readonly canBeLeft?: boolean },
    answer: Promise<Value>,
  ): Promise<Value> {
    const { what, asked, canBeLeft = false } = of;
    const promise = new TrackedPromise<Value>((resolve, reject) => answer.then(resolve, reject));
    const call: Call = { what, asked, promise, canBeLeft, isOver: false };
    this.#calls.push(call);
    const end = (): void => {
      call.isOver = true;
    };
    // Also: a failure that nobody waits for is told at the end, and brings nothing down before.
    Promise.prototype.then.call(promise, end, end);
    return promise;
  }

  /** Something is left behind on purpose, from now on. */
  raced(): void {
    this.#hasRaced = true;
  }

  /** What is wrong with the body that ends now: where, and what; null when nothing is. */
  mistake(): { readonly message: string; readonly asked: Error } | null {
    const unheard = this.#calls.find(({ promise }) => !promise.isAwaited);
    if (unheard !== undefined) {
      const { what, asked } = unheard;
      return { message: `${what} ${MISTAKES.unawaited}: write await in front of it`, asked };
    }
    if (this.#hasRaced) return null;
    const left = this.#calls.find(({ canBeLeft, isOver }) => !isOver && !canBeLeft);
    if (left === undefined) return null;
    const { what, asked } = left;
    const message =
      `${what} ${MISTAKES.unawaited}: the workflow ends while it is at work; ` +
      "await it, or the function that it is in";
    return { message, asked };
  }
}
