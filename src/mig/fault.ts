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
