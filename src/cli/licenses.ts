// Licenses: the verb that prints the licences of what is not ours in this program.
import { programNotices } from "../edge/notices.ts";
import { UsageError } from "./flags.ts";
import type { Verb } from "./verb.ts";

export const licenses: Verb = {
  usage: "",
  flags: [],
  help:
    "Prints the licences of the packages and of the runtime that are part of this program, and how\n" +
    "to use it with changed versions of those that are under the LGPL. Beside a built executable\n" +
    "the same text is in THIRD_PARTY_NOTICES.\n\n" +
    "Example:\n" +
    "  mig-runner licenses | less",
  async run({ positionals, terminal }) {
    if (positionals.length > 0) throw new UsageError("licenses takes no arguments");
    terminal.file(await programNotices());
    return 0;
  },
};
