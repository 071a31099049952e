// Progress: what a plugin says is done of a result, as the text that is kept between two attempts.

/** UTF-16 units of the text. */
export const PROGRESS_SIZE_MAX = 65_536;

/** @throws {TypeError} When it is nothing that JSON can hold, or too large. */
export function encodeProgress(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new TypeError("Cannot save the progress: it cannot be written as JSON", { cause });
  }
  if (text === undefined) throw new TypeError("Cannot save the progress: JSON cannot hold it");
  if (text.length <= PROGRESS_SIZE_MAX) return text;
  const size = `${text.length} characters of JSON, wanted at most ${PROGRESS_SIZE_MAX}`;
  throw new TypeError(`Cannot save the progress: it has ${size}`);
}

/** Null when there is nothing, or nothing that `encodeProgress` made. */
export function decodeProgress(text: string | null | undefined): unknown {
  if (text === null || text === undefined) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
