import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSigningKey } from "../../../src/lib/pgp/generate.ts";
import { parseKeyring, verifyProblem } from "../../../src/lib/pgp/keyring.ts";
import { loadPublicRing } from "../../../src/lib/pgp/public.ts";
import { openSigner } from "../../../src/lib/pgp/signer.ts";
import { clockAt, homeOf } from "../../support/keys.ts";

const environment = { PATH: process.env.PATH };

describe("loadPublicRing()", () => {
  test("takes secring.gpg of a folder, or a file itself", async () => {
    const path = join(homeOf(), "secring.gpg");
    const bytes = new Uint8Array(readFileSync(path));
    expect(await loadPublicRing({ home: homeOf(), environment })).toEqual({
      path,
      bytes: readFileSync(path),
    });
    const file = await loadPublicRing({ home: path, environment });
    expect(new Uint8Array(file.bytes)).toEqual(bytes);
  });

  test("says that there is no such home", () => {
    const ring = loadPublicRing({ home: "/nowhere/keys", environment });
    expect(ring).rejects.toThrow('Cannot read keys of "/nowhere/keys": no such file or directory');
  });
});

describe("generateSigningKey()", () => {
  test("makes a key that signs what the API verifies", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mig-runner-key-"));
    try {
      const now = Date.UTC(2026, 0, 2, 3, 4, 5);
      const order = { name: "mig-runner", email: "mig-runner@localhost", now };
      const { fingerprint, bytes } = await generateSigningKey(order);
      expect(fingerprint).toMatch(/^[0-9A-F]{40}$/);
      const [entry] = parseKeyring(bytes).entries;
      expect(entry?.primary.fingerprint).toBe(fingerprint);
      expect(entry?.userIds).toEqual(["mig-runner <mig-runner@localhost>"]);
      if (entry !== undefined) expect(verifyProblem(entry.primary)).toBeNull();
      writeFileSync(join(folder, "secring.gpg"), bytes, { mode: 0o600 });
      const signer = await openSigner({
        home: folder,
        keyId: fingerprint,
        passphrase: null,
        environment,
        clock: clockAt(now + 1_000),
      });
      expect(signer.problem).toBeNull();
      expect(await signer.sign(new TextEncoder().encode("text"))).toContain("=");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
