// Secret: a text that no log, message, JSON or debugger output shows.

/** The variable that may hold the passphrase, when neither runner.cfg nor a file of its own does. */
export const PASSPHRASE_VARIABLE = "MIGPGPPASSPHRASE";

/** The variables that may hold the keys of a store of results, when no file does. */
export const STORE_VARIABLES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;

/** Variables that hold a secret: the process forgets them when it has read them. */
export const SECRET_VARIABLES = [PASSPHRASE_VARIABLE, STORE_VARIABLES[1]] as const;

/** Holds a passphrase or an API key. Every way to print it gives `[secret]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself, for the one place that needs it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }

  [Symbol.for("Deno.customInspect")](): string {
    return "[secret]";
  }
}
