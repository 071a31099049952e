// Calendar: requested on a host without a key, signed on two other machines, installed and posted.
import { describe, expect, test } from "bun:test";
import { copyFile } from "node:fs/promises";
import * as openpgp from "openpgp";
import { startSandbox } from "../../src/sandbox/server.ts";
import { eventually, Scenario } from "../support/binary.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { ACTION, ended } from "../support/site.ts";

const FILE = "drift.calendar";

/** Whether openpgp, which shares no code with the program, takes a signature over a text. */
async function holds(text: string, line: string): Promise<boolean> {
  const verificationKeys = await openpgp.readKeys({ binaryKeys: keyFile("keys/pubring.gpg") });
  const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
  const signature = await openpgp.readSignature({ binarySignature: packet });
  const message = await openpgp.createMessage({ text, format: "binary" });
  const date = new Date(Date.now() + 3_600_000);
  const { signatures } = await openpgp.verify({ message, signature, verificationKeys, date });
  return (await signatures[0]?.verified.catch(() => false)) ?? false;
}

/** The text that agents verify, put together by hand. */
function signedText(action: Record<string, unknown>): string {
  const seconds = (time: unknown): number => Math.floor(Date.parse(String(time)) / 1_000);
  const { name, target, validfrom, expireafter, operations } = action;
  return (
    `name=${name};target=${target};validfrom=${seconds(validfrom)};` +
    `expireafter=%!s(int64=${seconds(expireafter)});operations=${JSON.stringify(operations)};`
  );
}

async function signOn(machine: Scenario, from: Scenario, keyId: string): Promise<void> {
  await machine.write("home/.gnupg/secring.gpg", keyFile("keys/secring.gpg"));
  if (machine !== from) await copyFile(from.path(FILE), machine.path(FILE));
  const env = { MIGPGPPASSPHRASE: RUNNER_PASSPHRASE };
  const argv = ["calendar", "sign", FILE, "--key", keyId];
  ended(await machine.run(argv, { env, stdin: "drift\n" }));
}

describe("a calendar", () => {
  test("makes a host without a key post what two people have signed, once a window", async () => {
    await using host = await Scenario.create();
    await using ann = await Scenario.create();
    await using bob = await Scenario.create();
    const sandbox = await startSandbox({
      agents: 5,
      publicKeys: keyFile("keys/pubring.gpg"),
      apiKeys: ["host-key"],
      behaviour: { speed: 1_000, silentRate: 0, failedRate: 0, timeoutRate: 0 },
    });
    try {
      const ring = await host.write("ring.gpg", keyFile("keys/pubring.gpg"));
      await host.write(
        "home/.migrc",
        `[api]\nurl = "${sandbox.url}"\n[gpg]\nuseapikeyauth = "host-key"\n`,
      );
      await host.write(
        "runner.cfg",
        `[runner]\ndirectory = "${host.directory}"\ncheckdirectory = 1\n` +
          `[client]\nclientconfpath = "default"\n[logging]\nlevel = "debug"\n` +
          `[calendar]\nkeyring = "${ring}"\n`,
      );
      const entity = `[configuration]\nschedule = "*/2 * * * * * *"\nexpiry = "2s"\nonmissed = all\n`;
      await host.job("drift", {
        "entity.cfg": `${entity}signing = calendar\nminsigners = 2\n`,
        "action.json": ACTION,
      });
      const call = ["-c", "runner.cfg"];
      ended(
        await host.run([...call, "calendar", "request", "drift", "--windows", "3000", "-o", FILE]),
      );
      await signOn(ann, host, RUNNER_KEY);
      await signOn(bob, ann, LOCKED_KEY);
      await copyFile(bob.path(FILE), host.path(FILE));
      ended(await host.run([...call, "calendar", "install", FILE]));
      const daemon = host.start(call);
      await daemon.prints(/every job is signed ahead: this host uses no private key/);
      // One of the times is cut off by a kill: what was begun is found, what is due goes on.
      await eventually(() => (sandbox.actions().length >= 2 ? true : null));
      await daemon.kill();
      const again = host.start(call);
      await eventually(() => (sandbox.actions().length >= 4 ? true : null));
      again.signal("SIGTERM");
      ended(await again.ended());
      const posted = sandbox
        .requests()
        .filter(({ url, status }) => /action\/create/.test(url) && status === 202);
      const actions = posted.map(({ body }) =>
        JSON.parse(decodeURIComponent(body.slice(7).replaceAll("+", " "))),
      );
      expect(new Set(actions.map(({ validfrom }) => validfrom)).size).toBe(actions.length);
      for (const action of actions) {
        expect(action.pgpsignatures.length).toBe(2);
        for (const line of action.pgpsignatures)
          expect(await holds(signedText(action), line)).toBe(true);
      }
      expect(again.lines.join("\n")).not.toMatch(/Cannot sign|private key cannot/);
    } finally {
      await sandbox.close();
    }
  });
});
