// Calendar: the verb for actions that people sign ahead, so that a host needs no private key.
import { nearest } from "../errors.ts";
import type { Deed } from "./calendar/deed.ts";
import { UsageError } from "./flags.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

const DEEDS: ReadonlyMap<string, () => Promise<Deed>> = new Map([
  ["request", async () => (await import("./calendar/request.ts")).request],
  ["sign", async () => (await import("./calendar/sign.ts")).sign],
  ["verify", async () => (await import("./calendar/verify.ts")).verify],
  ["install", async () => (await import("./calendar/install.ts")).install],
  ["show", async () => (await import("./calendar/show.ts")).show],
  ["diff", async () => (await import("./calendar/show.ts")).diff],
  ["withdraw", async () => (await import("./calendar/install.ts")).withdraw],
]);

export const calendar: Verb = {
  usage:
    "request JOB -o FILE | sign FILE --key ID | verify FILE | install FILE | show|diff|withdraw JOB",
  flags: [
    { name: "o", kind: "text", value: "FILE", help: "request: the file to make" },
    { name: "until", kind: "text", value: "TIME", help: "request: up to then, in RFC 3339" },
    { name: "windows", kind: "number", value: "N", help: "request: at most so many fire times" },
    {
      name: "lead",
      kind: "text",
      value: "TIME",
      help: "request: valid so long before each fire time (default 2m, less where they are dense)",
    },
    { name: "key", kind: "text", value: "ID", help: "sign: the key, by fingerprint, id or e-mail" },
    {
      name: "home",
      kind: "text",
      value: "FILE",
      help: "sign: a folder with secring.gpg, a GnuPG 2 home or a key file (default $GNUPGHOME)",
    },
    { name: "confirm", kind: "text", value: "JOB", help: "sign: do not ask for the job's name" },
    {
      name: "before",
      kind: "text",
      value: "FILE",
      help: "sign: say how it differs from this calendar (default: from what was signed here last)",
    },
    {
      name: "rehearse",
      kind: "switch",
      help: "sign: a copy, with a throw-away key, to practise against the sandbox",
    },
    {
      name: "keyring",
      kind: "text",
      value: "FILE",
      help: "verify, install: public keys of who may sign (install: [calendar] keyring)",
    },
    JSON_FLAG,
  ],
  help:
    "Signs the actions of a job ahead: a calendar is one file with a signed action for each fire time\n" +
    "(a window). The host that posts them needs an API key, and no private key.\n\n" +
    "request  on the host: makes the file, up to 90 days. Needs no key.\n" +
    "sign     at the investigator's: shows what the fleet will be told and when, asks for the name\n" +
    "         of the job, and signs. Called with a second key it co-signs. After an interruption,\n" +
    "         call it again: it goes on. The passphrase comes from MIGPGPPASSPHRASE or gpg-agent.\n" +
    "verify   anywhere: checks every signature.\n" +
    "install  on the host: checks all of it; from then on the job's actions come from it. If it is\n" +
    "         refused, nothing changes.\n" +
    "show     on the host: the installed calendar.\n" +
    "diff     on the host: whether the job is still what was signed; ends with 1 when it is not.\n" +
    "withdraw on the host: posts nothing of the calendar any more.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg calendar request sshd --windows 60 -o sshd.calendar\n" +
    "  mig-runner calendar sign sshd.calendar --key ann@example.net\n" +
    "  mig-runner calendar verify sshd.calendar --keyring investigators.gpg\n" +
    "  mig-runner -c runner.cfg calendar install sshd.calendar",
  async run(call) {
    const [what = "", ...words] = call.positionals;
    const load = DEEDS.get(what);
    if (load === undefined) {
      const meant = nearest(what, DEEDS.keys());
      const known = [...DEEDS.keys()].join(", ");
      const hint = meant === null ? known : `did you mean "${meant}"?`;
      throw new UsageError(`calendar ${what === "" ? "takes" : `cannot ${what}:`} ${hint}`);
    }
    const deed = await load();
    const [word, ...others] = words;
    if (word === undefined || others.length > 0) {
      throw new UsageError(`calendar ${what} takes one ${deed.word}`);
    }
    return await deed.run(call, word);
  },
};
