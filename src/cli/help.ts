// Help: what each command says of itself, and the verb that shows it.
import { nearest } from "../errors.ts";
import { renderFlags, UsageError } from "./flags.ts";
import { CONFIG_FLAG, type Verb, type VerbEntry } from "./verb.ts";

/** The commands, and how one is loaded; "" is the program without one. */
export interface Commands {
  readonly table: readonly VerbEntry[];
  readonly find: (name: string) => Promise<Verb>;
}

/** The whole help of a command; that of the program itself lists the others. */
export function renderHelp(name: string, verb: Verb, table: readonly VerbEntry[]): string[] {
  const program = name === "" ? "mig-runner" : `mig-runner ${name}`;
  const usage = `${program} ${verb.usage}`.trimEnd();
  const flags = renderFlags([...verb.flags, CONFIG_FLAG]);
  const head = [`Usage of ${program}: ${usage}`, ...flags, "", ...verb.help.split("\n")];
  if (name !== "") return head;
  const width = Math.max(...table.map((entry) => entry.name.length)) + 2;
  const rows = table.map((entry) => `  ${entry.name.padEnd(width)}${entry.summary}`);
  return [...head, "", "Commands (each has --help):", ...rows];
}

/** The verb that shows the help of another. */
export function helpOf({ table, find }: Commands): Verb {
  return {
    usage: "[COMMAND]",
    flags: [],
    help:
      "Shows what a command does, its flags and examples; without a name, the commands.\n\n" +
      "Examples:\n  mig-runner help\n  mig-runner help status",
    async run({ positionals, terminal }) {
      const [name = "", ...others] = positionals;
      if (others.length > 0) throw new UsageError("help takes one COMMAND");
      const names = table.map((entry) => entry.name);
      if (name !== "" && !names.includes(name)) {
        const meant = nearest(name, names);
        const advice = meant === null ? "" : `, did you mean "${meant}"?`;
        throw new UsageError(`unknown command "${name}"${advice}`);
      }
      terminal.out(renderHelp(name, await find(name), table));
      return 0;
    },
  };
}
