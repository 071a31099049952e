// Main: argv → verb → exit status. Everything else is loaded when its verb is called.
//
// How an action goes through the program, file by file: ARCHITECTURE.md.
import { parseFlags, UsageError } from "./cli/flags.ts";
import { renderHelp } from "./cli/help.ts";
import { CONFIG_FLAG, CONFIG_PATH, STATUS_CANNOT_START, STATUS_TRY_AGAIN } from "./cli/verb.ts";
import { findVerb, splitVerb, VERBS } from "./cli/verbs.ts";
import { SECRET_VARIABLES } from "./config/secret.ts";
import { forgetVariable } from "./edge/secrecy.ts";
import { processTerminal } from "./edge/terminal.ts";
import { useHostZone } from "./edge/timezone.ts";
import { errorLines, isPassing, messageOf, RunnerError, RunnerErrors } from "./errors.ts";
import { errnoCode } from "./lib/os/errno.ts";
import { compileAsUsual, WORKER_ARGUMENT } from "./lib/os/runtime.ts";
import { VERSION } from "./version.ts";

const terminal = processTerminal();

/** The environment as it was at the start: from here on the process itself has no secret of it. */
function takeEnvironment(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const name of SECRET_VARIABLES) forgetVariable(name);
  return environment;
}

async function main(argv: readonly string[]): Promise<number> {
  let help: readonly string[] = [];
  try {
    const { name, rest } = splitVerb(argv);
    const verb = await findVerb(name);
    help = renderHelp(name, verb, VERBS);
    const { flags, positionals } = parseFlags(rest, [CONFIG_FLAG, ...verb.flags]);
    if (flags.has("help")) {
      terminal.out(help);
      return 0;
    }
    if (flags.has("V") || flags.has("version")) {
      terminal.out([VERSION]);
      return 0;
    }
    const configPath = flags.text("c") ?? CONFIG_PATH;
    // The start of the daemon goes on in serve.ts.
    if (name !== "") compileAsUsual();
    const hostZone = useHostZone();
    const environment = takeEnvironment();
    return await verb.run({ flags, positionals, terminal, configPath, hostZone, environment });
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error([error.message, ...help]);
      return 2;
    }
    if (!(error instanceof RunnerError || error instanceof RunnerErrors)) throw error;
    const errors = error instanceof RunnerErrors ? error.errors : [error];
    for (const [first, ...frame] of errors.map(errorLines))
      terminal.error([`error: ${first}`, ...frame]);
    return isPassing(error) ? STATUS_TRY_AGAIN : STATUS_CANNOT_START;
  }
}

/** The process that a person or a service manager has started. */
async function begin(argv: readonly string[]): Promise<void> {
  try {
    process.exitCode = await main(argv);
  } catch (error) {
    // A bug needs its stack; a full disk behind standard output, say, does not.
    const stack = errnoCode(error) === null ? ((error as Error).stack ?? "").split("\n") : [];
    terminal.error([`error: ${messageOf(error)}`, ...stack]);
    process.exitCode = 1;
  }
}

// The executable starts itself for code that is not ours.
if (process.argv[2] === WORKER_ARGUMENT) await import("./worker.ts");
else await begin(process.argv.slice(2));
