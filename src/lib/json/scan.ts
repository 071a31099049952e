// Scan: strict JSON (RFC 8259), checked byte by byte as it arrives, without ever holding the text.
//
// Owns:     the grammar, the depth, and the few bytes that a listener asks to keep.
// Not here: what members mean (mig/page.ts), and whether the bytes of a text are UTF-8.
//
// Invariants:
//   S1. Where the chunks are cut makes no difference to what the listener hears.
//   S2. At most `keptMax` bytes and one chunk are held, whatever arrives.
//   S3. Kept bytes are the bytes that arrived. They are valid until the next call of `push` at
//       least, and stay so unless the caller of `push` overwrites its chunk.
import { garbage, PageError, tooDeep } from "./fault.ts";
import {
  ACCEPT_SPACE,
  ACTIONS,
  afterIn,
  BACKSLASH,
  BEGIN_TEXT,
  BEGIN_WORD,
  CLOSE,
  COLON,
  COLON_BYTE,
  COMMA_BYTE,
  END,
  ESCAPES,
  FIRST_KEY,
  firstIn,
  HEX_DIGITS,
  IN_TEXT,
  IN_WORD,
  KEY,
  NEXT_KEY,
  NEXT_VALUE,
  nextAfter,
  OPEN_ARRAY,
  OPEN_OBJECT,
  PLAIN,
  plainTextEnd,
  QUOTE,
  VALUE,
  WANTED,
  WORD_ENDS,
  WORDS,
  wordEnd,
} from "./grammar.ts";
import { PartBytes } from "./part.ts";
import { Repeated } from "./repeated.ts";

/** A member's name, a text value, or a bare word (number, true, false, null). */
export type TokenKind = "key" | "text" | "word";

/** Hears what stands directly in a container that is nested at most `watchDepth` deep. */
export interface ScanListener {
  /** Whether to keep and hand out the token that begins here. */
  wants(kind: TokenKind): boolean;
  /** A token; `text` is decoded, or null when it was not wanted. A word is as it was written. */
  token(kind: TokenKind, text: string | null): void;
  /** An object or an array begins. Answer true to get its bytes when it ends. */
  opens(isArray: boolean): boolean;
  /**
   * It ended before byte `endsAt` of the text; `kept` are its bytes with the brackets, when they
   * were asked for.
   */
  closes(kept: Uint8Array | null, endsAt: number): void;
}

/** Nesting that Go's decoder accepts (encoding/json maxNestingDepth); deeper is refused. */
export const DEPTH_MAX = 10_000;

export interface ScanOptions {
  readonly listener: ScanListener;
  /** How deep a container may be nested for the listener to hear what is in it; 1 is the top. */
  readonly watchDepth: number;
  /** Most bytes of one kept token or container; more is a PageError ("large"). */
  readonly keptMax: number;
}

/** Reads one JSON value. Every call may throw a PageError, after which it is of no more use. */
export class JsonScanner {
  readonly #listener: ScanListener;
  readonly #watchDepth: number;
  readonly #part: PartBytes;
  #state = VALUE;
  #depth = 0;
  #kinds = new Uint8Array(64);
  /** In a text: 0, or the escape being read: -1 after a backslash, n digits of \u still to come. */
  #escape = 0;
  #word = 0;
  #tokenIsKey = false;
  #tokenHasEscapes = false;
  /** Whether the listener hears the token that is being read. */
  #heard = false;
  /** Bytes of earlier chunks, for places in messages. */
  #consumed = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  /** The depth of the container that is kept, 0 when a token or nothing is. */
  #keptDepth = 0;
  /** Whether the kept container has not had a container in it yet. */
  #isNew = false;
  /** Where that one begins; -1 when it is not read, or began in an earlier chunk. */
  #firstFrom = -1;
  /** The bytes of the last one that was read: the same bytes need not be checked again. */
  readonly #known = new Repeated<null>(null);

  constructor({ listener, watchDepth, keptMax }: ScanOptions) {
    this.#listener = listener;
    this.#watchDepth = watchDepth;
    this.#part = new PartBytes(keptMax);
  }

  /** Reads on. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#firstFrom = -1;
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === IN_TEXT) at = this.#readText(at);
      else if (this.#state === IN_WORD) at = this.#readWord(at);
      else if (this.#depth > this.#watchDepth) at = this.#skim(at);
      else at = this.#readStructure(at);
    }
    this.#part.carryOver(chunk);
    this.#consumed += chunk.length;
    this.#chunk = this.#chunk.subarray(0, 0);
  }

  /** Ends the text. A value that is not complete is a PageError ("torn"). */
  finish(): void {
    if (this.#state === IN_WORD && this.#depth === 0 && WORD_ENDS[this.#word] === 1) {
      this.#endWord(0);
    }
    if (this.#state === END) return;
    const what = this.#consumed === 0 ? "it is empty" : `it ends after ${this.#consumed} bytes`;
    throw new PageError("torn", `Cannot read the API's answer: ${what}, wanted a whole JSON value`);
  }

  #readStructure(from: number): number {
    const chunk = this.#chunk;
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      switch (ACTIONS[this.#state * 256 + byte]) {
        case ACCEPT_SPACE:
          break;
        case NEXT_VALUE:
          this.#state = VALUE;
          break;
        case NEXT_KEY:
          this.#state = KEY;
          break;
        case BEGIN_TEXT:
          this.#beginToken(this.#state >= FIRST_KEY ? "key" : "text", at + 1);
          return at + 1;
        case BEGIN_WORD:
          this.#beginToken("word", at);
          return at;
        case OPEN_OBJECT:
          this.#open(OPEN_OBJECT, at);
          break;
        case OPEN_ARRAY:
          this.#open(OPEN_ARRAY, at);
          break;
        case CLOSE:
          this.#close(this.#depth, at + 1);
          break;
        default:
          throw this.#garbage(at, WANTED[this.#state] as string);
      }
      at++;
    }
    return at;
  }

  /**
   * The same below the watched depth, where most bytes are: no listener, local variables only, and
   * no turn of the loop for a ":" or "," that follows at once. Stops where it becomes watched, and
   * before a token that has an escape or is cut by the chunk.
   */
  #skim(from: number): number {
    // A local name for the table makes this loop about 1.5 times as fast.
    const actions = ACTIONS;
    const chunk = this.#chunk;
    const end = chunk.length;
    const watched = this.#watchDepth + 1;
    let depth = this.#depth;
    let state = this.#state;
    let after = afterIn(this.#kinds[depth] as number);
    let at = from;
    scan: while (at < end) {
      const action = actions[state * 256 + (chunk[at] as number)];
      switch (action) {
        case ACCEPT_SPACE:
          break;
        case NEXT_VALUE:
          state = VALUE;
          break;
        case NEXT_KEY:
          state = KEY;
          break;
        case BEGIN_TEXT: {
          const last = plainTextEnd(chunk, at + 1);
          if (last === end || chunk[last] !== QUOTE) break scan;
          const isKey = state >= FIRST_KEY;
          const follows = chunk[last + 1] === (isKey ? COLON_BYTE : COMMA_BYTE);
          at = follows ? last + 1 : last;
          if (isKey) state = follows ? VALUE : COLON;
          else state = follows ? nextAfter(after) : after;
          break;
        }
        case BEGIN_WORD: {
          const last = wordEnd(chunk, at);
          if (last === end || last === at) break scan;
          state = after;
          at = last;
          continue;
        }
        case OPEN_OBJECT:
        case OPEN_ARRAY: {
          const knownEnd = this.#isNew && depth === watched ? this.#meetFirst(at) : -1;
          if (knownEnd >= 0) {
            state = after;
            at = knownEnd;
            continue;
          }
          this.#enter(++depth, action);
          state = firstIn(action);
          after = afterIn(action);
          break;
        }
        case CLOSE:
          if (depth === watched) return this.#close(depth, at + 1);
          depth--;
          if (depth === watched) this.#endFirst(at + 1);
          after = afterIn(this.#kinds[depth] as number);
          state = after;
          break;
        default:
          break scan;
      }
      at++;
    }
    this.#depth = depth;
    this.#state = state;
    return at < end ? this.#readStructure(at) : at;
  }

  /** The first container in a kept one: where it ends when it is as it was the last time, or -1. */
  #meetFirst(at: number): number {
    this.#isNew = false;
    const end = this.#known.endAt(this.#chunk, at);
    if (end < 0) this.#firstFrom = at;
    return end;
  }

  #endFirst(to: number): void {
    const from = this.#firstFrom;
    if (from < 0) return;
    this.#known.remember(this.#chunk, { from, to }, null);
    this.#firstFrom = -1;
  }

  #beginToken(kind: TokenKind, at: number): void {
    this.#state = kind === "word" ? IN_WORD : IN_TEXT;
    this.#tokenIsKey = kind === "key";
    this.#tokenHasEscapes = false;
    this.#word = 0;
    this.#heard = this.#depth > 0 && this.#depth <= this.#watchDepth;
    if (!this.#heard || !this.#listener.wants(kind)) return;
    if (this.#keptDepth === 0) this.#part.begin(at);
  }

  #readText(from: number): number {
    const plain = PLAIN;
    const chunk = this.#chunk;
    const end = chunk.length;
    let at = from;
    while (at < end) {
      if (this.#escape !== 0) {
        this.#readEscape(at);
        at++;
        continue;
      }
      while (at < end && plain[chunk[at] as number] === 1) at++;
      if (at === end) return at;
      const byte = chunk[at] as number;
      if (byte === QUOTE) {
        this.#endText(at);
        return at + 1;
      }
      if (byte !== BACKSLASH) throw this.#garbage(at, "a text without control characters");
      this.#escape = -1;
      this.#tokenHasEscapes = true;
      at++;
    }
    return at;
  }

  #readEscape(at: number): void {
    const byte = this.#chunk[at] as number;
    if (this.#escape > 0) {
      if (!HEX_DIGITS.has(byte)) throw this.#garbage(at, "four hex digits");
      this.#escape--;
    } else if (byte === 0x75) {
      this.#escape = 4;
    } else if (ESCAPES.has(byte)) {
      this.#escape = 0;
    } else {
      throw this.#garbage(at, "an escape that JSON knows");
    }
  }

  #endText(at: number): void {
    this.#state = this.#tokenIsKey ? COLON : this.#afterValue();
    if (!this.#heard) return;
    const kind = this.#tokenIsKey ? "key" : "text";
    this.#listener.token(kind, this.#takeText(at));
  }

  #readWord(from: number): number {
    const chunk = this.#chunk;
    let at = from;
    let word = this.#word;
    while (at < chunk.length) {
      const next = WORDS[word * 256 + (chunk[at] as number)] as number;
      if (next === 0) {
        if (WORD_ENDS[word] !== 1) throw this.#garbage(at, "a number, true, false or null");
        this.#endWord(at);
        return at;
      }
      word = next;
      at++;
    }
    this.#word = word;
    return at;
  }

  #endWord(at: number): void {
    this.#state = this.#afterValue();
    if (!this.#heard) return;
    this.#listener.token("word", this.#takeText(at));
  }

  /** The token that ends before `at`, decoded; null when it was not wanted. */
  #takeText(at: number): string | null {
    if (this.#keptDepth !== 0 || !this.#part.isKeeping) return null;
    return this.#part.takeText(this.#chunk, at, this.#tokenHasEscapes);
  }

  #open(kind: number, at: number): void {
    const heard = this.#depth <= this.#watchDepth;
    if (heard && this.#listener.opens(kind === OPEN_ARRAY) && this.#keptDepth === 0) {
      this.#part.begin(at);
      this.#keptDepth = this.#depth + 1;
      this.#isNew = true;
    }
    this.#depth++;
    this.#enter(this.#depth, kind);
    this.#state = firstIn(kind);
  }

  /** Notes what the container at `depth` is: OPEN_OBJECT or OPEN_ARRAY. */
  #enter(depth: number, kind: number): void {
    if (depth === this.#kinds.length) {
      if (depth > DEPTH_MAX) throw tooDeep(DEPTH_MAX);
      const kinds = new Uint8Array(Math.min(depth * 2, DEPTH_MAX + 1));
      kinds.set(this.#kinds);
      this.#kinds = kinds;
    }
    this.#kinds[depth] = kind;
  }

  /** The container at `depth` ends before `end`, which is also the answer. */
  #close(depth: number, end: number): number {
    this.#depth = depth - 1;
    this.#state = this.#afterValue();
    if (depth === this.#watchDepth + 2) this.#endFirst(end);
    if (depth > this.#watchDepth + 1) return end;
    let kept: Uint8Array | null = null;
    if (this.#keptDepth === depth) {
      this.#keptDepth = 0;
      kept = this.#part.take(this.#chunk, end);
    }
    this.#listener.closes(kept, this.#consumed + end);
    return end;
  }

  #afterValue(): number {
    if (this.#depth === 0) return END;
    return afterIn(this.#kinds[this.#depth] as number);
  }

  #garbage(at: number, wanted: string): PageError {
    return garbage(this.#chunk[at] as number, { place: this.#consumed + at, wanted });
  }
}
