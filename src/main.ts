// Main: argv → verb → exit status. Everything else is loaded when its verb is called.
//
// The daemon in five files: cli/serve.ts opens the edges, runner.ts ticks, flow/launch.ts and
// flow/dispatch.ts send, flow/collect.ts and flow/deliver.ts bring back and hand over.
import { parseFlags, renderFlags, UsageError } from "./cli/flags.ts";
import { CONFIG_FLAG, CONFIG_PATH, STATUS_CANNOT_START, type Verb } from "./cli/verb.ts";
import { findVerb, splitVerb, VERBS } from "./cli/verbs.ts";
import { errnoCode } from "./edge/errno.ts";
import { processTerminal } from "./edge/terminal.ts";
import { nameTimezone } from "./edge/timezone.ts";
import { describeError, messageOf, RunnerError, RunnerErrors } from "./errors.ts";
import { VERSION } from "./version.ts";

nameTimezone();
const terminal = processTerminal();

async function main(argv: readonly string[]): Promise<number> {
  let help = "";
  try {
    const { name, rest } = splitVerb(argv);
    const verb = await findVerb(name);
    help = renderHelp(name, verb);
    const { flags, positionals } = parseFlags(rest, [CONFIG_FLAG, ...verb.flags]);
    if (flags.has("help")) {
      if (name === "") terminal.error(help);
      else terminal.out(help);
      return 0;
    }
    if (flags.has("V")) {
      terminal.out(`${VERSION}\n`);
      return 0;
    }
    const configPath = flags.text("c") ?? CONFIG_PATH;
    return await verb.run({ flags, positionals, terminal, configPath, environment: process.env });
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error(`${error.message}\n${help}`);
      return 2;
    }
    if (!(error instanceof RunnerError || error instanceof RunnerErrors)) throw error;
    const errors = error instanceof RunnerErrors ? error.errors : [error];
    for (const each of errors) terminal.error(`error: ${describeError(each)}\n`);
    return STATUS_CANNOT_START;
  }
}

function renderHelp(name: string, verb: Verb): string {
  const program = name === "" ? "mig-runner" : `mig-runner ${name}`;
  const flags = renderFlags([...verb.flags, CONFIG_FLAG]);
  const head = `Usage of ${program}: ${program} ${verb.usage}\n${flags}\n${verb.help}\n`;
  if (name !== "") return head;
  const width = Math.max(...VERBS.map((entry) => entry.name.length)) + 2;
  const rows = VERBS.map((entry) => `  ${entry.name.padEnd(width)}${entry.summary}\n`).join("");
  return `${head}\nCommands (each has --help):\n${rows}`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // A bug needs its stack; a full disk behind standard output, say, does not.
  const stack = errnoCode(error) === null ? `${(error as Error).stack ?? ""}\n` : "";
  terminal.error(`error: ${messageOf(error)}\n${stack}`);
  process.exitCode = 1;
}
