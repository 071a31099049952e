// keyrings: every ring that the original was tried with, and every signature that the API judged.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { RunnerError } from "../../src/errors.ts";
import { openSigner } from "../../src/lib/pgp/signer.ts";
import { parsePublicKeys, verifySignature } from "../../src/lib/pgp/verify.ts";
import { encodeToken, tokenText } from "../../src/mig/token.ts";
import {
  bytesOf,
  clockAt,
  homeOf,
  keyFile,
  listKeys,
  RUNNER_KEY,
  RUNNER_PASSPHRASE,
  readLine,
  recorded,
  secret,
} from "../support/keys.ts";

interface Ring {
  readonly name: string;
  readonly keyid: string;
  readonly passphrase: string;
  readonly ok: boolean;
  readonly token: string | null;
  readonly error: string | null;
  readonly verify: string | null;
}

interface Judged {
  readonly name: string;
  readonly token: string;
  readonly status: number;
  readonly error: string;
}

const rings = recorded<Ring>("rings.jsonl");

function split(token: string): { text: string; signature: string } {
  const end = token.lastIndexOf(";");
  return { text: `${token.slice(0, end)}\n`, signature: token.slice(end + 1) };
}

/** The API's answer about `signature`, with the public key that it had for this ring. */
async function apiOn(ring: Ring, { text, signature }: { text: string; signature: string }) {
  const publicKeys = parsePublicKeys(keyFile(`rings/${ring.name}/pub.asc`));
  const verdict = await verifySignature({ text, signature, publicKeys });
  return verdict.kind === "good"
    ? `OK ${verdict.fingerprint}`
    : `FAIL GetFingerprintFromSignature() -> ${verdict.message}`;
}

function open(ring: Ring, now: number) {
  return openSigner({
    home: homeOf(ring.name),
    keyId: ring.keyid,
    passphrase: secret(ring.passphrase),
    clock: clockAt(now),
    environment: {},
  });
}

/** What becomes of the rings that the original refuses: a reason in the message, or it works. */
const REFUSED: Readonly<Record<string, string>> = {
  ed25519: "the MIG API cannot verify Ed25519 keys",
  "mix-ed-wanted": "the MIG API cannot verify Ed25519 keys",
  empty: "Signer '107FEF3CEA53A76F3C22361065BC3D2003623D49' not found",
  "id-empty": "Signer '' not found",
  garbage: "Keyring access failed: 'openpgp: invalid data: tag byte does not have MSB set'",
  truncated: "Keyring access failed: 'unexpected EOF'",
  "pp-missing": 'failed to decrypt key "7E46750F": it is locked and no passphrase is set',
  "pp-wrong": 'failed to decrypt key "7E46750F": the passphrase does not open it',
  stub: "secring contains entity without private key data",
};

describe("golden keyrings", () => {
  const accepted = rings.filter(({ ok }) => ok);
  const refused = rings.filter(({ ok }) => !ok);

  test("sign whatever the original signs, RSA byte for byte", async () => {
    const right: string[] = [];
    for (const ring of accepted) {
      const { text, signature } = split(ring.token ?? "");
      const { algorithm, createdAt } = readLine(signature);
      const signer = await open(ring, createdAt + 999);
      const ours = await signer.sign(bytesOf(text));
      const same = ours === signature;
      const judged = await apiOn(ring, { text, signature: ours });
      // DSA and ECDSA signatures differ each time; RSA ones never do.
      if ((same || algorithm > 3) && judged === ring.verify) right.push(ring.name);
    }
    console.log(`golden keyrings accepted: ${right.length} of ${accepted.length}`);
    expect(right).toEqual(accepted.map(({ name }) => name));
  });

  test("work, or are refused with a reason, where the original refuses", async () => {
    const right: string[] = [];
    for (const ring of refused) {
      const reason = REFUSED[ring.name];
      const signer = await open(ring, 1_795_449_800_000).catch((error: unknown) => error);
      if (signer instanceof RunnerError) {
        const message = `Cannot sign with key "${ring.keyid}": ${reason}`;
        const isRight = reason !== undefined && signer.message.startsWith(message);
        if (isRight && signer.code === "KEYRING") right.push(ring.name);
        continue;
      }
      if (signer instanceof Error || reason !== undefined) continue;
      const text = "1;2026-11-23T16:03:20Z;7\n";
      const { sign, problem } = signer as Awaited<ReturnType<typeof open>>;
      const judged = await apiOn(ring, { text, signature: await sign(bytesOf(text)) });
      if (judged.startsWith("OK") && problem === null) right.push(ring.name);
    }
    console.log(`golden keyrings refused: ${right.length} of ${refused.length}`);
    expect(right).toEqual(refused.map(({ name }) => name));
  });

  test("are judged as the API judged the original's signatures", async () => {
    const right: string[] = [];
    for (const ring of accepted) {
      if ((await apiOn(ring, split(ring.token ?? ""))) === ring.verify) right.push(ring.name);
    }
    expect(right).toEqual(accepted.map(({ name }) => name));
  });

  test("list the chosen key with a problem exactly when the API refuses it", async () => {
    for (const ring of accepted) {
      const listings = await listKeys({
        home: homeOf(ring.name),
        clock: clockAt(0),
        environment: {},
      });
      const held = listings.flatMap(({ keys }) => keys);
      const key = held.find(({ fingerprint }) => fingerprint === ring.keyid);
      expect([ring.name, key?.problem === null]).toEqual([
        ring.name,
        ring.verify === `OK ${ring.keyid}`,
      ]);
    }
  });
});

describe("golden signatures", () => {
  test("are accepted and refused as by the API, in its words", async () => {
    const judged = recorded<Judged>("acceptance.jsonl");
    const publicKeys = parsePublicKeys(keyFile("keys/pubring.gpg"));
    const right: string[] = [];
    for (const { name, token, status, error } of judged) {
      const verdict = await verifySignature({ ...split(token), publicKeys });
      const isRight =
        verdict.kind === "good"
          ? status === 200 && verdict.fingerprint === RUNNER_KEY
          : status === 401 &&
            error.endsWith(`GetFingerprintFromSignature() -> ${verdict.message}'`);
      if (isRight) right.push(name);
    }
    console.log(`golden signatures: ${right.length} of ${judged.length}`);
    expect(right).toEqual(judged.map(({ name }) => name));
  });

  test("of actions are the original's, byte for byte", async () => {
    const vectors: readonly { name: string; signedString?: string; signature?: string }[] =
      readFileSync(new URL("./signing/vectors.jsonl", import.meta.url), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    let signed = 0;
    let right = 0;
    for (const { signedString, signature } of vectors) {
      if (signedString === undefined || !signature) continue;
      signed++;
      const signer = await openSigner({
        home: homeOf(),
        keyId: RUNNER_KEY,
        passphrase: null,
        environment: {},
        clock: clockAt(readLine(signature).createdAt),
      });
      if ((await signer.sign(bytesOf(signedString))) === signature) right++;
    }
    console.log(`golden action signatures: ${right} of ${signed}`);
    expect({ signed, right }).toEqual({ signed: 115, right: 115 });
  });
});

describe("golden tokens", () => {
  test("are the original's, byte for byte", async () => {
    const tokens = recorded<{ token: string; signed: string; keyid: string }>("tokens.jsonl");
    let right = 0;
    for (const { token, signed, keyid } of tokens) {
      const [, time = "", nonce = ""] = signed.trimEnd().split(";");
      const text = tokenText(Date.parse(time), Number(nonce));
      const signer = await openSigner({
        home: homeOf(),
        keyId: keyid,
        passphrase: secret(RUNNER_PASSPHRASE),
        environment: {},
        clock: clockAt(readLine(split(token).signature).createdAt),
      });
      const ours = encodeToken(text, await signer.sign(bytesOf(text)));
      if (text === signed && ours === token) right++;
    }
    console.log(`golden tokens: ${right} of ${tokens.length}`);
    expect(right).toBe(55);
    expect(tokens).toHaveLength(55);
  });
});
