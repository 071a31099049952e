// Init: the verb that makes a runner directory that works. Never replaces what is there.

import { isHttpUrl } from "../config/client.ts";
import { systemClock } from "../edge/clock.ts";
import { absolutePath, createDirectory, createFile, listNames } from "../edge/files.ts";
import { openModules } from "../edge/plugins/modules.ts";
import { type DiskPlugins, openPlugins } from "../edge/plugins/plugins.ts";
import { RunnerError } from "../errors.ts";
import { errnoCode, errnoHint, errnoText } from "../lib/os/errno.ts";
import { UsageError } from "./flags.ts";
import { AUTHOR_FILES, configFiles, SAMPLE_FILES, SANDBOX_URL } from "./init-files.ts";
import { writeSdk } from "./init-sdk.ts";
import { renderTable } from "./text.ts";
import type { Call, Verb } from "./verb.ts";

export const init: Verb = {
  usage: "DIR [--url URL] [--keyid ID | --new-key]",
  flags: [
    { name: "url", kind: "text", value: "URL", help: `The MIG API (default ${SANDBOX_URL})` },
    { name: "keyid", kind: "text", value: "ID", help: "The investigator's key in $HOME/.gnupg" },
    { name: "new-key", kind: "switch", help: "Make a key of its own, to try it with the sandbox" },
  ],
  help:
    "Makes a runner directory: configuration, a sample job, a sample plugin, and what editors,\n" +
    'tsc, bun test and deno test need to know of "mig-runner" (sdk/, tsconfig.json, deno.json).\n' +
    "What is there already stays as it is, but for sdk/: call it again after an upgrade, and when\n" +
    "there is a new plugin, whose name editors then know. A directory that has jobs gets no sample.\n\n" +
    "Examples:\n" +
    "  mig-runner init try --new-key && mig-runner -c try/runner.cfg sandbox --speed 20\n" +
    "  mig-runner init /srv/mig --url https://mig.example.net/api/v1/ --keyid E60892BB9BD8...",
  async run(call) {
    const { flags, positionals, terminal } = call;
    const [name, ...others] = positionals;
    if (name === undefined || others.length > 0) throw new UsageError("init takes one DIR");
    const ownKey = flags.has("new-key");
    const keyId = flags.text("keyid");
    if (ownKey && keyId !== null) throw new UsageError("init takes --keyid or --new-key, not both");
    const url = flags.text("url") ?? SANDBOX_URL;
    if (!isHttpUrl(url)) throw new UsageError(`invalid value for flag -url: ${URL_WANTED}`);
    const directory = absolutePath(name);
    const keys = `${directory}/keys`;
    const made = new Map<string, boolean>();
    const key = ownKey ? await makeKey(keys, made) : null;
    const settings = {
      directory,
      url,
      keyId: key ?? keyId ?? "",
      gpgHome: keyId === null ? keys : null,
    };
    const hasJobs = (await listNames(`${directory}/runners`)).length > 0;
    for (const { name, mode, text } of [
      ...configFiles(settings),
      ...(hasJobs ? [] : SAMPLE_FILES),
      ...AUTHOR_FILES,
    ]) {
      const written = make(() => createFile(`${directory}/${name}`, text, mode), directory);
      made.set(name, (await written) !== false);
    }
    // The key is put there by the command that `describe` tells.
    for (const folder of ["runners", "plugins", ...(settings.gpgHome === null ? [] : ["keys"])]) {
      await make(() => createDirectory(`${directory}/${folder}`), directory);
    }
    const plugins = pluginsIn(directory, call);
    const isWritten = await make(() => writeSdk(`${directory}/sdk`, plugins), directory);
    if (isWritten !== null) made.set("sdk", isWritten !== false);
    // A client configuration that was there names its own key.
    const hasKey = settings.keyId !== "" || made.get(".migrc") === false;
    terminal.out(describe(name, { made, hasKey, keys, hasJobs }));
    return 0;
  },
};

/** It may hold a password, so it is not shown. */
const URL_WANTED = "an http or https URL is wanted, such as https://mig.example.net/api/v1/";

/** The plugins of the directory, to ask for their names. */
function pluginsIn(directory: string, { environment }: Call): DiskPlugins {
  const common = { directory, timeoutMs: 0, graceMs: 0, environment, log: { emit() {} } };
  return openPlugins({ ...common, modules: openModules({ ...common, settings: new Map() }) });
}

/** A key ring with a new key; answers its fingerprint, or null when there was a ring already. */
async function makeKey(keys: string, made: Map<string, boolean>): Promise<string | null> {
  if ((await listNames(keys)).includes("secring.gpg")) {
    made.set("keys/secring.gpg", false);
    return null;
  }
  const { generateSigningKey } = await import("../lib/pgp/generate.ts");
  const order = { name: "mig-runner", email: "mig-runner@localhost", now: systemClock().now() };
  const { fingerprint, bytes } = await generateSigningKey(order);
  const written = await make(() => createFile(`${keys}/secring.gpg`, bytes), keys);
  made.set("keys/secring.gpg", written !== false);
  return fingerprint;
}

/** What the work answers; false when there was something already. */
async function make<Answer>(work: () => Promise<Answer>, path: string): Promise<Answer | false> {
  try {
    return await work();
  } catch (cause) {
    if (errnoCode(cause) === "EEXIST") return false;
    const hint = errnoHint(cause);
    const detail = hint === null ? { path } : { path, hint };
    const state = errnoText(cause);
    throw new RunnerError("SPOOL", `Cannot make "${path}": ${state}`, detail, { cause });
  }
}

interface Made {
  /** By name below the directory: true for what is new, false for what was there. */
  readonly made: ReadonlyMap<string, boolean>;
  readonly hasKey: boolean;
  readonly keys: string;
  readonly hasJobs: boolean;
}

function describe(directory: string, { made, hasKey, keys, hasJobs }: Made): string[] {
  const files = [...made].map(([name, isNew]) => [
    `${directory}/${name}`,
    isNew ? "made" : "was there, left as it is",
  ]);
  const runner = `mig-runner -c ${directory}/runner.cfg`;
  const job = hasJobs ? "JOB" : "hello";
  const needed = [
    [`gpg --export-secret-keys KEYID > ${keys}/secring.gpg`, "the investigator's key"],
    [`and keyid = "..." in ${directory}/.migrc`, "which of them"],
  ];
  const steps = [
    ...(hasKey ? [] : needed),
    [`${runner} check`, "find every mistake"],
    [`${runner} sandbox --speed 20`, "a MIG API to try it with, in a second terminal"],
    [`${runner} run ${job} --wait`, "fire the job once, now"],
    [`${runner} status`, "what came of it"],
    [runner, "run the jobs by their schedules"],
  ];
  return [...renderTable(files, ""), "", "Next:", ...renderTable(steps)];
}
