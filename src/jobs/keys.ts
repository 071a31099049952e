// Keys: every key of a job, once. The schema of entity.cfg and entity.toml, the checks, readers and
// writers, the entity's members and the tables of the docs are derived from this table; the SDK's
// types are written by hand and held against it by test/sdk/public.test-d.ts.
//
// A new key is one line here and one in sdk/definition.ts.
import { duration, original, ours, type PlainRule, whole } from "../config/key.ts";
import type { KeySpec, Schema } from "../config/settings.ts";
import { DAY_MS, MINUTE_MS, type Milliseconds } from "../time.ts";

/** The name of a job's template, unless its definition names another. */
export const TEMPLATE_NAME = "action.json";

/** Longer actions make RabbitMQ refuse the scheduler's queue: its limit is 2^32 milliseconds. */
export const EXPIRY_MAX_MS: Milliseconds = 49 * DAY_MS;

/** What a key takes: its kind, its bounds, and its default; null: it has none. */
export type KeyRule =
  | PlainRule
  | { readonly kind: "cron" | "zone" | "moment" | "action" | "plugins"; readonly default: null }
  /** A text, a number or true: see guards.ts. */
  | {
      readonly kind: "guard";
      readonly forms: readonly ("share" | "count" | "always")[];
      readonly default: null;
    }
  | { readonly kind: "choice"; readonly of: readonly string[]; readonly default: string };

/** One key of a job. In files its name is in lower case. */
export type JobKey = KeyRule & {
  /** The member of a definition that it is in; null: of the definition itself. */
  readonly within: "schedule" | null;
  /** Its name in entity.cfg and entity.toml. Null: these forms have no such key. */
  readonly file: string | null;
  /** Who knows it: both, or only this program. */
  readonly since: "original" | "0.1";
  /** The default, in words. */
  readonly unset: string;
  /** What it does, for people. */
  readonly about: string;
};

/** Where most keys are: in the definition itself. @param file The key's name in files. */
function named<const File extends string | null, const Since>(file: File, since: Since) {
  return { within: null, file, since } as const;
}

/** The same for a key of its schedule. */
function ofSchedule<const File extends string, const Since>(file: File, since: Since) {
  return { within: "schedule", file, since } as const;
}

/** All keys, in the order in which files are written. */
export const JOB_KEYS = {
  cron: {
    kind: "cron",
    default: null,
    ...ofSchedule("schedule", original),
    unset: "must be set, but in job.ts",
    about: "cron: 5 fields; 6 end with the year; 7 begin with seconds; `@hourly` and so on",
  },
  timezone: {
    kind: "zone",
    default: null,
    ...ofSchedule("timezone", ours),
    unset: "of runner.cfg",
    about: "zone of the schedule, such as `Europe/Berlin`",
  },
  from: {
    kind: "moment",
    default: null,
    ...ofSchedule("from", ours),
    unset: "always",
    about: "no fire time before this, such as `2026-12-01T00:00:00Z`",
  },
  until: {
    kind: "moment",
    default: null,
    ...ofSchedule("until", ours),
    unset: "for ever",
    about: "no fire time at this or after it",
  },
  spread: {
    ...duration(0, 7 * DAY_MS, 0),
    ...ofSchedule("spread", ours),
    unset: "`0s`",
    about: "each firing is later by a part of this, always the same part for a job; at most 7 days",
  },
  onMissed: {
    kind: "choice",
    of: ["skip", "last", "all"],
    default: "skip",
    ...ofSchedule("onmissed", ours),
    unset: "`skip`",
    about: "fire times that passed while nothing ran: `skip`, `last` or `all`",
  },
  overlap: {
    kind: "choice",
    of: ["skip", "queue", "allow"],
    default: "allow",
    ...ofSchedule("overlap", ours),
    unset: "`allow`",
    about: "a fire time while a run of the job is open: `allow`, `skip` or `queue`",
  },
  expiry: {
    ...duration(1, EXPIRY_MAX_MS, 5 * MINUTE_MS),
    ...named("expiry", original),
    unset: "`5m`",
    about: "how long agents may answer: the life of the action, at most 49 days",
  },
  action: {
    kind: "action",
    default: null,
    ...named(null, ours),
    unset: "`./action.json`",
    about: "the action, or the name of its file",
  },
  plugin: {
    kind: "plugins",
    default: null,
    ...named("plugin", original),
    unset: "none",
    about:
      "who gets the result: the name of a file in `plugins/`; in job.ts also a list of names. With a " +
      "function: whom `run.deliver(result)` means",
  },
  sendOnly: {
    kind: "flag",
    default: false,
    ...named("sendonly", original),
    unset: "`false`",
    about: "post only: no result is collected",
  },
  early: {
    kind: "flag",
    default: false,
    ...named("early", ours),
    unset: "`false`",
    about: "collect as soon as every agent has answered, and once more at the expiry",
  },
  late: {
    ...duration(0, 7 * DAY_MS, 0),
    ...named("late", ours),
    unset: "`0s`",
    about: "a result that lacks answers is read once more after this, at most 7 days",
  },
  deadline: {
    ...duration(1, 366 * DAY_MS, null),
    ...named("deadline", ours),
    unset: "never",
    about: "a run that is open for longer is given up",
  },
  maxAgents: {
    ...whole(1, Number.MAX_SAFE_INTEGER, null),
    ...named("maxagents", ours),
    unset: "no limit",
    about: "do not post when the target matches more agents",
  },
  growth: {
    kind: "guard",
    forms: ["share"],
    default: null,
    ...named("growth", ours),
    unset: "no limit",
    about: "do not post when the target matches so much more than at the last run, such as `20%`",
  },
  approve: {
    kind: "guard",
    forms: ["always", "count"],
    default: null,
    ...named("approve", ours),
    unset: "never",
    about:
      "wait for `mig-runner approve`: `true`, or when the target matches more agents than this",
  },
  canary: {
    kind: "guard",
    forms: ["share", "count"],
    default: null,
    ...named("canary", ours),
    unset: "none",
    about:
      "post to this share of the agents first (`1%` or a number), to the rest if they answered",
  },
  canaryWait: {
    ...duration(1, EXPIRY_MAX_MS, null),
    ...named("canarywait", ours),
    unset: "of expiry",
    about: "how long the canary may answer",
  },
  canaryFailures: {
    ...whole(0, 1_000_000, 0),
    ...named("canaryfailures", ours),
    unset: "0",
    about: "agents of the canary that may fail or not answer",
  },
  signing: {
    kind: "choice",
    of: ["live", "calendar"],
    default: "live",
    ...named("signing", ours),
    unset: "`live`",
    about:
      "`live`: this host signs at the fire time; `calendar`: people have signed ahead (docs/trust.md)",
  },
  minSigners: {
    ...whole(1, 10, 1),
    ...named("minsigners", ours),
    unset: "1",
    about: "how many people must have signed a calendar of the job, at most 10",
  },
  postAhead: {
    ...duration(0, DAY_MS, 0),
    ...named("postahead", ours),
    unset: "`0s`",
    about: "with `calendar`: post so long before the fire time; MIG holds the action; at most 24h",
  },
  retries: {
    ...whole(0, 100, 2),
    ...named("retries", ours),
    unset: "2",
    about: "how often an action that was refused is posted again, at most 100 times",
  },
  expect: {
    ...duration(MINUTE_MS, 366 * DAY_MS, null),
    ...named("expect", ours),
    unset: "no limit",
    about: "an alarm when no run has succeeded for this long, such as `26h`",
  },
  expectAgents: {
    ...whole(0, Number.MAX_SAFE_INTEGER, null),
    ...named("expectagents", ours),
    unset: "one must be asked",
    about: "an alarm when fewer agents than this have answered; 0: none need be there",
  },
  pluginTimeout: {
    ...duration(1, DAY_MS, null),
    ...named("plugintimeout", ours),
    unset: "of runner.cfg",
    about: "how long a plugin may take for one result, at most a day",
  },
} as const satisfies Readonly<Record<string, JobKey>>;

type Keys = typeof JOB_KEYS;

/** A key by its name in job.ts, without the member that it is in. */
export type KeyName = keyof Keys;

/** The names of all keys, in order. */
export const KEY_NAMES = Object.keys(JOB_KEYS) as readonly KeyName[];

/** The rule of a key, in the common type of all. */
export function keyNamed(name: KeyName): JobKey {
  return JOB_KEYS[name];
}

/** What a person writes for a key in job.ts. */
type Written<Key> = Key extends { readonly kind: "flag" }
  ? boolean
  : Key extends { readonly kind: "whole" }
    ? number
    : Key extends { readonly kind: "guard" }
      ? string | number | boolean
      : Key extends { readonly kind: "choice"; readonly of: readonly (infer Word)[] }
        ? Word
        : Key extends { readonly kind: "plugins" }
          ? string | readonly string[]
          : Key extends { readonly kind: "action" }
            ? string | object
            : string;

type NamesWithin<Within> = {
  [Name in KeyName]: Keys[Name]["within"] extends Within ? Name : never;
}[KeyName];

/** When a job fires, as job.ts writes it. */
export type RawSchedule = Readonly<Pick<{ [Name in KeyName]: Written<Keys[Name]> }, "cron">> & {
  readonly [Name in Exclude<NamesWithin<"schedule">, "cron">]?: Written<Keys[Name]> | undefined;
};

/** The declarative part of a job, as job.ts writes it. A text as `schedule` is its `cron` alone. */
export type RawDefinition = { readonly schedule?: string | RawSchedule | undefined } & {
  readonly [Name in NamesWithin<null>]?: Written<Keys[Name]> | undefined;
};

/** A definition in which every key that is there has its type. */
export type SoundDefinition = Omit<RawDefinition, "schedule" | "plugin"> & {
  readonly schedule?: RawSchedule | undefined;
  readonly plugin?: readonly string[] | undefined;
};

/** Keys whose value is a member of the entity as it is, or in milliseconds. */
type PlainKind = "flag" | "choice" | "whole" | "duration" | "guard";

type PlainName = {
  [Name in KeyName]: Keys[Name]["kind"] extends PlainKind ? Name : never;
}[KeyName];

type Member<Name extends PlainName> = Keys[Name]["kind"] extends "duration" ? `${Name}Ms` : Name;

type OrDefault<Key, Value> = Key extends { readonly default: null } ? Value | null : Value;

type Settled<Key> = Key extends { readonly kind: "duration" }
  ? OrDefault<Key, Milliseconds>
  : Key extends { readonly kind: "guard" }
    ? string | null
    : OrDefault<Key, Written<Key>>;

/** The values of the plain keys, a member each; durations in milliseconds, named NAMEMs. */
export type EntityValues = {
  readonly [Name in PlainName as Member<Name>]: Settled<Keys[Name]>;
};

/** The keys of `EntityValues`, in order. */
export const PLAIN_NAMES = KEY_NAMES.filter((name) =>
  ["flag", "choice", "whole", "duration", "guard"].includes(keyNamed(name).kind),
) as readonly PlainName[];

/** The member of an entity that holds a plain key. */
export function memberOf(name: PlainName): keyof EntityValues {
  return (keyNamed(name).kind === "duration" ? `${name}Ms` : name) as keyof EntityValues;
}

const FILE_KINDS: Readonly<Record<JobKey["kind"], KeySpec["kind"]>> = {
  cron: "string",
  zone: "string",
  moment: "string",
  action: "string",
  plugins: "string",
  duration: "string",
  choice: "string",
  guard: "string",
  flag: "bool",
  whole: "int",
};

/** Names of plugins beyond the one that the original has, in files. */
export const MORE_PLUGINS = "plugins";

/** entity.cfg and entity.toml. */
export const ENTITY_SCHEMA: Schema = {
  configuration: {
    shape: "struct",
    keys: Object.fromEntries([
      ...KEY_NAMES.map(keyNamed).flatMap(({ file, kind }) =>
        file === null ? [] : [[file, { kind: FILE_KINDS[kind] }] as const],
      ),
      [MORE_PLUGINS, { kind: "list" }] as const,
    ]),
  },
};
