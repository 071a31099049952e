// Config: from the two files on disk to one value without optional parts.
//
//   runner.cfg ──gcfg.ts or toml.ts──▶ settings ──runner.ts──┐
//   .migrc     ──────────────────────▶ settings ──client.ts──┴─▶ Config
//
// Owns:     which files are read, what an unreadable one means, that all mistakes come together.
// Not here: reading (the caller's `readFile`), environment and home directory (passed in).

import { posix } from "node:path";
import { assert, RunnerError, RunnerErrors } from "../errors.ts";
import { errnoCode, kernelText } from "../lib/os/errno.ts";
import { type ClientConfig, homeOf, resolveClient } from "./client.ts";
import { readSettings } from "./read.ts";
import { noteMistake, openResolver, placeOf, type Resolver, settingOf, textOf } from "./resolve.ts";
import {
  type Environment,
  PASSPHRASE_FILE,
  passphraseFileOf,
  type RunnerConfig,
  resolveRunner,
} from "./runner.ts";
import { CLIENT_SCHEMA, RUNNER_SCHEMA } from "./schemas.ts";
import { PASSPHRASE_VARIABLE } from "./secret.ts";
import { isList, type Section } from "./settings.ts";

/** The file that is read without `-c`. @see main.go, flag c */
export const CONFIG_PATH = "/etc/mig/runner.cfg";

/** Everything that the runner is told. */
export type Config = RunnerConfig & ClientConfig;

/** Where a configuration comes from. */
export interface ConfigSources {
  /** runner.cfg or runner.toml. @default CONFIG_PATH */
  readonly path?: string;
  readonly environment: Environment;
  /** The bytes of a file. Rejects with the system's error, whose `code` is an errno. */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** The user's home directory, for an empty $HOME. */
  readonly homeDirectory: string;
  /** What relative paths are relative to, for messages. */
  readonly workingDirectory?: string;
}

/** What the files set: by `[section] key` a text that stands for the value, for comparing. */
export type Written = ReadonlyMap<string, string>;

/** A configuration, and the warnings that are logged once when it is read. */
export interface Loaded<Value> {
  readonly config: Value;
  readonly warnings: readonly string[];
}

/** Both files as far as they could be read. */
export interface Inspection {
  /** Null when the file could not be read as far as the name of the directory. */
  readonly runner: RunnerConfig | null;
  /** Null when the file is missing, or only part of it could be read. */
  readonly client: ClientConfig | null;
  /** All that is wrong with them; a missing keyring is part of it. */
  readonly mistakes: readonly RunnerError[];
  readonly warnings: readonly string[];
  /** What both files set, secrets included: for comparing, never for showing. */
  readonly written: Written;
}

/**
 * The whole configuration: runner.cfg, then the client configuration that it names.
 *
 * @throws {RunnerErrors} With all mistakes of both files; a missing keyring is one of them.
 */
export async function loadConfig(
  sources: ConfigSources,
): Promise<Loaded<Config> & { readonly written: Written }> {
  const { runner, client, mistakes, warnings, written } = await inspectConfig(sources);
  if (mistakes.length > 0) throw new RunnerErrors(mistakes);
  assert(runner !== null && client !== null, "a file without a mistake has a meaning");
  return { config: { ...runner, ...client }, warnings, written };
}

/** The same for `check`, which goes on with what could be read. Never rejects for a mistake. */
export async function inspectConfig(sources: ConfigSources): Promise<Inspection> {
  const { environment } = sources;
  let runner: Resolver;
  try {
    runner = await readRunnerFile(sources);
  } catch (error) {
    if (!(error instanceof RunnerErrors)) throw error;
    return { runner: null, client: null, mistakes: error.errors, warnings: [], written: new Map() };
  }
  const secret = await readPassphrase(runner, sources);
  const config = resolveRunner(runner, { ...sources, environment: { ...environment, ...secret } });
  const isPlaced = !runner.incomplete || settingOf(runner, ["runner", "directory"]) !== null;
  const written = writtenIn(runner);
  const known = { runner: isPlaced ? config : null, warnings: runner.warnings, written };
  const home = homeOf(environment, sources.homeDirectory);
  const client = await readClientFile(sources, { runner, path: clientPathOf(config, home) });
  if (client instanceof RunnerError) {
    return { ...known, client: null, mistakes: [...inOrder(runner), client] };
  }
  if (client === null) return { ...known, client: null, mistakes: inOrder(runner) };
  const clientConfig = resolveClient(client, { environment, home });
  await checkKeyring(sources, { resolver: client, gpg: clientConfig.gpg });
  return {
    runner: known.runner,
    client: client.incomplete ? null : clientConfig,
    mistakes: [...inOrder(runner), ...inOrder(client)],
    warnings: [...runner.warnings, ...client.warnings],
    written: new Map([...written, ...writtenIn(client)]),
  };
}

/** The keys that a file sets, as its reader has understood them. */
function writtenIn({ file: { sections, subsections } }: Resolver): Written {
  const written = new Map<string, string>();
  const add = (title: string, section: Section): void => {
    for (const [key, { value }] of section) {
      const text = isList(value) ? JSON.stringify(value) : String(value);
      written.set(`[${title}] ${key}`, text);
    }
  };
  for (const [name, section] of sections) add(name, section);
  for (const [name, subs] of subsections) {
    for (const [sub, section] of subs) add(`${name} "${sub}"`, section);
  }
  return written;
}

/**
 * What runner.cfg alone says, for verbs that need neither key nor API.
 *
 * @throws {RunnerErrors} With all mistakes of the file.
 */
export async function loadRunnerConfig(
  sources: Omit<ConfigSources, "homeDirectory">,
): Promise<Loaded<RunnerConfig>> {
  const resolver = await readRunnerFile(sources);
  const config = resolveRunner(resolver, sources);
  if (resolver.mistakes.length > 0) throw new RunnerErrors(inOrder(resolver));
  return { config, warnings: resolver.warnings };
}

/** The mistakes of a file from its top to its bottom; those of the file as a whole come last. */
function inOrder({ mistakes }: Resolver): readonly RunnerError[] {
  const lineOf = ({ detail }: RunnerError): number => detail.line ?? Number.MAX_SAFE_INTEGER;
  return mistakes.toSorted((left, right) => lineOf(left) - lineOf(right));
}

/** @throws {RunnerErrors} When the file cannot be opened. */
async function readRunnerFile(sources: Omit<ConfigSources, "homeDirectory">): Promise<Resolver> {
  const path = sources.path ?? CONFIG_PATH;
  let bytes: Uint8Array;
  try {
    bytes = await sources.readFile(path);
  } catch (cause) {
    const hint = openHint(path, cause);
    const message = openFault(path, cause);
    throw new RunnerErrors([new RunnerError("CONFIG", message, { hint }, { cause })]);
  }
  return openResolver(readSettings(bytes, { path, schema: RUNNER_SCHEMA }));
}

/** The passphrase from its file, as the environment variable that it takes the place of. */
async function readPassphrase(
  runner: Resolver,
  { environment, readFile }: ConfigSources,
): Promise<Environment> {
  const key = PASSPHRASE_FILE;
  const path = passphraseFileOf(runner, environment);
  const name = textOf(runner, key);
  if (path === null) {
    if (name !== null && textOf(runner, ["client", "passphrase"]) === null) {
      const message = `Cannot read the passphrase: "${name}" is no path, and there are no credentials`;
      const hint = "Write a path that begins with a slash, or give the unit LoadCredential=";
      noteMistake(runner, key, { message, hint });
    }
    return {};
  }
  try {
    const text = new TextDecoder().decode(await readFile(path));
    return { [PASSPHRASE_VARIABLE]: text.replace(/\r?\n$/, "") };
  } catch (cause) {
    noteMistake(runner, key, { message: openFault(path, cause), ...ACCESS });
    return {};
  }
}

/** The client configuration, why it cannot be read, or null when its path is not known. */
async function readClientFile(
  { readFile }: ConfigSources,
  { runner, path }: { readonly runner: Resolver; readonly path: string },
): Promise<Resolver | RunnerError | null> {
  const detail = placeOf(runner, ["client", "clientconfpath"]);
  if (path === "") {
    const hint = 'Set [client] clientconfpath = "default" for $HOME/.migrc, or to a path';
    const error = new RunnerError("CONFIG", 'no configuration found at ""', { ...detail, hint });
    return runner.incomplete ? null : error;
  }
  try {
    return openResolver(readSettings(await readFile(path), { path, schema: CLIENT_SCHEMA }));
  } catch (cause) {
    if (errnoCode(cause) !== "ENOENT") {
      return new RunnerError("CONFIG", openFault(path, cause), { ...detail, ...ACCESS }, { cause });
    }
    // Here the original would begin its dialogue that writes a new file.
    const hint = "Write one with [api] url and [gpg] keyid, or run mig-runner init DIR";
    const message = `no configuration found at ${path}`;
    return new RunnerError("CONFIG", message, { ...detail, hint }, { cause });
  }
}

function clientPathOf({ clientConfPath }: RunnerConfig, home: string): string {
  return clientConfPath === "default" ? posix.join(home, ".migrc") : (clientConfPath ?? "");
}

/**
 * Notes a mistake when there is no keyring, so that it is told with the others; with an API key
 * only a warning, because then the original starts too and can at least collect.
 */
async function checkKeyring(
  { readFile }: ConfigSources,
  { resolver, gpg }: { readonly resolver: Resolver; readonly gpg: ClientConfig["gpg"] },
): Promise<void> {
  // A [gpg] home that could not be read is not the default one.
  if (resolver.incomplete) return;
  try {
    await readFile(gpg.secringPath);
  } catch (cause) {
    if (await hasOtherKeys(readFile, gpg.home)) return;
    const place = placeOf(resolver, ["gpg", "home"]);
    const missing = errnoCode(cause) === "ENOENT";
    const fault = openFault(gpg.secringPath, cause);
    const message = missing ? `secring.gpg not found: ${gpg.secringPath}` : fault;
    if (gpg.useApiKeyAuth !== null) {
      resolver.warnings.push(`${place.path}: ${message}: no action can be signed live`);
      return;
    }
    const hint = missing
      ? "Set [gpg] home, or run gpg --export-secret-keys KEYID > secring.gpg there"
      : ACCESS.hint;
    resolver.mistakes.push(new RunnerError("KEYRING", message, { ...place, hint }, { cause }));
  }
}

/** Whether the home, which has no secring.gpg, is one of GnuPG 2, or is itself a file with a key. */
async function hasOtherKeys(readFile: ConfigSources["readFile"], home: string): Promise<boolean> {
  const looks = [home, posix.join(home, "pubring.kbx"), posix.join(home, "private-keys-v1.d")];
  const faults = await Promise.all(looks.map((path) => readFile(path).then(() => null, faultOf)));
  const [file, box, keys] = faults;
  return file === null || box === null || keys === "EISDIR";
}

/** `open PATH: reason`, as the original's library words it. */
function openFault(path: string, error: unknown): string {
  return `open ${path}: ${kernelText(error)}`;
}

/** What to do about a runner.cfg that cannot be read: a new one helps only where there is none. */
function openHint(path: string, error: unknown): string {
  switch (errnoCode(error)) {
    case "ENOENT":
      return "Name the file with -c, or run mig-runner init DIR to make one";
    case "EISDIR":
      return `Name the file in it, such as -c ${posix.join(path, "runner.cfg")}`;
    case "EACCES":
    case "EPERM":
      return "Run it as the user who owns the file, or let the user who runs it read the file";
    default:
      return "Name the file with -c";
  }
}

const ACCESS = { hint: "Name a file that the user who runs mig-runner may read" };

/** The errno of a file that cannot be read; "unfit" where the system gave none. */
function faultOf(error: unknown): string {
  return errnoCode(error) ?? "unfit";
}
