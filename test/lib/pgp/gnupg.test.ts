import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunnerError } from "../../../src/errors.ts";
import { parseListing } from "../../../src/lib/pgp/gnupg.ts";
import { openSigner } from "../../../src/lib/pgp/signer.ts";
import { parsePublicKeys, verifySignature } from "../../../src/lib/pgp/verify.ts";
import {
  type Folder,
  GPG_ENVIRONMENT,
  gnupgHome,
  hasGpg,
  standIn,
  temporaryFolder,
} from "../../support/gnupg.ts";
import {
  bytesOf,
  clockAt,
  homeOf,
  keyFile,
  listKeys,
  RUNNER_KEY,
  readLine,
  recorded,
  secret,
} from "../../support/keys.ts";

const PLAIN = "2F41C47EEB335B467DF68CDF5BDE7242D084A51A";
const LOCKED = "27EAFAF7BE507353A56F860F5C6F06637E46750F";
const CERTIFY_ONLY = "380A5AEAB0261DAFCE39DE569A01586A9B6BA62F";
const CERTIFY_ONLY_SUBKEY = "90213ACA7E590237A99B79E7F40543741F7CD873";
const RINGS = ["gpg2rsa", "rsapp1", "ed25519", "certonly", "dsa2048", "ecdsa256", "expired"];

const clock = clockAt(0);

async function refusal(action: Promise<unknown>): Promise<RunnerError> {
  const error = await action.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof RunnerError) return error;
  throw new Error(`not refused, or otherwise: ${String(error)}`);
}

const gpgTests = hasGpg();
if (!gpgTests) console.log("skipped: 11 tests of GnuPG 2 homes, because gpg 2 is not installed");

describe.if(gpgTests)("openSigner() on a GnuPG 2 home", () => {
  let folder: Folder;

  beforeAll(() => {
    folder = gnupgHome(RINGS.map((name) => join(homeOf(name), "secring.gpg")));
  });

  afterAll(() => folder[Symbol.dispose]());

  function open(keyId: string, passphrase = "") {
    return openSigner({
      home: folder.path,
      keyId,
      passphrase: secret(passphrase),
      clock,
      environment: GPG_ENVIRONMENT,
    });
  }

  async function verdict(ring: string, signature: string, text: string) {
    const publicKeys = parsePublicKeys(keyFile(`rings/${ring}/pub.asc`));
    return await verifySignature({ text, signature, publicKeys });
  }

  test("signs in full length by a key without a passphrase", async () => {
    const signer = await open(PLAIN);
    const signature = await signer.sign(bytesOf("one\ntwo\n"));
    expect(signer.fingerprint).toBe(PLAIN);
    expect(readLine(signature).hash).toBe(8);
    expect(readLine(signature).numbers[0]).toHaveLength(256);
    expect(await verdict("gpg2rsa", signature, "one\ntwo\n")).toEqual({
      kind: "good",
      fingerprint: PLAIN,
    });
  });

  test("signs by a name and with a passphrase that nobody needs", async () => {
    const signer = await open("GPG2RSA", "not needed");
    expect(await verdict("gpg2rsa", await signer.sign(bytesOf("x")), "x")).toHaveProperty(
      "kind",
      "good",
    );
  });

  test("does not ask when the passphrase is missing or wrong, and names what is", async () => {
    const missing = await refusal(open(LOCKED));
    expect(missing.message).toContain(
      'failed to decrypt key "7E46750F": it is locked and no passphrase is set',
    );
    const wrong = await refusal(open(LOCKED, "nope-nope"));
    expect(wrong.message).toBe(
      `Cannot sign with key "${LOCKED}": failed to decrypt key "7E46750F": ` +
        "the passphrase does not open it",
    );
    expect(wrong.code).toBe("KEYRING");
    expect(JSON.stringify([wrong.message, wrong.detail])).not.toContain("nope-nope");
  });

  test("opens a locked key with its passphrase", async () => {
    const signer = await open(LOCKED, "pp1");
    expect(await verdict("rsapp1", await signer.sign(bytesOf("x")), "x")).toHaveProperty(
      "kind",
      "good",
    );
  });

  test("signs by DSA, by ECDSA and by a signing subkey", async () => {
    const wanted = [
      ["dsa2048", "36D05294C93B41A8E0085C705E0476421C6B1479"],
      ["ecdsa256", "A8D023F1C272DC96BB596E8AD43E6BC2BCBBA111"],
      ["certonly", CERTIFY_ONLY_SUBKEY],
    ] as const;
    for (const [ring, keyId] of wanted) {
      const signer = await open(keyId);
      expect(await verdict(ring, await signer.sign(bytesOf("x")), "x")).toHaveProperty(
        "kind",
        "good",
      );
    }
  });

  test("refuses Ed25519, expired and certify-only keys with the reason", async () => {
    const ed25519 = await refusal(open("ed25519"));
    expect(ed25519.message).toContain("the MIG API cannot verify Ed25519 keys");
    const expired = await refusal(open("expired"));
    expect(expired.message).toMatch(
      /the key 59955241\w+ \(expired\) expired on 2026-11-23, and gpg refuses to sign by it/,
    );
    expect(expired.detail.hint).toContain("gpg --quick-set-expire 59955241");
    const certify = await refusal(open(CERTIFY_ONLY));
    expect(certify.message).toContain("its key flags allow no signing");
    expect(certify.detail.hint).toBe(`use its subkey ${CERTIFY_ONLY_SUBKEY} as keyid`);
  });

  test("lists the keys when the key id means none", async () => {
    const error = await refusal(open(`${PLAIN.slice(0, 39)}F`));
    expect(error.message).toContain(`Signer '${PLAIN.slice(0, 39)}F' not found in ${folder.path}`);
    expect(error.detail.hint).toStartWith(`it holds ${PLAIN} (gpg2rsa), `);
  });

  test("makes many signatures at once", async () => {
    const signer = await open(PLAIN);
    const texts = Array.from({ length: 8 }, (_, index) => `text ${index}`);
    const signatures = await Promise.all(texts.map((text) => signer.sign(bytesOf(text))));
    for (const [index, text] of texts.entries()) {
      expect(await verdict("gpg2rsa", signatures[index] ?? "", text)).toHaveProperty(
        "kind",
        "good",
      );
    }
  });

  test("agrees with GnuPG about the signatures that we make ourselves", async () => {
    for (const ring of ["gpg2rsa", "dsa2048", "ecdsa256"]) {
      const signer = await openSigner({
        home: homeOf(ring),
        keyId: ring,
        passphrase: null,
        environment: {},
        clock: clockAt(1_795_449_900_000),
      });
      const line = await signer.sign(bytesOf("one\ntwo"));
      const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
      writeFileSync(join(folder.path, "text"), "one\ntwo");
      writeFileSync(join(folder.path, "text.sig"), packet);
      const { status } = spawnSync(
        "gpg",
        [
          "--homedir",
          folder.path,
          "--batch",
          "--faked-system-time",
          "1795449901",
          "--verify",
        ].concat(join(folder.path, "text.sig"), join(folder.path, "text")),
        { env: GPG_ENVIRONMENT },
      );
      expect([ring, status]).toEqual([ring, 0]);
    }
  });

  test("looks into the home after secring.gpg beside it", async () => {
    using both = gnupgHome([join(homeOf("gpg2rsa"), "secring.gpg")]);
    copyFileSync(join(homeOf("rsa1024"), "secring.gpg"), join(both.path, "secring.gpg"));
    chmodSync(join(both.path, "secring.gpg"), 0o600);
    const options = { home: both.path, passphrase: null, clock, environment: GPG_ENVIRONMENT };
    expect((await openSigner({ ...options, keyId: "rsa1024" })).path).toEndWith("secring.gpg");
    expect((await openSigner({ ...options, keyId: "gpg2rsa" })).path).toBe(both.path);
  });

  test("lists which keys are usable, and why the others are not", async () => {
    const [home] = await listKeys({ home: folder.path, clock, environment: GPG_ENVIRONMENT });
    expect(home?.kind).toBe("gnupg");
    const problems = Object.fromEntries(
      (home?.keys ?? [])
        .filter((key) => key.fingerprint === key.primaryFingerprint)
        .map((key) => [key.userIds[0], key.problem?.slice(0, 30) ?? null]),
    );
    expect(problems).toEqual({
      gpg2rsa: null,
      rsapp1: null,
      ed25519: "the MIG API cannot verify Ed25",
      certonly: "its key flags allow no signing",
      dsa2048: null,
      ecdsa256: null,
      expired: null,
    });
  });
});

describe("openSigner() with a program in gpg's place", () => {
  const SIGNER = "7D804769B21F78BE23407790285DFD81C99D9E4A";
  const stripped = recorded<{ name: string; token: string }>("acceptance.jsonl").find(({ name }) =>
    name.startsWith("gpg1 sig with naturally stripped"),
  );
  const token = stripped?.token ?? "";
  const text = `${token.slice(0, token.lastIndexOf(";"))}\n`;
  const line = token.slice(token.lastIndexOf(";") + 1);

  /** A home that lists the recorded key, and a gpg that notes its call and runs `onSign`. */
  function prepare(folder: string, onSign: string): { PATH: string } {
    mkdirSync(join(folder, "private-keys-v1.d"));
    writeFileSync(join(folder, "ring"), keyFile("keys/pubring.gpg"));
    writeFileSync(
      join(folder, "signature"),
      Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("="))),
    );
    writeFileSync(
      join(folder, "listing"),
      `sec:u:2048:1:x:1::::::scESC:::+:::23::0:\nfpr:::::::::${RUNNER_KEY}:\n` +
        `ssb:u:2048:1:x:1::::::s:::+:::23:\nfpr:::::::::${SIGNER}:\n`,
    );
    return standIn(
      folder,
      `case " $* " in
*--list-secret-keys*) cat ${folder}/listing ;;
*--export*) cat ${folder}/ring ;;
*) printf '%s\\n' "$@" > ${folder}/arguments; env > ${folder}/environment; ${onSign} ;;
esac`,
    );
  }

  function options(folder: Folder, environment: Readonly<Record<string, string>>) {
    return {
      home: folder.path,
      keyId: SIGNER,
      passphrase: secret("hush hush"),
      clock,
      environment,
    };
  }

  test("gives a number that gpg cut short its full length", async () => {
    using folder = temporaryFolder();
    const environment = prepare(
      folder.path,
      `cat > ${folder.path}/input; cat ${folder.path}/signature`,
    );
    const signer = await openSigner(options(folder, environment));
    const signature = await signer.sign(bytesOf(text));
    const publicKeys = parsePublicKeys(keyFile("keys/pubring.gpg"));
    expect(await verifySignature({ text, signature: line, publicKeys })).toHaveProperty(
      "kind",
      "bad",
    );
    expect(await verifySignature({ text, signature, publicKeys })).toEqual({
      kind: "good",
      fingerprint: RUNNER_KEY,
    });
    expect(readFileSync(join(folder.path, "input"), "utf8")).toBe(`hush hush\n${text}`);
  });

  test("keeps the passphrase out of the arguments, and the environment small", async () => {
    using folder = temporaryFolder();
    const environment = {
      ...prepare(folder.path, `cat > /dev/null; cat ${folder.path}/signature`),
      GPG_TTY: "/dev/pts/1",
      DISPLAY: ":0",
      MIG_PASSPHRASE: "hush hush",
    };
    await openSigner(options(folder, environment));
    const given = readFileSync(join(folder.path, "arguments"), "utf8");
    const seen = readFileSync(join(folder.path, "environment"), "utf8");
    expect(given).toContain(`${SIGNER}!`);
    expect(given + seen).not.toContain("hush");
    const names = seen.split("\n").map((entry) => entry.replace(/=.*/, ""));
    // A shell adds PWD, SHLVL and _ of its own.
    expect(names.filter((name) => !/^(PATH|LC_ALL|PWD|OLDPWD|SHLVL|_|)$/.test(name))).toEqual([]);
  });

  test("ends a gpg that hangs, even when its children hold the pipes", async () => {
    using folder = temporaryFolder();
    const environment = prepare(folder.path, "sleep 30 & sleep 30");
    const started = performance.now();
    const error = await refusal(openSigner({ ...options(folder, environment), gpgTimeoutMs: 500 }));
    expect(error.message).toEndWith("gpg did not answer within 0.5 seconds");
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("names what to do when there is no gpg", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "private-keys-v1.d"));
    const error = await refusal(openSigner(options(folder, { PATH: folder.path })));
    expect(error.message).toBe(
      `Cannot sign with key "${SIGNER}": the program gpg cannot be started`,
    );
    expect(error.detail.hint).toContain("install GnuPG");
  });

  test("reports what gpg says when it fails", async () => {
    using folder = temporaryFolder();
    const environment = prepare(
      folder.path,
      'echo "gpg: signing failed: Inappropriate ioctl for device" >&2; exit 2',
    );
    const error = await refusal(openSigner(options(folder, environment)));
    expect(error.message).toEndWith(
      "gpg refused to sign: signing failed: Inappropriate ioctl for device",
    );
  });
});

describe("parseListing()", () => {
  test("tells the keys that are here from those that are elsewhere", () => {
    const text = [
      "sec:u:2048:1:A:1::::::C:::#:::23::0:",
      "fpr:::::::::AAAA:",
      "uid:u::::1::B::name::::::::::0:",
      "ssb:u:2048:1:C:1::::::s:::+:::23:",
      "fpr:::::::::CCCC:",
      "ssb:u:2048:1:D:1::::::s:::D2760001240102000006:::23:",
      "fpr:::::::::DDDD:",
    ].join("\n");
    expect([...parseListing(text)]).toEqual([
      ["AAAA", "missing"],
      ["CCCC", "agent"],
      ["DDDD", "agent"],
    ]);
  });
});
