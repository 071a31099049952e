// Init files: what `init` writes, as texts. A directory of these passes `check`, but for a key.
import { encodeGcfg } from "../config/encode.ts";
import type { SettingValue } from "../config/settings.ts";

/** A file of the new directory. */
export interface InitFile {
  /** Below the directory. */
  readonly name: string;
  readonly mode: number;
  readonly text: string;
}

/** Only for the user who runs mig-runner, as is everything that decides what is signed. */
const PRIVATE = 0o600;
const PROGRAM = 0o700;

/** The API of a sandbox, where nothing else is said. */
export const SANDBOX_URL = "http://127.0.0.1:1664/api/v1/";

/** What differs from one directory to another. */
export interface InitSettings {
  /** Absolute. */
  readonly directory: string;
  readonly url: string;
  /** "" while there is no key. */
  readonly keyId: string;
  /** Where the key is; null for the default, $HOME/.gnupg. */
  readonly gpgHome: string | null;
}

/** The two configuration files. */
export function configFiles({ directory, url, keyId, gpgHome }: InitSettings): readonly InitFile[] {
  const runner = [
    section("runner", { directory, checkdirectory: 60n }),
    "; mode is stdout, file (with file = PATH) or syslog (with host, port and protocol)",
    section("logging", { mode: "stdout", level: "info" }),
    '; passphrase = "..." if the key has one; MIGPGPPASSPHRASE may hold it instead',
    section("client", { clientconfpath: `${directory}/.migrc` }),
  ];
  const client = [
    section("api", { url }),
    "; keyid is the fingerprint of the investigator's key, as gpg --list-secret-keys shows it",
    section("gpg", { ...(gpgHome === null ? {} : { home: gpgHome }), keyid: keyId }),
  ];
  return [
    { name: "runner.cfg", mode: PRIVATE, text: runner.join("\n") },
    { name: ".migrc", mode: PRIVATE, text: client.join("\n") },
  ];
}

function section(name: string, values: Readonly<Record<string, SettingValue>>): string {
  return encodeGcfg([{ name, subsection: null, values: Object.entries(values) }]);
}

const HELLO_CONFIG = `; Asks every night at three how far the clocks of the online agents are off.
[configuration]
schedule = "0 3 * * *"
expiry = "30s"
plugin = "print"
`;

const HELLO_ACTION = `{
  "name": "replaced by the name of the job",
  "target": "status='online' AND mode='daemon'",
  "operations": [
    { "module": "timedrift", "parameters": { "drift": "5s" } }
  ]
}
`;

const PRINT = `#!/bin/sh
# A plugin gets the result as JSON on its standard input. What it prints goes into the log; any exit
# status but 0 means that the result is to be delivered again.
printf 'got a result of %s bytes\\n' "$(wc -c)"
`;

/** Each name may be imported by jobs and plugins, and by their tests. */
const MODULES = {
  "mig-runner": "index",
  "mig-runner/test": "simulate",
  valibot: "valibot",
} as const;

/** Which files of the SDK stand for the names, for editors, tsc, Bun and Deno. */
function mappings<Target>(target: (file: string) => Target): Readonly<Record<string, Target>> {
  const entries = Object.entries(MODULES);
  return Object.fromEntries(entries.map(([name, file]) => [name, target(`./sdk/${file}`)]));
}

const TSCONFIG = {
  compilerOptions: {
    target: "ESNext",
    module: "Preserve",
    moduleResolution: "bundler",
    lib: ["ESNext", "DOM"],
    types: ["*"],
    strict: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    isolatedModules: true,
    skipLibCheck: true,
    noEmit: true,
    // Without the end of the name: it is .d.ts for types, and .js for what runs.
    paths: mappings((path) => [path]),
  },
  // The last one is there from the start: a compiler without a file to look at fails.
  include: ["runners", "plugins", "sdk/index.d.ts"],
};

const DENO = {
  imports: mappings((path) => `${path}.js`),
  compilerOptions: { lib: ["deno.window", "esnext"], noUncheckedIndexedAccess: true },
};

/** What editors, compilers and test runners of authors read. */
export const AUTHOR_FILES: readonly InitFile[] = [
  { name: "tsconfig.json", mode: PRIVATE, text: `${JSON.stringify(TSCONFIG, null, 2)}\n` },
  { name: "deno.json", mode: PRIVATE, text: `${JSON.stringify(DENO, null, 2)}\n` },
];

/** A job that works, with its plugin. */
export const SAMPLE_FILES: readonly InitFile[] = [
  { name: "runners/hello/entity.cfg", mode: PRIVATE, text: HELLO_CONFIG },
  { name: "runners/hello/action.json", mode: PRIVATE, text: HELLO_ACTION },
  { name: "plugins/print", mode: PROGRAM, text: PRINT },
];
