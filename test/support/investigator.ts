// Investigator: someone who signs and posts actions to a sandbox, for tests.
//
// The texts are put together here by hand, so that neither the runner's encoder nor the sandbox's
// decides what the other is tested against. Parameters must have their members sorted.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { openSigner } from "../../src/lib/pgp/signer.ts";
import { homeOf } from "./keys.ts";

const HOME = homeOf();

/** The throw-away key whose public part `publicKeys` holds. */
export const RUNNER_FINGERPRINT = "D35069ED9046944C204ED0AAB669E288E7530642";

/** The public keys of the two throw-away investigators. */
export const publicKeys: Uint8Array = readFileSync(`${HOME}/pubring.gpg`);

export interface Posted {
  name?: string;
  target?: string;
  operations?: object[];
  /** Seconds from now. */
  validFor?: number;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** One exchange; rejects when the connection breaks. */
export function exchange(
  port: number,
  message: { method: string; path: string; headers?: Record<string, string>; body?: string },
): Promise<Answer> {
  const { method, path, headers = {}, body = "" } = message;
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, headers }, (response) => {
      const parts: Uint8Array[] = [];
      response.on("data", (part: Uint8Array) => parts.push(part));
      response.on("error", reject);
      response.on("aborted", () => reject(new Error("aborted")));
      response.on("end", () => {
        if (!response.complete) return reject(new Error("incomplete"));
        const { statusCode = 0, headers: answered } = response;
        resolve({ status: statusCode, headers: answered, body: Buffer.concat(parts).toString() });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** An investigator with the clock of the test. */
export async function openInvestigator(clock: { now(): number }) {
  const environment = { PATH: "" };
  const signer = await openSigner({
    home: HOME,
    keyId: RUNNER_FINGERPRINT,
    passphrase: null,
    clock,
    environment,
  });
  const sign = (text: string) => signer.sign(new TextEncoder().encode(text));
  async function token(): Promise<string> {
    const text = `1;${new Date(clock.now()).toISOString().slice(0, 19)}Z;42`;
    return `${text};${await sign(`${text}\n`)}`;
  }
  async function form(posted: Posted): Promise<string> {
    const { name = "test", target = "status='online'", validFor = 60 } = posted;
    const operations = posted.operations ?? [{ module: "timedrift", parameters: { drift: "" } }];
    const from = Math.floor(clock.now() / 1000);
    const text =
      `name=${name};target=${target};validfrom=${from};` +
      `expireafter=%!s(int64=${from + validFor});operations=${JSON.stringify(operations)};`;
    const action = {
      name,
      target,
      validfrom: new Date(from * 1000).toISOString(),
      expireafter: new Date((from + validFor) * 1000).toISOString(),
      operations,
      pgpsignatures: [await sign(text)],
      syntaxversion: 2,
    };
    return `action=${encodeURIComponent(JSON.stringify(action))}`;
  }
  return {
    token,
    form,
    /** Posts an action; answers with the id when it was taken. */
    async post(port: number, posted: Posted): Promise<Answer & { id: number }> {
      const answer = await exchange(port, {
        method: "POST",
        path: "/api/v1/action/create/",
        headers: {
          "Content-Type": "application/x-www-form-urlencoded",
          "X-PGPAUTHORIZATION": await token(),
        },
        body: await form(posted),
      });
      return { ...answer, id: Number(/"action ID (\d+)"/.exec(answer.body)?.[1] ?? 0) };
    },
    /** Searches; `query` is what follows the question mark. */
    async search(port: number, query: string): Promise<Answer> {
      return exchange(port, {
        method: "GET",
        path: `/api/v1/search?${query}`,
        headers: { "X-PGPAUTHORIZATION": await token() },
      });
    },
  };
}

/** The values of the items with this name in the body of an answer. */
export function valuesOf(answer: Answer, name: string): Record<string, unknown>[] {
  const { items } = JSON.parse(answer.body).collection;
  return (items ?? [])
    .flatMap(({ data }: { data: { name: string }[] }) => data)
    .filter((datum: { name: string }) => datum.name === name)
    .map(({ value }: { value: unknown }) => value);
}

/** The error message of an answer, or null. */
export function errorOf(answer: Answer): string | null {
  return JSON.parse(answer.body).collection.error.message ?? null;
}
