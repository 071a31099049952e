// Result parts: the parts of a result file, taken out of it as it streams by.
//
//   {"action":{…},"commands":[{…},…],"name":"JOB","plugin":"PLUGIN"}
//
// Memory holds one chunk and one command, whatever the size of the file.
import { JsonScanner, type ScanListener, type TokenKind } from "../lib/json/scan.ts";

/** The action of a result, or one of its commands: the bytes of one JSON object. */
export interface ResultPart {
  readonly kind: "action" | "command";
  /** Valid until the next part is asked for. */
  readonly bytes: Uint8Array;
  /** Where it begins in the file. */
  readonly offset: number;
}

/** Most bytes of the action or of one command. */
const PART_SIZE_MAX = 256 * 1024 * 1024;

/** Depth of the members of the document, and of the elements of its lists. */
const DOCUMENT = 1;
const LIST = 2;

/**
 * The action and the commands of a result file, in the order of the file.
 *
 * @throws {PageError} When the file is torn or no JSON.
 */
export async function* resultParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ResultPart> {
  const finder = new PartFinder();
  const scanner = new JsonScanner({ listener: finder, watchDepth: LIST, keptMax: PART_SIZE_MAX });
  for await (const chunk of chunks) {
    scanner.push(chunk);
    yield* finder.take();
  }
  scanner.finish();
  yield* finder.take();
}

class PartFinder implements ScanListener {
  #depth = 0;
  #key = "";
  #found: ResultPart[] = [];

  take(): readonly ResultPart[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  /** For the scanner. */
  wants(kind: TokenKind): boolean {
    return this.#depth === DOCUMENT && kind === "key";
  }

  /** For the scanner. */
  token(kind: TokenKind, text: string | null): void {
    if (this.#depth === DOCUMENT && kind === "key") this.#key = text ?? "";
  }

  /** For the scanner. */
  opens(isArray: boolean): boolean {
    this.#depth++;
    if (isArray) return false;
    if (this.#depth === LIST) return this.#key === "action";
    return this.#depth === LIST + 1 && this.#key === "commands";
  }

  /** For the scanner. */
  closes(kept: Uint8Array | null, endsAt: number): void {
    this.#depth--;
    if (kept === null) return;
    const kind = this.#key === "action" ? "action" : "command";
    this.#found.push({ kind, bytes: kept, offset: endsAt - kept.length });
  }
}
