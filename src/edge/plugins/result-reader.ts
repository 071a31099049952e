// Result reader: a result file as a plugin gets it: the action in memory, each command as it is
// read.

import { PageError } from "../../lib/json/fault.ts";
import { fileError } from "../../lib/os/durable.ts";
import { streamRegular } from "../../lib/os/read.ts";
import { collectGarbage } from "../../lib/os/runtime.ts";
import { resultParts } from "../../mig/result-parts.ts";
import type { Command, PostedAction, Result } from "../../sdk/action.ts";
import { decodeCommand } from "./command.ts";
import type { Delivery } from "./work.ts";

/** Bytes that are read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Chunks after which the garbage is collected: 4 MiB. */
const CHUNKS_COLLECTED = 16;

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** A result and how much of it has been read. */
export interface OpenedResult {
  readonly result: Result;
  /** Commands that were handed out, of the furthest reading. */
  commandsRead(): number;
}

/**
 * Reads the action of a result.
 *
 * @throws {Error} `it is not a result: …`, when it is torn, no JSON or without an action.
 * @throws {RunnerError} SPOOL, when the file cannot be read.
 */
export async function openResult({ job, resultPath }: Delivery): Promise<OpenedResult> {
  const action = await readAction(resultPath);
  let furthest = 0;
  async function* commands(): AsyncGenerator<Command> {
    let read = 0;
    for await (const { kind, bytes } of partsOf(resultPath)) {
      if (kind !== "command") continue;
      furthest = Math.max(furthest, ++read);
      yield decodeCommand(bytes);
    }
  }
  const result: Result = {
    job,
    action,
    path: resultPath,
    commands: { [Symbol.asyncIterator]: commands },
  };
  return { result, commandsRead: () => furthest };
}

async function readAction(path: string): Promise<PostedAction> {
  for await (const { kind, bytes } of partsOf(path)) {
    if (kind === "action") return JSON.parse(UTF8.decode(bytes)) as PostedAction;
  }
  throw new Error("it is not a result: it has no action");
}

async function* partsOf(path: string): ReturnType<typeof resultParts> {
  try {
    yield* resultParts(readChunks(path));
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    const why = error.message.replace(/^Cannot read .*?: /, "");
    throw new Error(`it is not a result: ${why}`, { cause: error });
  }
}

async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    let chunks = 0;
    for await (const chunk of streamRegular(path, { chunkBytes: CHUNK_BYTES })) {
      yield chunk;
      // What was made of them is garbage by now, which a thread of its own collects late.
      if (++chunks % CHUNKS_COLLECTED === 0) collectGarbage();
    }
  } catch (error) {
    throw fileError({ verb: "read", thing: "result", path }, error);
  }
}
