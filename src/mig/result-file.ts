// Result file: a result file read again, to take over a result that the journal does not know.
//
//   {"action":{…},"commands":[{…},…],"name":"JOB","plugin":"PLUGIN"}
//
// Read as it streams: a result may be larger than the memory. Other members are let through.
import { messageOf } from "../errors.ts";
import { PageError } from "../lib/json/fault.ts";
import { JsonScanner, type ScanListener, type TokenKind } from "../lib/json/scan.ts";
import { commandFacts } from "./command.ts";
import { type PostedAction, parsePostedAction } from "./result.ts";
import { StatusCounts } from "./statuses.ts";

/** What is read from a result file. */
export interface StoredResult {
  readonly action: PostedAction;
  /** The action as it stands in the file. */
  readonly actionBytes: Uint8Array;
  /** The plugin that it was written for; empty when there was none. */
  readonly plugin: string;
  /** How many commands it holds. */
  readonly commands: number;
  /** How many of them had each status. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** Most bytes of the action or of one command. */
const ITEM_SIZE_MAX = 1024 * 1024 * 1024;

/** Depth of the members of the document, and of the elements of its lists. */
const DOCUMENT = 1;
const LIST = 2;

/**
 * Reads a result file.
 *
 * @throws {Error} `it is not a result: …`, when it is torn, no JSON, or has no action with an id.
 */
export async function readStoredResult(chunks: AsyncIterable<Uint8Array>): Promise<StoredResult> {
  const reader = new StoredReader();
  const scanner = new JsonScanner({ listener: reader, watchDepth: LIST, keptMax: ITEM_SIZE_MAX });
  try {
    for await (const chunk of chunks) scanner.push(chunk);
    scanner.finish();
    return reader.result();
  } catch (error) {
    const isShape = error instanceof PageError;
    const why = messageOf(error).replace(isShape ? /^Cannot read .*?: / : /^$/, "");
    throw new Error(`it is not a result: ${why}`, { cause: error });
  }
}

class StoredReader implements ScanListener {
  #depth = 0;
  #key = "";
  #actionBytes: Uint8Array | null = null;
  #plugin = "";
  #hasCommands = false;
  #commands = 0;
  readonly #statuses = new StatusCounts();

  result(): StoredResult {
    if (this.#actionBytes === null) throw new Error("it has no action");
    if (!this.#hasCommands) throw new Error("it has no commands: it was never collected");
    return {
      action: parsePostedAction(this.#actionBytes),
      actionBytes: this.#actionBytes,
      plugin: this.#plugin,
      commands: this.#commands,
      statuses: this.#statuses.record,
    };
  }

  wants(kind: TokenKind): boolean {
    return this.#depth === DOCUMENT && (kind === "key" || this.#key === "plugin");
  }

  token(kind: TokenKind, text: string | null): void {
    if (this.#depth !== DOCUMENT) return;
    if (kind === "key") this.#key = text ?? "";
    else if (this.#key === "plugin" && kind === "text") this.#plugin = text ?? "";
  }

  opens(isArray: boolean): boolean {
    this.#depth++;
    if (this.#depth === LIST && isArray && this.#key === "commands") this.#hasCommands = true;
    if (isArray) return false;
    const isAction = this.#depth === LIST && this.#key === "action";
    return isAction || (this.#depth === LIST + 1 && this.#key === "commands");
  }

  closes(kept: Uint8Array | null): void {
    this.#depth--;
    if (kept === null) return;
    // The bytes are only lent until the next chunk.
    if (this.#key === "action") this.#actionBytes = kept.slice();
    else this.#count(kept);
  }

  #count(command: Uint8Array): void {
    this.#commands++;
    this.#statuses.add(commandFacts(command).status ?? "");
  }
}
