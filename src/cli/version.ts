// Version: the verb that prints which version this is, as -V does.
import { VERSION } from "../version.ts";
import { UsageError } from "./flags.ts";
import type { Verb } from "./verb.ts";

export const version: Verb = {
  usage: "",
  flags: [],
  help: "Prints which version this is, as -V does.\n\nExample:\n  mig-runner version",
  async run({ positionals, terminal }) {
    if (positionals.length > 0) throw new UsageError("version takes no words");
    terminal.out([VERSION]);
    return 0;
  },
};
