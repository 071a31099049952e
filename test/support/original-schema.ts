// Original schema: the sections and keys of the structs of the original, from its sources: what the
// golden tests read its files by, and what ours is held against.
import type { KeySpec, Schema, SectionSpec } from "../../src/config/settings.ts";

const bool: KeySpec = { kind: "bool" };
const int: KeySpec = { kind: "int" };
const int64: KeySpec = { kind: "int64" };
const string: KeySpec = { kind: "string" };
const list: KeySpec = { kind: "list" };
/** The original overwrites these after reading them. */
const overwritten: KeySpec = { kind: "string", ignored: true };

function struct(keys: Readonly<Record<string, KeySpec>>): SectionSpec {
  return { shape: "struct", keys };
}

function opaque(type: string): KeySpec {
  return { kind: "opaque", type };
}

/**
 * The keys of the original, by kind of file.
 * @see mig-runner/context.go `Context`, mig-runner/entity.go `entityConfig`, client/client.go
 *   `Configuration`, logging.go `Logging`; test/golden/gcfg.
 */
export const ORIGINAL = {
  runner: {
    runner: struct({
      directory: string,
      checkdirectory: int,
      rundirectory: overwritten,
      plugindirectory: overwritten,
    }),
    logging: struct({
      mode: string,
      level: string,
      file: string,
      host: string,
      port: int,
      protocol: string,
      facility: string,
      maxfilesize: int64,
    }),
    client: struct({ clientconfpath: string, passphrase: string, delayresults: string }),
    // The last three are insides of the original that its reader lets through.
    entities: { shape: "map", keys: {}, internal: true },
    channels: {
      shape: "struct",
      keys: {
        log: opaque("chan mig.Log"),
        exitnotify: opaque("chan bool"),
        results: opaque("chan mig.RunnerResult"),
      },
      internal: true,
    },
    clientconf: {
      shape: "struct",
      keys: {
        api: opaque("client.APIConf"),
        homedir: string,
        gpg: opaque("client.GpgConf"),
        targets: opaque("client.TargetConf"),
      },
      internal: true,
    },
  },
  client: {
    api: struct({ url: string, skipverifycert: bool }),
    gpg: struct({ home: string, keyid: string, keyserver: string, useapikeyauth: string }),
    targets: struct({ macro: list }),
    homedir: { shape: "scalar", keys: {}, internal: true },
  },
  entity: {
    configuration: struct({ schedule: string, plugin: string, expiry: string, sendonly: bool }),
  },
} as const satisfies Record<string, Schema>;
