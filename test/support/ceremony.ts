// Ceremony: a host without a private key, and two people with one each, who sign its calendars on
// machines of their own. Everything by the program itself, as people do it.
import { copyFile, rm } from "node:fs/promises";
import * as openpgp from "openpgp";
import { Scenario } from "./binary.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "./keys.ts";
import { ended, type Host, Site, type SiteOptions } from "./site.ts";

const API_KEY = "host-key";

/** A host that has an API key, a ring of public keys, and nothing to sign with. */
export async function createKeylessSite(options: SiteOptions = {}): Promise<Site> {
  const { sandbox, ...rest } = options;
  const site = await Site.create({ ...rest, sandbox: { apiKeys: [API_KEY], ...sandbox } });
  const { scenario } = site;
  await rm(scenario.path("home/.gnupg"), { recursive: true });
  await scenario.write(
    "home/.migrc",
    `[api]\nurl = "${site.sandbox.url}"\n[gpg]\nuseapikeyauth = "${API_KEY}"\n`,
  );
  const ring = await scenario.write("ring.gpg", keyFile("keys/pubring.gpg"));
  const runner = await scenario.read("runner.cfg");
  await scenario.write("runner.cfg", `${runner}[calendar]\nkeyring = "${ring}"\n`);
  return site;
}

/** Requests a calendar on the host, has both people sign it elsewhere, and installs it. */
export async function holdCeremony(site: Host, job: string, windows: number): Promise<void> {
  const { scenario: host } = site;
  const file = `${job}.calendar`;
  const request = ["calendar", "request", job, "--windows", `${windows}`, "-o", file];
  ended(await site.run(...request));
  let from = host;
  for (const keyId of [RUNNER_KEY, LOCKED_KEY]) {
    const machine = await Scenario.create();
    await copyFile(from.path(file), machine.path(file));
    if (from !== host) await from[Symbol.asyncDispose]();
    await machine.write("home/.gnupg/secring.gpg", await ringOf(keyId));
    const env = { MIGPGPPASSPHRASE: RUNNER_PASSPHRASE };
    const argv = ["calendar", "sign", file, "--key", keyId];
    ended(await machine.run(argv, { env, stdin: `${job}\n` }));
    from = machine;
  }
  await copyFile(from.path(file), host.path(file));
  await from[Symbol.asyncDispose]();
  ended(await site.run("calendar", "install", file));
}

/** A ring that holds this private key and no other. */
async function ringOf(fingerprint: string): Promise<Uint8Array> {
  const keys = await openpgp.readPrivateKeys({ binaryKeys: keyFile("keys/secring.gpg") });
  const key = keys.find((one) => one.getFingerprint().toUpperCase() === fingerprint);
  if (key === undefined) throw new Error(`no key ${fingerprint}`);
  return key.write();
}

/** An action as it came to the API. */
export interface PostedAction {
  readonly name: string;
  readonly validfrom: string;
  readonly pgpsignatures: readonly string[];
}

/** The actions that the API has accepted, as they were posted. */
export function postedActions({
  sandbox,
}: Site): readonly (PostedAction & Record<string, unknown>)[] {
  return sandbox
    .requests()
    .filter(({ url, status }) => /action\/create/.test(url) && status === 202)
    .map(({ body }) => JSON.parse(decodeURIComponent(body.slice(7).replaceAll("+", " "))));
}

/** How many of an action's signatures hold, by a verifier that shares no code with the program. */
export async function countSignatures(action: Record<string, unknown>): Promise<number> {
  const verificationKeys = await openpgp.readKeys({ binaryKeys: keyFile("keys/pubring.gpg") });
  const message = await openpgp.createMessage({ text: signedText(action), format: "binary" });
  // An agent's clock may be ahead, and a signature is as old as its calendar.
  const date = new Date(Date.now() + 3_600_000);
  const signers = new Set<string>();
  for (const line of action.pgpsignatures as readonly string[]) {
    const packet = Uint8Array.fromBase64(line.slice(0, line.lastIndexOf("=")));
    const signature = await openpgp.readSignature({ binarySignature: packet });
    const { signatures } = await openpgp.verify({ message, signature, verificationKeys, date });
    for (const { keyID, verified } of signatures) {
      if (await verified.catch(() => false)) signers.add(keyID.toHex());
    }
  }
  return signers.size;
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
