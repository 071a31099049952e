// Keys: every section and key of runner.cfg and .migrc (and their .toml forms), once. The schemas,
// the bounds and defaults of the readers and the tables of docs/configuration.md are derived from
// these two tables; the keys of a job are in jobs/keys.ts.
//
// A new key is one line here and one in the type that holds its value (runner.ts, client.ts).
import { DAY_MS, SECOND_MS } from "../time.ts";
import {
  type ConfigKey,
  duration,
  type KeyRule,
  opaque,
  original,
  ours,
  overwritten,
  part,
  type SectionKeys,
  text,
  whole,
} from "./key.ts";
import type { KeyKind, KeySpec, Schema, SectionSpec } from "./settings.ts";

const KEPT_MAX_MS = 36_500 * DAY_MS;

/**
 * runner.cfg and runner.toml.
 *
 * @see mig-runner/context.go `Context`, logging.go `Logging`; test/golden/gcfg.
 */
export const RUNNER_KEYS = {
  runner: {
    directory: {
      ...part({ kind: "text", default: ".", since: original, unset: "`.`" }),
      about: "the runner directory: `runners/`, `plugins/`, `journal.db`",
    },
    checkdirectory: {
      ...whole(1, 31_536_000, 60),
      ...part({ since: original, unset: "60" }),
      about: "seconds between two looks at the jobs; a change is often seen sooner",
    },
    rundirectory: overwritten,
    plugindirectory: overwritten,
    timezone: {
      ...part({ ...text, since: ours, unset: "the host's" }),
      about: "zone of schedules that name none, such as `Europe/Berlin`",
    },
  },
  client: {
    clientconfpath: {
      ...part({ ...text, since: original, unset: "must be set" }),
      about: "path of the client configuration; `default` is `$HOME/.migrc`",
    },
    passphrase: {
      ...part({ ...text, since: original, unset: "`MIGPGPPASSPHRASE`" }),
      about: "of the private key",
    },
    passphrasefile: {
      ...part({ ...text, since: ours, unset: "" }),
      about: "the file that holds it instead; a name without a path is in `$CREDENTIALS_DIRECTORY`",
    },
    delayresults: {
      ...duration(0, Number.MAX_SAFE_INTEGER, 0),
      ...part({ since: original, unset: "`0s`" }),
      about: "how long after an action's expiry its results are fetched",
    },
    pagesize: {
      ...whole(1, 1_000_000, 1_000),
      ...part({ since: ours, unset: "1000" }),
      about: "commands asked for in one page (the original: 37)",
    },
    timeout: {
      ...duration(1, DAY_MS, 60 * SECOND_MS),
      ...part({ since: ours, unset: "`60s`" }),
      about: "an exchange with the API that stands still this long is cut",
    },
    collects: {
      ...whole(1, 1_000, 16),
      ...part({ since: ours, unset: "16" }),
      about: "actions collected from the API at the same time",
    },
    dispatches: {
      ...whole(1, 1_000, 32),
      ...part({ since: ours, unset: "32" }),
      about: "actions posted at the same time at the most; how many, the API's answers tell",
    },
    deliveries: {
      ...whole(1, 1_000, 4),
      ...part({ since: ours, unset: "4" }),
      about: "plugins that work at the same time",
    },
    plugintimeout: {
      ...duration(1, DAY_MS, 600 * SECOND_MS),
      ...part({ since: ours, unset: "`10m`" }),
      about: "a plugin is ended after this time",
    },
    plugingrace: {
      ...duration(1, DAY_MS, 10 * SECOND_MS),
      ...part({ since: ours, unset: "`10s`" }),
      about: "from SIGTERM to SIGKILL",
    },
  },
  logging: {
    mode: {
      ...part({ kind: "text", default: "stdout", since: original, unset: "`stdout`" }),
      about: "`stdout` (which is standard error, as in the original), `file`, `syslog`",
    },
    level: {
      ...part({ kind: "text", default: "info", since: original, unset: "`info`" }),
      about: "emerg, alert, crit, err, warning, notice, info, debug",
    },
    format: {
      ...part({ kind: "text", default: "text", since: ours, unset: "`text`" }),
      about:
        "`text`, or `json`: each line an object with `time`, `level`, `message`, and what it is about",
    },
    file: {
      ...part({ ...text, since: original, unset: "" }),
      about: "path, with mode `file`",
    },
    maxfilesize: {
      ...part({ kind: "whole64", min: 0, max: Number.MAX_SAFE_INTEGER, default: null }),
      ...part({ since: original, unset: "0: never" }),
      about: "bytes; a file this large is moved to `FILE.1`",
    },
    host: {
      ...part({ ...text, since: original, unset: "" }),
      about: "of a syslog server",
    },
    port: {
      ...whole(1, 65_535, 0),
      ...part({ since: original, unset: "" }),
      about: "of a syslog server",
    },
    protocol: {
      ...part({ ...text, since: original, unset: "" }),
      about: "`tcp` or `udp` to a syslog server; `local` is `/dev/log`",
    },
    facility: {
      ...part({ kind: "text", default: "daemon", since: original, unset: "`daemon`" }),
      about: "of the syslog messages",
    },
  },
  journal: {
    path: {
      ...part({
        kind: "text",
        default: "journal.db",
        since: ours,
        unset: "`journal.db`, in the runner directory",
      }),
      about: "file; a relative path begins in the working directory",
    },
  },
  calendar: {
    keyring: {
      ...part({ ...text, since: ours, unset: "none" }),
      about: "file with the public keys of who may sign calendars of jobs (docs/trust.md)",
    },
  },
  notify: {
    plugins: {
      ...part({ kind: "list", since: ours, unset: "none" }),
      about: "plugins that tell people what goes wrong, such as `slack`; may be repeated",
    },
    on: {
      ...part({ kind: "list", since: ours, unset: "all" }),
      about:
        "of what: `failed`, `missed`, `dead`, `late`, `coverage`, `refused`, `calendar`, `api`, " +
        "`cluster`, `recovered`; may be repeated",
    },
    repeat: {
      ...duration(60 * SECOND_MS, KEPT_MAX_MS, null),
      ...part({ since: ours, unset: "never" }),
      about: "what lasts is told again after this, at least `1m`",
    },
  },
  metrics: {
    textfile: {
      ...part({ ...text, since: ours, unset: "none" }),
      about:
        "file that is written again each 15 seconds with the metrics of docs/operations.md, for " +
        "the textfile collector of Prometheus' node_exporter: `NAME.prom` in its directory",
    },
  },
  cluster: {
    url: {
      ...part({ ...text, since: ours, unset: "this host works alone" }),
      about: "database in which several hosts have one journal (docs/cluster.md): `postgres://...`",
    },
    name: {
      ...part({ ...text, since: ours, unset: "must be set with `url`" }),
      about: "what this host is called among the others",
    },
    shards: {
      ...whole(1, 1_024, 64),
      ...part({ since: ours, unset: "64" }),
      about: "shares into which the jobs are divided; holds when the database is made",
    },
    lease: {
      ...duration(3 * SECOND_MS, 600 * SECOND_MS, 10 * SECOND_MS),
      ...part({ since: ours, unset: "`10s`" }),
      about: "how long a host that is silent keeps its jobs: the same on all hosts",
    },
  },
  results: {
    store: {
      ...part({ ...text, since: ours, unset: "`runners/JOB/results/`" }),
      about:
        "where results are kept: `s3://BUCKET/PREFIX`, or the path of a folder that hosts share " +
        "(docs/cluster.md)",
    },
    endpoint: {
      ...part({ ...text, since: ours, unset: "Amazon's, of the region" }),
      about: "of the S3 service, without the bucket, such as `https://minio.example.com:9000`",
    },
    region: {
      ...part({ kind: "text", default: "us-east-1", since: ours, unset: "`us-east-1`" }),
      about: "of the bucket",
    },
    credentials: {
      ...part({ ...text, since: ours, unset: "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`" }),
      about:
        "the file with `aws_access_key_id = ...` and `aws_secret_access_key = ...`, mode 0600; a " +
        "name without a path is in `$CREDENTIALS_DIRECTORY`",
    },
  },
  retention: {
    journal: {
      ...duration(DAY_MS, KEPT_MAX_MS, null),
      ...part({ since: ours, unset: "for ever" }),
      about: "rows of runs that ended longer ago are removed, at least `24h`",
    },
    runs: {
      ...whole(1, 1_000_000, null),
      ...part({ since: ours, unset: "all" }),
      about: "how many runs of a job are kept; those of the last 24 hours are in any case",
    },
    results: {
      ...duration(DAY_MS, KEPT_MAX_MS, null),
      ...part({ since: ours, unset: "for ever" }),
      about: "results of days longer ago are removed, at least `24h`",
    },
  },
} as const satisfies Readonly<Record<string, SectionKeys>>;

/** Each section `[blackout "NAME"]` of runner.cfg. */
export const BLACKOUT_KEYS = {
  from: {
    ...part({ ...text, since: ours, unset: "" }),
    about: "when it begins, such as `2026-12-24T00:00:00Z`; with `until`",
  },
  until: {
    ...part({ ...text, since: ours, unset: "" }),
    about: "when it ends",
  },
  weekly: {
    ...part({ ...text, since: ours, unset: "" }),
    about:
      "in place of the two, a span of each week: `sat 22:00 - sun 06:00`, or hours of some days: " +
      "`mon-fri 08:00-18:00`",
  },
  timezone: {
    ...part({ ...text, since: ours, unset: "of [runner]" }),
    about: "whose week",
  },
  jobs: {
    ...part({ kind: "list", since: ours, unset: "all" }),
    about: "names of the jobs that it holds, with `*` and `?` for any letters; may be repeated",
  },
  action: {
    ...part({ kind: "text", default: "skip", since: ours, unset: "`skip`" }),
    about:
      "`skip`: fire times within it are skipped; `delay`: the newest of them is run when it is over",
  },
  why: {
    ...part({ ...text, since: ours, unset: "" }),
    about: "the reason, for people",
  },
} as const satisfies SectionKeys;

/**
 * .migrc, or a client configuration in TOML.
 *
 * @see client/client.go `Configuration`; test/golden/gcfg.
 */
export const CLIENT_KEYS = {
  api: {
    url: {
      ...part({ ...text, since: original, unset: "must be set" }),
      about:
        "of the MIG API, such as `https://mig.example.net/api/v1/`. Where it redirects to another " +
        "scheme, host or port, write that one: no token and no key goes there",
    },
    skipverifycert: {
      ...part({ kind: "flag", default: false, since: original, unset: "false" }),
      about:
        "accepts any certificate. Else it must be signed by an authority that this host trusts " +
        "(`SSL_CERT_FILE` names others) and name the host in subjectAltName; its common name does " +
        "not count",
    },
  },
  gpg: {
    home: {
      ...part({ ...text, since: original, unset: "`$GNUPGHOME`, `~/.gnupg`" }),
      about: "a directory with `secring.gpg`, a GnuPG 2 home, or a key file",
    },
    keyid: {
      ...part({ ...text, since: original, unset: "must be set" }),
      about: "fingerprint, key id or e-mail of the signing key, if only one has it",
    },
    signers: {
      ...part({ kind: "list", since: "0.1", unset: "`keyid`" }),
      about:
        "may be repeated: each action is signed by these keys, in this order, with the passphrase of " +
        "`[client]`; `keyid` goes on to prove who this host is. docs/trust.md",
    },
    useapikeyauth: {
      ...part({ ...text, since: original, unset: "" }),
      about: "an API key; actions are signed all the same",
    },
    keyserver: {
      ...part({ ...text, since: original, unset: "" }),
      about: "accepted, not used",
    },
  },
  targets: {
    macro: {
      ...part({ kind: "list", since: original, unset: "" }),
      about: "`name:condition`, may be repeated",
    },
  },
} as const satisfies Readonly<Record<string, SectionKeys>>;

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
