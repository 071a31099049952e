// TLS: the certificate and the key that the page shows on addresses of other hosts' reach.

import { type Fit, fitOf, UnfitCredentials } from "../edge/certificate.ts";
import { systemClock } from "../edge/clock.ts";
import { absolutePath, changedAt, readBytes } from "../edge/files.ts";
import type { Credentials } from "../edge/web.ts";
import { describeError, messageOf, RunnerError } from "../errors.ts";
import { distrust, findFlawIfThere } from "../lib/os/ownership.ts";
import { DAY_MS, MINUTE_MS } from "../time.ts";
import { type FlagSpec, UsageError } from "./flags.ts";
import { readSecret } from "./secret-file.ts";
import type { Call } from "./verb.ts";

/** The flags by which other hosts may ask. */
export const TLS_FLAGS: readonly FlagSpec[] = [
  {
    name: "tls-cert",
    kind: "text",
    value: "FILE",
    help: "The certificate in PEM, with those of its authorities: --listen any address then",
  },
  { name: "tls-key", kind: "text", value: "FILE", help: "The private key of --tls-cert in PEM" },
];

/** How often the files are looked at: whoever renews certificates may tell nobody. */
const LOOK_MS = MINUTE_MS;

/** How long before its end a certificate is warned of, each day. */
const SOON_MS = 7 * DAY_MS;

/** How they are named by the command line. */
interface Files {
  readonly certificate: string;
  readonly key: string;
}

/** The files; null: the page is shown without TLS. @throws {UsageError} For one without the other. */
export function tlsFilesOf({ flags }: Call): Files | null {
  const certificate = flags.text("tls-cert");
  const key = flags.text("tls-key");
  if (certificate === null && key === null) return null;
  if (certificate === null || key === null) {
    throw new UsageError("flags -tls-cert and -tls-key want each other");
  }
  return { certificate: absolutePath(certificate), key: absolutePath(key) };
}

/** The certificate that is shown, as its files are replaced. */
export class Tls {
  readonly #files: Files;
  readonly #say: (line: string) => void;
  #fit: Fit;
  #stamp: string;
  /** Why the files were not taken at the last look; "" when they were. */
  #refused = "";
  /** When the operator was last told of a certificate that ends, or would have been. */
  #warnedAt = 0;

  private constructor(files: Files, say: (line: string) => void, fit: Fit, stamp: string) {
    this.#files = files;
    this.#say = say;
    this.#fit = fit;
    this.#stamp = stamp;
  }

  /**
   * @param say Told what the operator should know of the certificate.
   * @throws {RunnerError} CONFIG, when the files cannot be used.
   */
  static async open(files: Files, say: (line: string) => void): Promise<Tls> {
    const stamp = await stampOf(files);
    const tls = new Tls(files, say, await read(files), stamp);
    tls.#warn();
    return tls;
  }

  get credentials(): Credentials {
    return this.#fit.credentials;
  }

  /** Whether it names a host at all. */
  get namesHosts(): boolean {
    return this.#fit.namesHosts;
  }

  /** Whether the certificate is for a host: see Fit. */
  isFor(host: string): boolean {
    return this.#fit.isFor(host);
  }

  /** Reads the files again; keeps what it has when they cannot be used, and says so. */
  async renew(use: (credentials: Credentials) => void): Promise<void> {
    this.#refused = "";
    await this.#take(use);
  }

  /** What a look at the files comes to: nothing, while they are as they were, or as wrong. */
  async look(use: (credentials: Credentials) => void): Promise<void> {
    if ((await stampOf(this.#files)) !== this.#stamp) return await this.renew(use);
    // Who owns a file, and who may read it, changes without its time.
    if (this.#refused !== "") await this.#take(use);
    if (Math.abs(systemClock().now() - this.#warnedAt) >= DAY_MS) this.#warn();
  }

  /** Takes the files when they can be used; else says why not, unless that is known. */
  async #take(use: (credentials: Credentials) => void): Promise<void> {
    this.#stamp = await stampOf(this.#files);
    try {
      const fit = await read(this.#files);
      use(fit.credentials);
      this.#fit = fit;
      this.#refused = "";
      this.#say(`the certificate was read again: valid until ${dayOf(fit.validUntil)}`);
      this.#warn();
    } catch (error) {
      const why = describeError(error);
      if (why !== this.#refused) this.#say(`error: the certificate stays as it was: ${why}`);
      this.#refused = why;
    }
  }

  /** Looks at the files now and then, until it is told to end. */
  async lookUntil(use: (credentials: Credentials) => void, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await systemClock().sleep(LOOK_MS, ended);
      if (!ended.aborted) await this.look(use);
    }
  }

  #warn(): void {
    const { validFrom, validUntil } = this.#fit;
    const now = systemClock().now();
    this.#warnedAt = now;
    const certificate = `the certificate "${this.#files.certificate}"`;
    if (now < validFrom) this.#say(`warning: ${certificate} begins at ${dayOf(validFrom)}`);
    if (now >= validUntil - SOON_MS) {
      const is = now >= validUntil ? "has expired" : "ends";
      this.#say(`warning: ${certificate} ${is} at ${dayOf(validUntil)}: renew it`);
    }
  }
}

function dayOf(at: number): string {
  return new Date(at).toISOString();
}

async function stampOf({ certificate, key }: Files): Promise<string> {
  return `${await changedAt([certificate])} ${await changedAt([key])}`;
}

/** Both are checked as the configuration is: whoever could write them could stand between. */
async function read({ certificate, key }: Files): Promise<Fit> {
  const make = "its name is the value of --tls-key";
  const secret = await readSecret(key, { thing: "TLS key", make });
  const flaw = findFlawIfThere(certificate);
  if (flaw !== null)
    throw distrust({ code: "CONFIG", thing: "certificate", path: certificate }, flaw);
  const shown = await readBytes(certificate).catch((error: unknown) => {
    throw unfit("certificate", certificate, messageOf(error));
  });
  try {
    return fitOf({ certificate: shown, key: secret });
  } catch (error) {
    if (!(error instanceof UnfitCredentials)) throw error;
    const path = error.which === "key" ? key : certificate;
    throw unfit(error.which === "key" ? "TLS key" : "certificate", path, error.message);
  }
}

function unfit(thing: string, path: string, state: string): RunnerError {
  return new RunnerError("CONFIG", `Cannot take the ${thing} in "${path}": ${state}`, { path });
}
