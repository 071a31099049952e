// Read page: hands out the commands of one page while it is being read.
import { tooLarge } from "../lib/json/fault.ts";
import { PageSplitter, type PageSummary } from "./page.ts";

/** Largest command. Agents send results through a queue that refuses far smaller ones. */
const COMMAND_SIZE_MAX = 64 * 1024 * 1024;

/** Most bytes of a page: room for one command of the largest size, and for this of each on average. */
const COMMAND_ROOM = 1024 * 1024;

/** Who gets the commands of a page. */
export interface HandedPage {
  /** Commands that were asked for. */
  readonly limit: number;
  /** Gets each command's bytes, one whole JSON object, in order; the next waits for its promise. */
  onCommand(bytes: Uint8Array): void | Promise<void>;
}

/**
 * Hands out the commands of a page; what is wrong with the page itself is a message.
 *
 * @param textOf Says what is wrong with it. Rejects only with what `onCommand` threw.
 */
export async function readPage(
  body: AsyncIterable<Uint8Array>,
  { limit, onCommand }: HandedPage,
  textOf: (error: unknown) => string,
): Promise<PageSummary | { readonly message: string }> {
  const sizeMax = COMMAND_SIZE_MAX + limit * COMMAND_ROOM;
  let size = 0;
  let ready: Uint8Array[] = [];
  const splitter = new PageSplitter({
    itemSizeMax: COMMAND_SIZE_MAX,
    onCommand: (bytes) => ready.push(bytes),
  });
  // What the caller throws is the caller's own, not a fault of the page.
  let failure: { readonly error: unknown } | null = null;
  const handOut = async (): Promise<void> => {
    try {
      for (const bytes of ready) {
        const written = onCommand(bytes);
        if (written !== undefined) await written;
      }
    } catch (error) {
      failure = { error };
      throw error;
    }
    ready = [];
  };
  try {
    for await (const part of body) {
      size += part.length;
      if (size > sizeMax) throw tooLarge(sizeMax);
      splitter.push(part);
      await handOut();
    }
    return splitter.finish();
  } catch (error) {
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
    return { message: textOf(error) };
  }
}
