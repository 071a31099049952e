// Command: a command of a result as a plugin gets it, within a bound of memory.
//
// An agent can answer with 60 MB that are two gigabytes once they are values ("[],[],…"). One such
// command would end the process of the plugin at each try, and with that cost all other hosts their
// delivery. So of it everything is handed out but its results, in whose place is said why.
import { JsonScanner, type ScanListener, type TokenKind } from "../../lib/json/scan.ts";
import type { Command } from "../../sdk/action.ts";

/** Bytes of memory that one command may take, as far as can be told before. */
const MEMORY_MAX = 500 * 1024 * 1024;

/** A command that is smaller than this takes no such memory, whatever is in it. */
const BYTES_SAFE = 4 * 1024 * 1024;

/** What is kept of any other member of a command that is too large. */
const MEMBER_SIZE_MAX = 1024 * 1024;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a command. @param bytes One JSON object. */
export function decodeCommand(bytes: Uint8Array, memoryMax: number = MEMORY_MAX): Command {
  const isSafe = bytes.length <= Math.min(BYTES_SAFE, memoryMax);
  if (isSafe || memoryOf(bytes) <= memoryMax) return decode(bytes) as Command;
  const members = new Members();
  const scanner = new JsonScanner({ listener: members, watchDepth: 1, keptMax: bytes.length });
  scanner.push(bytes);
  scanner.finish();
  const why = `its results were left out: ${bytes.length} bytes that would take too much memory`;
  const results = [
    { foundanything: false, success: false, elements: null, statistics: null, errors: [why] },
  ];
  return { ...Object.fromEntries(members.read), results } as unknown as Command;
}

function decode(bytes: Uint8Array): unknown {
  return JSON.parse(UTF8.decode(bytes));
}

/** What a list or an object takes at least, a value in it, and a byte of a text. */
const CONTAINER_BYTES = 90;
const VALUE_BYTES = 24;
const TEXT_BYTES = 4;

/** About how much memory the values take. What stands in texts is counted too: rather too much. */
function memoryOf(bytes: Uint8Array): number {
  let containers = 0;
  let values = 0;
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) containers++;
    else if (byte === 0x2c) values++;
  }
  return containers * CONTAINER_BYTES + values * VALUE_BYTES + bytes.length * TEXT_BYTES;
}

/** The members of an object, but for its results and for what is too large. */
class Members implements ScanListener {
  readonly read: [name: string, value: unknown][] = [];
  #depth = 0;
  #name = "";

  /** For the scanner. */
  wants(): boolean {
    return this.#depth === 1;
  }

  /** For the scanner. */
  token(kind: TokenKind, text: string | null): void {
    if (this.#depth !== 1) return;
    if (kind === "key") this.#name = text ?? "";
    else if (this.#name !== "results") {
      const isLarge = (text?.length ?? 0) > MEMBER_SIZE_MAX;
      this.read.push([
        this.#name,
        isLarge ? null : kind === "text" ? text : JSON.parse(text ?? "null"),
      ]);
    }
  }

  /** For the scanner. */
  opens(): boolean {
    return ++this.#depth === 2 && this.#name !== "results";
  }

  /** For the scanner. */
  closes(kept: Uint8Array | null): void {
    this.#depth--;
    if (kept === null || this.#depth !== 1) return;
    this.read.push([this.#name, kept.length > MEMBER_SIZE_MAX ? null : decode(kept)]);
  }
}
