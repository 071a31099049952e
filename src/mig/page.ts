// Page: takes the commands out of an answer of the API (collection+json) as it streams by.
//
//   {"collection": {"items": [{"data": [{"name": "command", "value": {…}}, …]}, …],
//                   "error": {"message": "…"}}}
//
// Owns:     which part of the answer is a command, and that its bytes are handed out unchanged.
// Not here: the grammar (lib/json/scan.ts), what is in a command (command.ts), the network
//           (api.ts).
//
// Invariants:
//   P1. What is handed out is one whole JSON object in UTF-8, so a result made of it can be parsed.
//   P2. Commands come in the order of the page, each as soon as it is complete.
//   P3. Memory is bounded by `itemSizeMax` and one chunk, whatever the size of the page.
import { isUtf8 } from "node:buffer";
import { decodeUtf8 } from "../lib/go/utf8.ts";
import { PageError } from "../lib/json/fault.ts";
import { JsonScanner, type ScanListener, type TokenKind } from "../lib/json/scan.ts";

/** What a whole page was. */
export interface PageSummary {
  /** How many commands were handed out. */
  readonly commands: number;
  /** Entries that are named as commands and are none: their value is missing or no object. */
  readonly strays: number;
  /** `collection.error.message`, or null when there is none or it is empty. */
  readonly errorMessage: string | null;
}

export interface PageOptions {
  /** Gets each command's bytes; they may be kept. */
  onCommand(bytes: Uint8Array, name: string): void;
  /** Most bytes of one command; a larger one is a PageError ("large"). */
  readonly itemSizeMax: number;
  /** Which `data` entries are meant. Default: those named exactly "command". */
  isWanted?(name: string): boolean;
}

// What a container is on the way to a command. The numbers of the path are its depth.
const OTHER = 0;
const TOP = 1;
const COLLECTION = 2;
const ITEMS = 3;
const ITEM = 4;
const DATA = 5;
const ENTRY = 6;
const ERROR = 7;

/** Depth of an entry: what is deeper is a command's own matter and only checked. */
const ENTRY_DEPTH = 6;

/** What a member's value or an element is when it is on the path, OTHER when it is not. */
function roleOf(parent: number, key: string): number {
  switch (parent) {
    case TOP:
      return key === "collection" ? COLLECTION : OTHER;
    case COLLECTION:
      return key === "items" ? ITEMS : key === "error" ? ERROR : OTHER;
    case ITEMS:
      return ITEM;
    case ITEM:
      return key === "data" ? DATA : OTHER;
    case DATA:
      return ENTRY;
    default:
      return OTHER;
  }
}

/** Reads one page. Every method may throw a PageError; commands handed out before it are whole. */
export class PageSplitter implements ScanListener {
  readonly #scanner: JsonScanner;
  readonly #options: PageOptions;
  readonly #roles = new Uint8Array(ENTRY_DEPTH + 2);
  #depth = 0;
  #key = "";
  #name: string | null = null;
  #value: Uint8Array | null = null;
  #isCollection = false;
  #commands = 0;
  #strays = 0;
  #errorMessage = "";

  constructor(options: PageOptions) {
    this.#options = options;
    this.#scanner = new JsonScanner({
      listener: this,
      watchDepth: ENTRY_DEPTH,
      keptMax: options.itemSizeMax,
    });
  }

  /** Reads on; calls `onCommand` for each command that is complete. */
  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
    // Its entry ends in a later chunk: this one may be gone by then. Slices of a Buffer are views.
    this.#value &&= new Uint8Array(this.#value);
  }

  /** Ends the page. One that is cut off, or no collection at all, is a PageError. */
  finish(): PageSummary {
    this.#scanner.finish();
    if (!this.#isCollection) throw wrongShape('it has no "collection"');
    return {
      commands: this.#commands,
      strays: this.#strays,
      errorMessage: this.#errorMessage === "" ? null : this.#errorMessage,
    };
  }

  /** For the scanner. */
  wants(kind: TokenKind): boolean {
    const role = this.#roles[this.#depth] as number;
    if (kind === "key") return role !== OTHER;
    if (role === ENTRY) return this.#key === "name";
    if (role === ERROR) return this.#key === "message";
    return roleOf(role, this.#key) !== OTHER;
  }

  /** For the scanner. */
  token(kind: TokenKind, text: string | null): void {
    if (kind === "key") {
      // Go's decoder takes member names in any letter case.
      this.#key = text === null ? "" : text.toLowerCase();
      return;
    }
    const role = this.#roles[this.#depth] as number;
    if (role === ENTRY) {
      if (this.#key === "name") this.#name = kind === "text" ? text : null;
      if (this.#key === "value") this.#value = null;
    } else if (role === ERROR) {
      if (this.#key === "message") this.#errorMessage = kind === "text" ? (text ?? "") : "";
    } else if (roleOf(role, this.#key) !== OTHER && (kind === "text" || text !== "null")) {
      throw wrongShape(`"${this.#key}" is neither an object nor an array`);
    }
  }

  /** For the scanner. */
  opens(isArray: boolean): boolean {
    const parent = this.#roles[this.#depth] as number;
    const role = this.#depth === 0 ? TOP : roleOf(parent, this.#key);
    if (role !== OTHER && isArray !== (role === ITEMS || role === DATA)) {
      const what = role === TOP ? "it" : role === ITEM || role === ENTRY ? "an item" : this.#key;
      throw wrongShape(`${what} is ${isArray ? "an array" : "an object"}`);
    }
    this.#depth++;
    this.#roles[this.#depth] = role;
    if (role === COLLECTION) this.#isCollection = true;
    if (role === ENTRY) {
      this.#name = null;
      this.#value = null;
    }
    if (parent !== ENTRY || this.#key !== "value") return false;
    this.#value = null;
    return !isArray && (this.#name === null || this.#isWanted(this.#name));
  }

  /** For the scanner. */
  closes(kept: Uint8Array | null): void {
    const role = this.#roles[this.#depth] as number;
    this.#depth--;
    if (kept !== null) this.#value = kept;
    if (role === ENTRY) this.#endEntry();
  }

  #endEntry(): void {
    const name = this.#name;
    if (name === null || !this.#isWanted(name)) return;
    if (this.#value === null) {
      this.#strays++;
      return;
    }
    this.#commands++;
    this.#options.onCommand(wellFormed(this.#value), name);
    this.#value = null;
  }

  #isWanted(name: string): boolean {
    return this.#options.isWanted?.(name) ?? name === "command";
  }
}

function wrongShape(what: string): PageError {
  return new PageError("shape", `Cannot read the API's answer: ${what}, wanted collection+json`);
}

/** The bytes themselves when they are UTF-8, else with U+FFFD for what is not, as Go decodes. */
function wellFormed(bytes: Uint8Array): Uint8Array {
  return isUtf8(bytes) ? bytes : new TextEncoder().encode(decodeUtf8(bytes));
}
