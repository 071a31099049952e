// Fault: what an answer of the API looks like when it cannot be used.

/** Why an answer cannot be used: cut off, no JSON, another shape, nested too deep, too large. */
export type PageFault = "torn" | "garbage" | "shape" | "deep" | "large";

/** An answer of the API that cannot be read. Its message names the byte and what was wanted. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly fault: PageFault;

  constructor(fault: PageFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** The fault of a byte that may not stand where it does. @param place Bytes before it. */
export function garbage(
  byte: number,
  { place, wanted }: { readonly place: number; readonly wanted: string },
): PageError {
  const seen = byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte ${byte}`;
  const hint = place < 64 && seen === '"<"' ? " (it looks like HTML)" : "";
  return new PageError(
    "garbage",
    `Cannot read the API's answer: ${seen} at byte ${place}${hint}, wanted ${wanted}`,
  );
}

/** The fault of an answer that does not end. */
export function tooLarge(sizeMax: number): PageError {
  return new PageError("large", `Cannot read the API's answer: it is over ${sizeMax} bytes`);
}

/** The fault of what is nested deeper than is read. */
export function tooDeep(depthMax: number): PageError {
  return new PageError("deep", `Cannot read the API's answer: nested over ${depthMax} deep`);
}
