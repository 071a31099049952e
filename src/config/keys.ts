// Keys: every section and key of runner.cfg (and runner.toml), once; those of .migrc are in
// client-keys.ts, those of a job in jobs/keys.ts. The schemas (schemas.ts), the bounds and defaults
// of the readers and the tables of docs/configuration.md are derived from these tables.
//
// A new key is one line here and one in the type that holds its value (runner.ts).
import { DAY_MS, SECOND_MS } from "../time.ts";
import { duration, original, ours, overwritten, type SectionKeys, text, whole } from "./key.ts";

const KEPT_MAX_MS = 36_500 * DAY_MS;

/**
 * runner.cfg and runner.toml.
 *
 * @see mig-runner/context.go `Context`, logging.go `Logging`; test/golden/gcfg.
 */
export const RUNNER_KEYS = {
  runner: {
    directory: {
      kind: "text",
      default: ".",
      since: original,
      unset: "`.`",
      about: "the runner directory: `runners/`, `plugins/`, `journal.db`",
    },
    checkdirectory: {
      ...whole(1, 31_536_000, 60),
      since: original,
      unset: "60",
      about: "seconds between two looks at the jobs; a change is often seen sooner",
    },
    rundirectory: overwritten,
    plugindirectory: overwritten,
    timezone: {
      ...text,
      since: ours,
      unset: "the host's",
      about: "zone of schedules that name none, such as `Europe/Berlin`",
    },
  },
  client: {
    clientconfpath: {
      ...text,
      since: original,
      unset: "must be set",
      about: "path of the client configuration; `default` is `$HOME/.migrc`",
    },
    passphrase: {
      ...text,
      since: original,
      unset: "`MIGPGPPASSPHRASE`",
      about: "of the private key",
    },
    passphrasefile: {
      ...text,
      since: ours,
      unset: "",
      about: "the file that holds it instead; a name without a path is in `$CREDENTIALS_DIRECTORY`",
    },
    delayresults: {
      ...duration(0, Number.MAX_SAFE_INTEGER, 0),
      since: original,
      unset: "`0s`",
      about: "how long after an action's expiry its results are fetched",
    },
    pagesize: {
      ...whole(1, 1_000_000, 1_000),
      since: ours,
      unset: "1000",
      about: "commands asked for in one page (the original: 37)",
    },
    timeout: {
      ...duration(1, DAY_MS, 60 * SECOND_MS),
      since: ours,
      unset: "`60s`",
      about: "an exchange with the API that stands still this long is cut",
    },
    collects: {
      ...whole(1, 1_000, 16),
      since: ours,
      unset: "16",
      about: "actions collected from the API at the same time",
    },
    dispatches: {
      ...whole(1, 1_000, 32),
      since: ours,
      unset: "32",
      about: "actions posted at the same time at the most; how many, the API's answers tell",
    },
    deliveries: {
      ...whole(1, 1_000, 4),
      since: ours,
      unset: "4",
      about: "plugins that work at the same time",
    },
    plugintimeout: {
      ...duration(1, DAY_MS, 600 * SECOND_MS),
      since: ours,
      unset: "`10m`",
      about: "a plugin is ended after this time",
    },
    plugingrace: {
      ...duration(1, DAY_MS, 10 * SECOND_MS),
      since: ours,
      unset: "`10s`",
      about: "from SIGTERM to SIGKILL",
    },
  },
  logging: {
    mode: {
      kind: "text",
      default: "stdout",
      since: original,
      unset: "`stdout`",
      about: "`stdout` (which is standard error, as in the original), `file`, `syslog`",
    },
    level: {
      kind: "text",
      default: "info",
      since: original,
      unset: "`info`",
      about: "emerg, alert, crit, err, warning, notice, info, debug",
    },
    format: {
      kind: "text",
      default: "text",
      since: ours,
      unset: "`text`",
      about:
        "`text`, or `json`: each line an object with `time`, `level`, `message`, and what it is about",
    },
    file: {
      ...text,
      since: original,
      unset: "",
      about: "path, with mode `file`",
    },
    maxfilesize: {
      kind: "whole64",
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
      default: null,
      since: original,
      unset: "0: never",
      about: "bytes; a file this large is moved to `FILE.1`",
    },
    host: {
      ...text,
      since: original,
      unset: "",
      about: "of a syslog server",
    },
    port: {
      ...whole(1, 65_535, 0),
      since: original,
      unset: "",
      about: "of a syslog server",
    },
    protocol: {
      ...text,
      since: original,
      unset: "",
      about: "`tcp` or `udp` to a syslog server; `local` is `/dev/log`",
    },
    facility: {
      kind: "text",
      default: "daemon",
      since: original,
      unset: "`daemon`",
      about: "of the syslog messages",
    },
  },
  journal: {
    path: {
      kind: "text",
      default: "journal.db",
      since: ours,
      unset: "`journal.db`, in the runner directory",
      about: "file; a relative path begins in the working directory",
    },
  },
  calendar: {
    keyring: {
      ...text,
      since: ours,
      unset: "none",
      about: "file with the public keys of who may sign calendars of jobs (docs/trust.md)",
    },
  },
  notify: {
    plugins: {
      kind: "list",
      since: ours,
      unset: "none",
      about: "plugins that tell people what goes wrong, such as `slack`; may be repeated",
    },
    on: {
      kind: "list",
      since: ours,
      unset: "all",
      about:
        "of what: `failed`, `missed`, `dead`, `late`, `coverage`, `refused`, `calendar`, `api`, " +
        "`cluster`, `recovered`; may be repeated",
    },
    repeat: {
      ...duration(60 * SECOND_MS, KEPT_MAX_MS, null),
      since: ours,
      unset: "never",
      about: "what lasts is told again after this, at least `1m`",
    },
  },
  metrics: {
    textfile: {
      ...text,
      since: ours,
      unset: "none",
      about:
        "file that is written again each 15 seconds with the metrics of docs/operations.md, for " +
        "the textfile collector of Prometheus' node_exporter: `NAME.prom` in its directory",
    },
  },
  cluster: {
    url: {
      ...text,
      since: ours,
      unset: "this host works alone",
      about: "database in which several hosts have one journal (docs/cluster.md): `postgres://...`",
    },
    name: {
      ...text,
      since: ours,
      unset: "must be set with `url`",
      about: "what this host is called among the others",
    },
    shards: {
      ...whole(1, 1_024, 64),
      since: ours,
      unset: "64",
      about: "shares into which the jobs are divided; holds when the database is made",
    },
    lease: {
      ...duration(3 * SECOND_MS, 600 * SECOND_MS, 10 * SECOND_MS),
      since: ours,
      unset: "`10s`",
      about: "how long a host that is silent keeps its jobs: the same on all hosts",
    },
  },
  results: {
    store: {
      ...text,
      since: ours,
      unset: "`runners/JOB/results/`",
      about:
        "where results are kept: `s3://BUCKET/PREFIX`, or the path of a folder that hosts share " +
        "(docs/cluster.md)",
    },
    endpoint: {
      ...text,
      since: ours,
      unset: "Amazon's, of the region",
      about: "of the S3 service, without the bucket, such as `https://minio.example.com:9000`",
    },
    region: {
      kind: "text",
      default: "us-east-1",
      since: ours,
      unset: "`us-east-1`",
      about: "of the bucket",
    },
    credentials: {
      ...text,
      since: ours,
      unset: "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`",
      about:
        "the file with `aws_access_key_id = ...` and `aws_secret_access_key = ...`, mode 0600; a " +
        "name without a path is in `$CREDENTIALS_DIRECTORY`",
    },
  },
  retention: {
    journal: {
      ...duration(DAY_MS, KEPT_MAX_MS, null),
      since: ours,
      unset: "for ever",
      about: "rows of runs that ended longer ago are removed, at least `24h`",
    },
    runs: {
      ...whole(1, 1_000_000, null),
      since: ours,
      unset: "all",
      about: "how many runs of a job are kept; those of the last 24 hours are in any case",
    },
    results: {
      ...duration(DAY_MS, KEPT_MAX_MS, null),
      since: ours,
      unset: "for ever",
      about: "results of days longer ago are removed, at least `24h`",
    },
  },
} as const satisfies Readonly<Record<string, SectionKeys>>;

/** Each section `[blackout "NAME"]` of runner.cfg. */
export const BLACKOUT_KEYS = {
  from: {
    ...text,
    since: ours,
    unset: "",
    about: "when it begins, such as `2026-12-24T00:00:00Z`; with `until`",
  },
  until: {
    ...text,
    since: ours,
    unset: "",
    about: "when it ends",
  },
  weekly: {
    ...text,
    since: ours,
    unset: "",
    about:
      "in place of the two, a span of each week: `sat 22:00 - sun 06:00`, or hours of some days: " +
      "`mon-fri 08:00-18:00`",
  },
  timezone: {
    ...text,
    since: ours,
    unset: "of [runner]",
    about: "whose week",
  },
  jobs: {
    kind: "list",
    since: ours,
    unset: "all",
    about: "names of the jobs that it holds, with `*` and `?` for any letters; may be repeated",
  },
  action: {
    kind: "text",
    default: "skip",
    since: ours,
    unset: "`skip`",
    about:
      "`skip`: fire times within it are skipped; `delay`: the newest of them is run when it is over",
  },
  why: {
    ...text,
    since: ours,
    unset: "",
    about: "the reason, for people",
  },
} as const satisfies SectionKeys;
