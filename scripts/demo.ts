// Demo: the whole way once, on this machine, in under a minute: build the binary, start the
// sandbox API with its fleet, run the sample spool, show what came back.
//
//   --dashboard   and leave its page open until Ctrl-C, with a week that never was behind it
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { generateKey } from "openpgp";
import { inventHistory } from "./history.ts";

const ROOT = join(import.meta.dirname, "..");
const BINARY = join(ROOT, "dist", "mig-runner");
const AGENTS = 24;

interface Command {
  readonly agent: { readonly name: string; readonly environment: { readonly ident?: string } };
  readonly status: string;
  readonly results: readonly {
    readonly foundanything: boolean;
    readonly success: boolean;
    readonly elements: Record<string, unknown> | null;
  }[];
}

async function main(): Promise<void> {
  heading("Building the binary");
  await run(process.execPath, [join(ROOT, "build.ts")]);
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-demo-"));
  let sandbox: ChildProcess | null = null;
  try {
    heading("Making a key and a runner directory");
    const keyId = await makeKey(directory);
    cpSync(join(ROOT, "jobs", "sample"), directory, { recursive: true });
    heading(`Starting the sandbox: a MIG API with ${AGENTS} simulated agents`);
    const keyring = join(directory, "secring.gpg");
    const flags = ["--keyring", keyring, "--agents", String(AGENTS), "--speed", "20", "--json"];
    sandbox = spawn(BINARY, ["sandbox", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
    const url = await sandboxUrl(sandbox);
    console.log(`  ${url}`);
    writeConfig(directory, { url, keyId });
    heading("One pass: mig-runner --once --wait");
    await run(BINARY, ["-c", join(directory, "runner.cfg"), "--once", "--wait"]);
    show(directory);
    heading("What the runner remembers: mig-runner status");
    await run(BINARY, ["status", "-c", join(directory, "runner.cfg")]);
    await showPage(directory);
  } finally {
    sandbox?.kill("SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The page of what was run, until it is ended from the keyboard; without the flag how to get it. */
async function showPage(directory: string): Promise<void> {
  if (!process.argv.includes("--dashboard")) {
    console.log("\nThe same in a browser: npm run demo -- --dashboard");
    return;
  }
  heading("The page, until Ctrl-C: mig-runner dashboard");
  await inventHistory(directory, Date.now());
  // Ctrl-C goes to the page as well, which ends by it; this process then clears up.
  process.once("SIGINT", () => {});
  await run(BINARY, ["dashboard", "-c", join(directory, "runner.cfg")]);
}

const BOLD = 1;
const RED = 31;
const YELLOW = 33;

/** The text in a style of the terminal; as it is in a pipe or a file. */
function styled(style: number, text: string): string {
  return process.stdout.isTTY ? `\u001b[${style}m${text}\u001b[0m` : text;
}

function heading(text: string): void {
  console.log(`\n${styled(BOLD, text)}`);
}

async function run(program: string, argv: readonly string[]): Promise<void> {
  const child = spawn(program, argv, { stdio: ["ignore", "inherit", "inherit"] });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

/** A throw-away investigator's key, as a key ring of the old form. */
async function makeKey(directory: string): Promise<string> {
  const { privateKey } = await generateKey({
    type: "rsa",
    rsaBits: 2048,
    userIDs: [{ name: "demo", email: "demo@localhost" }],
    format: "object",
  });
  writeFileSync(join(directory, "secring.gpg"), privateKey.write(), { mode: 0o600 });
  return privateKey.getFingerprint().toUpperCase();
}

async function sandboxUrl(sandbox: ChildProcess): Promise<string> {
  if (sandbox.stdout === null) throw new Error("the sandbox has no output");
  for await (const line of createInterface({ input: sandbox.stdout })) {
    return (JSON.parse(line) as { url: string }).url;
  }
  throw new Error("the sandbox ended before it began");
}

function writeConfig(directory: string, { url, keyId }: { url: string; keyId: string }): void {
  const migrc = join(directory, "migrc");
  writeFileSync(migrc, `[api]\nurl = "${url}"\n[gpg]\nhome = "${directory}"\nkeyid = "${keyId}"\n`);
  const runner = [
    "[runner]",
    `directory = "${directory}" ; the sample spool`,
    "checkdirectory = 5",
    "[client]",
    `clientconfpath = "${migrc}"`,
    "[logging]",
    'mode = "stdout"',
    'level = "info"',
  ];
  writeFileSync(join(directory, "runner.cfg"), `${runner.join("\n")}\n`);
}

/** The newest result as a table: one line an agent. */
function show(directory: string): void {
  const results = join(directory, "runners", "sshd-config", "results");
  const [date] = readdirSync(results).sort().reverse();
  const [name] = readdirSync(join(results, date ?? ""));
  const path = join(results, date ?? "", name ?? "");
  const { commands } = JSON.parse(readFileSync(path, "utf8")) as { commands: readonly Command[] };
  heading(`What ${commands.length} agents answered`);
  const found = commands.filter(({ results: [file] }) => file?.foundanything === true);
  for (const { agent, status, results: answers } of commands) {
    const [file, packages] = answers;
    const version = versionOf(packages?.elements ?? null);
    const ident = agent.environment.ident ?? "";
    console.log(
      `  ${agent.name.padEnd(34)} ${ident.padEnd(26)} ${status.padEnd(9)}` +
        ` ${version.padEnd(22)} ${verdictOf(file)}`,
    );
  }
  // A host that did not look is not a host without findings.
  const silent = commands.filter(({ results: [file] }) => file?.success !== true);
  if (silent.length > 0) console.log(`\n  gave no answer to go by: ${silent.length}`);
  console.log(`\n  ${found.length} of ${commands.length} hosts let root log in`);
}

function verdictOf(file: Command["results"][number] | undefined): string {
  if (file?.success !== true) return styled(YELLOW, "unknown");
  return file.foundanything ? styled(RED, "root may log in") : "ok";
}

function versionOf(elements: Record<string, unknown> | null): string {
  const list = (elements?.packages ?? []) as readonly { name: string; version: string }[];
  return list[0] === undefined ? "-" : `${list[0].name} ${list[0].version}`.slice(0, 22);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
