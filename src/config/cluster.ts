// Cluster: the section [cluster] of runner.cfg: the PostgreSQL in which several hosts have one
// journal, and what this host is called among them.
import type { Milliseconds } from "../time.ts";
import { RUNNER_KEYS } from "./keys.ts";
import { durationOf, noteMistake, type Resolver, settingOf, textOf, wholeOf } from "./resolve.ts";
import { Secret } from "./secret.ts";

/** How this host belongs to a cluster. */
export interface ClusterConfig {
  /** Of the database; it may hold a password. */
  readonly url: Secret;
  /** What this host is called among the others. */
  readonly name: string;
  /** How many shards a new cluster gets. */
  readonly shards: number;
  /** How long a host that is silent keeps its jobs. */
  readonly leaseMs: Milliseconds;
}

/** What people are shown who wrote another one. */
export const DATABASE_URL_LIKE = "postgres://mig@db.example.com/mig?sslmode=verify-full";

/** Whether a text is the URL of a PostgreSQL database. */
export function isDatabaseUrl(text: string): boolean {
  return /^postgres(?:ql)?:\/\/./.test(text) && URL.parse(text) !== null;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The section [cluster]; null: this host works alone. */
export function clusterOf(resolver: Resolver): ClusterConfig | null {
  const url = textOf(resolver, ["cluster", "url"]);
  const name = textOf(resolver, ["cluster", "name"]) ?? "";
  if (url === null) {
    const keys = ["name", "shards", "lease"] as const;
    const set = keys.find((key) => settingOf(resolver, ["cluster", key]) !== null);
    if (set !== undefined) {
      const message = `Cannot use [cluster] ${set}: url is not set`;
      const hint = "Set [cluster] url, such as postgres://mig@db.example.com/mig";
      noteMistake(resolver, ["cluster", set], { message, hint });
    }
    return null;
  }
  if (!isDatabaseUrl(url)) {
    const message = "Cannot use [cluster] url: it is no URL of a PostgreSQL database";
    const hint = `It is like ${DATABASE_URL_LIKE}`;
    noteMistake(resolver, ["cluster", "url"], { message, hint });
  }
  if (!NAME.test(name)) {
    const state = name === "" ? "it is not set" : "it is no plain word of up to 63 characters";
    const message = `Cannot use [cluster] name "${name}": ${state}`;
    const hint = "Give each host a name of its own: letters, digits, dots and dashes";
    noteMistake(resolver, ["cluster", "name"], { message, hint });
  }
  return {
    url: new Secret(url),
    name,
    shards: wholeOf(resolver, ["cluster", "shards"], RUNNER_KEYS.cluster.shards),
    leaseMs: durationOf(resolver, ["cluster", "lease"], RUNNER_KEYS.cluster.lease),
  };
}
