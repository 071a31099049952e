// Schemas: which sections and keys the readers of both files know, derived from the tables of keys.
import { CLIENT_KEYS } from "./client-keys.ts";
import { type ConfigKey, type KeyRule, opaque, original, type SectionKeys, text } from "./key.ts";
import { BLACKOUT_KEYS, RUNNER_KEYS } from "./keys.ts";
import type { KeyKind, KeySpec, Schema, SectionSpec } from "./settings.ts";

const FILE_KINDS: Readonly<Record<KeyRule["kind"], KeyKind>> = {
  text: "string",
  duration: "string",
  overwritten: "string",
  flag: "bool",
  whole: "int",
  whole64: "int64",
  list: "list",
  opaque: "opaque",
};

function specOf(key: ConfigKey): KeySpec {
  const kind = FILE_KINDS[key.kind];
  if (key.kind === "opaque") return { kind, type: key.type };
  return key.kind === "overwritten" ? { kind, ignored: true } : { kind };
}

function structOf(keys: SectionKeys): SectionSpec {
  const specs = Object.entries(keys).map(([name, key]) => [name, specOf(key)] as const);
  return { shape: "struct", keys: Object.fromEntries(specs) };
}

function schemaOf(sections: Readonly<Record<string, SectionKeys>>): Schema {
  const specs = Object.entries(sections).map(([name, keys]) => [name, structOf(keys)] as const);
  return Object.fromEntries(specs);
}

/** runner.cfg and runner.toml, as their reader needs them. */
export const RUNNER_SCHEMA: Schema = {
  ...schemaOf(RUNNER_KEYS),
  plugin: { shape: "free", keys: {} },
  blackout: { shape: "map", keys: structOf(BLACKOUT_KEYS).keys },
  // Internal fields of the original that its reader accepts as sections.
  entities: { shape: "map", keys: {}, internal: true },
  channels: {
    ...structOf({
      log: opaque("chan mig.Log"),
      exitnotify: opaque("chan bool"),
      results: opaque("chan mig.RunnerResult"),
    }),
    internal: true,
  },
  clientconf: {
    ...structOf({
      api: opaque("client.APIConf"),
      homedir: { ...text, since: original, unset: null, about: "" },
      gpg: opaque("client.GpgConf"),
      targets: opaque("client.TargetConf"),
    }),
    internal: true,
  },
};

/** .migrc, as its reader needs it. */
export const CLIENT_SCHEMA: Schema = {
  ...schemaOf(CLIENT_KEYS),
  homedir: { shape: "scalar", keys: {}, internal: true },
};
