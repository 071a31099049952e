// Trust doc: the ceremony of docs/trust.md, every block as it stands, on machines of the test.
import { describe, expect, test } from "bun:test";
import { chmod, copyFile } from "node:fs/promises";
import { Scenario } from "../support/binary.ts";
import { type Block, blocksOf, readPage } from "../support/doc.ts";
import { keyFile, LOCKED_KEY, RUNNER_KEY, RUNNER_PASSPHRASE } from "../support/keys.ts";
import { ACTION, ended } from "../support/site.ts";

const blocks = blocksOf(await readPage("docs/trust.md"));
const FILE = "sshd.calendar";

/** What the page calls things by, and what they are here. */
const NAMES: Readonly<Record<string, string>> = {
  "/etc/mig/runner.cfg": "runner.cfg",
  "ann@example.net": RUNNER_KEY,
  "bob@example.net": LOCKED_KEY,
};

async function machine(): Promise<Scenario> {
  const scenario = await Scenario.create();
  await scenario.write("home/.gnupg/secring.gpg", keyFile("keys/secring.gpg"));
  await scenario.write("investigators.gpg", keyFile("keys/pubring.gpg"));
  return scenario;
}

/** A host as the page makes it, without a private key. */
async function hostOf(code: (path: string) => string): Promise<Scenario> {
  const host = await Scenario.create();
  const ring = await host.write("investigators.gpg", keyFile("keys/pubring.gpg"));
  await chmod(await host.write("home/.migrc", code(".migrc")), 0o600);
  const config = code("runner.cfg").replace("/etc/mig/investigators.gpg", ring);
  await host.write("runner.cfg", config.replace("/var/lib/mig-runner", host.directory));
  await host.job("sshd-config", { "entity.cfg": code("entity.cfg"), "action.json": ACTION });
  return host;
}

describe("docs/trust.md", () => {
  test("leads from zero to a calendar on a host without a key, block by block", async () => {
    const code = (path: string): string => blocks.find((block) => block.path === path)?.code ?? "";
    await using host = await hostOf(code);
    await using ann = await machine();
    await using bob = await machine();
    await using anybody = await machine();
    const machines: Readonly<Record<string, Scenario>> = { host, ann, bob, anybody };
    let holder = host;
    const printed = new Map<string, string>();
    for (const { path, code: text } of blocks.filter(({ language }) => language === "sh")) {
      const scenario = machines[path];
      if (scenario === undefined) throw new Error(`${path} is no machine of the page`);
      // The file goes from one to the next.
      if (scenario !== holder) await copyFile(holder.path(FILE), scenario.path(FILE));
      holder = scenario;
      for (const line of text.trim().split("\n")) {
        const [program, ...words] = line.split(/\s+/);
        expect(program).toBe("mig-runner");
        const argv = words.map((word) => NAMES[word] ?? word);
        const env = scenario === bob ? { MIGPGPPASSPHRASE: RUNNER_PASSPHRASE } : {};
        printed.set(
          line.replace(/^mig-runner( -c \S+)? /, ""),
          ended(await scenario.run(argv, { env })).stdout,
        );
      }
    }
    expect(printed.get(`calendar verify ${FILE} --keyring investigators.gpg`)).toMatch(
      /^every signature of 60 windows by 2 signers holds$/m,
    );
    expect(printed.get("status")).toMatch(/^ +sshd-config +60 of 60 windows/m);
    expect(printed.get("calendar diff sshd-config")).toMatch(/the job is what was signed/);
    expect(printed.get("audit")).toMatch(/install sshd-config +installed calendar 1: 60 windows/);
    expect(printed.get("calendar withdraw sshd-config")).toMatch(
      /withdrew calendar 1, 60 windows left/,
    );
  });

  test("has no other blocks than those", () => {
    const isKnown = ({ language, path }: Block): boolean =>
      language === "ini" ? path !== "" : ["host", "ann", "bob", "anybody"].includes(path);
    expect(blocks.filter((block) => !isKnown(block))).toEqual([]);
    expect(blocks.length).toBe(11);
  });
});
