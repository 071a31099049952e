// Network: the simulated MIG API without a socket, as the runner's HTTP client sees it.
//
// The runner's own client and the API's own decoding and search are in between: what a simulation
// posts has been through all that a real action goes through, but for the key.
import { createHash } from "node:crypto";
import type { Clock, Http, Signer } from "../lib/ports.ts";
import type { Instant } from "../time.ts";
import { parametersOf } from "./answers.ts";
import { type Api, answerRequest } from "./api.ts";
import { countersOf } from "./print.ts";
import { NO_TWEAKS } from "./search.ts";
import type { Behaviour, Store } from "./store.ts";

/** Where the API is. Nobody connects to it. */
export const API_URL = "http://simulation.invalid/api/v1/";

/** The first id of operations and actions, of the size of real ones. */
const FIRST_ID = 413_550_000_001;

const FINGERPRINT = "51".repeat(20);

/** Agents that always answer, within a tenth of an action's life; one in three finds something. */
export const CALM: Behaviour = {
  silentRate: 0,
  failedRate: 0,
  timeoutRate: 0,
  foundRate: 1 / 3,
  speed: 10,
  expiryLagMs: 0,
  commandsPerStart: 1,
  resultBytes: 0,
};

/** A signature is a hash: the simulation trusts whoever can calculate it. */
export function simulatedSigner(): Pick<Signer, "sign"> {
  return { sign: (text) => Promise.resolve(signatureOf(text)) };
}

function signatureOf(text: Uint8Array | string): string {
  return createHash("sha256").update(text).digest("base64");
}

/** An API key that the simulation trusts too. */
export const API_KEY = "simulation";

/**
 * The API over a store.
 *
 * @param isSignature Whether a signature of an action or a token is good. @default simulatedSigner's
 */
export function simulatedApi(
  store: Store,
  isSignature = (text: string, signature: string): boolean => signature === signatureOf(text),
): Api {
  const trust: Api["trust"] = {
    investigators: [{ id: 1, name: "simulation", fingerprint: FINGERPRINT }],
    apiKeys: new Set([API_KEY]),
    verify: (text, signature) =>
      Promise.resolve(
        isSignature(text, signature)
          ? { kind: "good", fingerprint: FINGERPRINT }
          : { kind: "bad", message: "signed by nobody" },
      ),
  };
  const host = API_URL.replace("/api/v1/", "");
  return { store, trust, host, nextId: FIRST_ID };
}

/** An HTTP client that reaches the API and nothing else. */
export function simulatedHttp(api: Api, clock: Pick<Clock, "now">): Pick<Http, "send"> {
  return {
    async send({ method, url, headers, body = new Uint8Array() }) {
      const { pathname, search } = new URL(url);
      const wanted = (name: string): string | null => {
        return headers.find(([known]) => known.toLowerCase() === name)?.[1] ?? null;
      };
      const request = { method, url: pathname + search, header: wanted, body };
      const moment = { now: clock.now(), tweaks: NO_TWEAKS };
      const reply = await answerRequest(api, request, moment);
      const given = new Map(reply.headers.map(([name, value]) => [name.toLowerCase(), value]));
      return {
        kind: "answer",
        status: reply.status,
        header: (name) => given.get(name.toLowerCase()) ?? null,
        body: oneChunk(new TextEncoder().encode(reply.body)),
      };
    },
  };
}

/** An action as the API got it. */
export interface PostedAction {
  readonly name: string;
  readonly target: string;
  /** With their parameters decompressed. */
  readonly operations: readonly { readonly module: string; readonly parameters: object }[];
  /** How many agents got it. */
  readonly agents: number;
  readonly postedAt: Instant;
}

/** All actions of a store, the oldest first. */
export function postedActions(store: Store, now: Instant): readonly PostedAction[] {
  return [...store.actions.values()].map((stored) => {
    const { name, target, operations } = stored.action;
    const plain = (operations ?? []).map((operation) => {
      return { module: operation.module, parameters: parametersOf(operation) };
    });
    const { sent } = countersOf(store, stored, now);
    return { name, target, operations: plain, agents: sent, postedAt: stored.postedAt };
  });
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
