// Auth: the header that identifies this runner to the API: a signed, short-lived token, or an API
// key.
import type { Clock, Signer } from "../lib/ports.ts";
import { type Instant, MINUTE_MS } from "../time.ts";
import { encodeToken, tokenText } from "./token.ts";

/** A text that is not to be printed. */
export interface Concealed {
  reveal(): string;
}

export interface AuthOptions {
  readonly signer: Pick<Signer, "sign">;
  readonly clock: Pick<Clock, "now">;
  /** The next free number of a token. */
  nonce(): number;
  /** Sent instead of tokens when there is one. */
  readonly apiKey: Concealed | null;
}

/** Half of the time for which the API accepts a token by default (tokenduration). */
export const TOKEN_LIFE_MS = 5 * MINUTE_MS;

interface Token {
  readonly madeAt: Instant;
  readonly value: Promise<string>;
}

/**
 * Makes tokens. One serves all requests for half its life: the API accepts a repeated one, and
 * signing is what a request costs most. It is dropped when the clock jumps.
 */
export class Auth {
  readonly #options: AuthOptions;
  #token: Token | null = null;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** Whether a refused header can be replaced by a better one. */
  get canRenew(): boolean {
    return this.#options.apiKey === null;
  }

  /** The header's name and value. Requests at the same time share one signing. Rejects with it. */
  async header(): Promise<readonly [name: string, value: string]> {
    const { apiKey, clock } = this.#options;
    if (apiKey !== null) return ["X-Migapikey", apiKey.reveal()];
    const ageMs = clock.now() - (this.#token?.madeAt ?? 0);
    if (this.#token === null || ageMs < 0 || ageMs >= TOKEN_LIFE_MS) this.#token = this.#make();
    return ["X-Pgpauthorization", await this.#token.value];
  }

  /** A new header after `refused` was refused. Callers at the same time share one signing. */
  async renewed(refused: string): Promise<readonly [name: string, value: string]> {
    const token = this.#token;
    // While this waits, another request may put a new token in its place.
    if (token !== null && (await token.value) === refused && this.#token === token) {
      this.#token = null;
    }
    return await this.header();
  }

  #make(): Token {
    const madeAt = this.#options.clock.now();
    const text = tokenText(madeAt, this.#options.nonce());
    const value = this.#sign(text);
    const token = { madeAt, value };
    // A failure is not kept: the key may be unlocked by the next time.
    value.catch(() => {
      if (this.#token === token) this.#token = null;
    });
    return token;
  }

  async #sign(text: string): Promise<string> {
    return encodeToken(text, await this.#options.signer.sign(new TextEncoder().encode(text)));
  }
}
