// Alarms: what people are told of a cluster, whichever of its hosts tells it: one alarm for all of
// them, each attempt once, and at rest all that is wrong and nothing else.
//
// What has to be told of jobs is the oracle's of one host alone (../alarms.ts), by the rows that
// PostgreSQL has. What is no job's (the API, hosts that are gone) is known here.
import type { DatabaseSync } from "node:sqlite";
import type { ClusterHosts, Edges } from "../../../src/flow/edges.ts";
import { hostFaults, LastingFaults } from "../../../src/flow/hosts.ts";
import type { Membership } from "../../../src/journal/postgres/membership.ts";
import type { Stored } from "../../../src/journal/postgres/store.ts";
import { openDatabase } from "../../../src/journal/sqlite/journal.ts";
import { AlarmOracle, PAGER } from "../alarms.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { Decoded } from "./model.ts";
import type { ClusterProfile } from "./profile.ts";

/** Tables that say what is wrong, and what was told. */
const TABLES = ["run", "action", "delivery", "missed", "alarm", "notice"] as const;

/** What is not right by then is not about to be: each host looks every ten seconds. */
const LASTING_MS = 60_000;

/** The runner tells of an API that has not answered for so long; an oracle gives it some time. */
const DOWN_MS = 10 * 60_000;
const TOLD_MS = 60_000;

/** A host is taken for gone when nothing was heard of it for so long, or three leases. */
const SILENT_MS = 60_000;

let shared: DatabaseSync | null = null;

/** Who is told of alarms, where somebody is. */
const NOTIFY = { plugins: [PAGER], on: null, repeatMs: null };

/** What a host needs to tell people; it sees of the others whether they are there. */
export function alarmEdges(
  name: string,
  member: Membership,
  { alarms, leaseMs }: Pick<ClusterProfile, "alarms" | "leaseMs">,
): Pick<Edges, "notify" | "hosts"> {
  if (!alarms) return {};
  const lasting = new LastingFaults();
  const hosts: ClusterHosts = {
    name,
    speaks: () => member.speaks(),
    conditions(now, isTold) {
      const seen = member.hosts.map((host) => {
        return { name: host.name, silentMs: host.silent, note: null, jobs: null };
      });
      return lasting.conditions(hostFaults(seen, leaseMs), now, isTold);
    },
  };
  return { notify: NOTIFY, hosts };
}

export class ClusterAlarms {
  readonly #cluster: Cluster;
  readonly #ofJobs = new AlarmOracle(new Set());
  /** Attempts to tell that were made. */
  readonly #attempts = new Set<string>();
  /** Since when nobody has had an answer of the API, and whoever asks it since. */
  #unanswered: { readonly since: number; readonly last: Map<Host, number> } | null = null;
  #last: { readonly problem: string | null; readonly at: number } = { problem: null, at: 0 };

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** PostgreSQL has another row than before: one alarm of a thing, told once in each way. */
  written({ tbl, key, data }: Stored): void {
    if (data === null || (tbl !== "alarm" && tbl !== "notice")) return;
    const row = JSON.parse(data) as Decoded;
    const others = this.#rows(tbl).filter(({ id }) => `${id}` !== key);
    if (tbl === "alarm") {
      if (row.ended_at !== null) return;
      const isSame = (one: Decoded): boolean =>
        one.ended_at === null &&
        one.event === row.event &&
        one.job === row.job &&
        one.subject === row.subject;
      if (!others.some(isSame)) return;
      this.#cluster.violate(`I6: ${row.event} of ${row.job} is open twice`);
      return;
    }
    const isTwin = (one: Decoded): boolean =>
      one.alarm_id === row.alarm_id && one.plugin === row.plugin && isEnd(one) === isEnd(row);
    if (others.some(isTwin)) {
      this.#cluster.violate(`I6: alarm ${row.alarm_id} is to be told twice: ${row.body}`);
    }
  }

  /** A host begins to tell: as an attempt that PostgreSQL counts, and no other host makes. */
  telling(host: Host, { key, attempt }: { readonly key: string; readonly attempt: number }): void {
    const name = `${key} #${attempt}`;
    if (this.#attempts.has(name)) {
      this.#cluster.violate(`I6: ${host.me} tells ${name}, which was told already`);
    }
    this.#attempts.add(name);
    const id = Number(key.split("/").at(-1));
    const row = this.#rows("notice").find((one) => one.id === id);
    if (row !== undefined && Number(row.attempts) >= attempt) return;
    this.#cluster.violate(`I1: ${name} is told, and PostgreSQL does not count it`);
  }

  told(key: string, body: string): void {
    this.#ofJobs.told(key, body);
  }

  /** A request of a host was answered, or not. */
  exchanged(host: Host, isAnswered: boolean): void {
    const { now } = this.#cluster.timeline;
    if (isAnswered) {
      this.#unanswered = null;
      return;
    }
    this.#unanswered ??= { since: now, last: new Map() };
    this.#unanswered.last.set(host, now);
  }

  /** The API is about to answer again: what had to be told of it was, by whoever speaks. */
  outageEnds(): void {
    const { alarms, offsets, happenings } = this.#cluster.profile;
    const isRight = offsets.every((ms) => ms === 0);
    const isOdd = happenings.some(({ what }) => what.kind === "jump");
    if (!alarms || !isRight || isOdd || this.#unanswered === null) return;
    const { since, last } = this.#unanswered;
    const { now } = this.#cluster.timeline;
    const isAsked = [...last].some(([{ life }, at]) => {
      return life.alive && life.bornAt < now - 2 * TOLD_MS && at > now - 2 * TOLD_MS;
    });
    if (!isAsked || now - since < DOWN_MS + 2 * TOLD_MS || this.#isOpen("api", "")) return;
    this.#cluster.violate("I6: nobody was told that the API is down");
  }

  /** What is wrong at rest and has been for so long that nothing is about to mend it. */
  state(): { readonly problem: string | null; readonly isLasting: boolean } {
    if (!this.#cluster.profile.alarms) return { problem: null, isLasting: false };
    const problem = this.#problem();
    const { now } = this.#cluster.timeline;
    // A pager that has failed often is tried again much later.
    const isTold = this.#rows("notice").every(({ state }) => state !== "pending");
    if (problem !== this.#last.problem || !isTold) this.#last = { problem, at: now };
    return { problem, isLasting: problem !== null && now - this.#last.at >= LASTING_MS };
  }

  #problem(): string | null {
    const { model, profile } = this.#cluster;
    const isAnswered = this.#unanswered === null;
    if (isAnswered && this.#isOpen("api", "")) return "I6: that the API is down was not withdrawn";
    for (const { name, silent } of model.look().hosts) {
      const isGone = silent >= Math.max(SILENT_MS, 3 * profile.leaseMs);
      if (isGone === this.#isOpen("cluster", name)) continue;
      return `I6: ${name} is ${isGone ? "gone" : "there"}, and people are not told so`;
    }
    const { problem } = this.#ofJobs.state(this.#asked());
    return problem;
  }

  #isOpen(event: string, subject: string): boolean {
    return this.#rows("alarm").some((row) => {
      return row.ended_at === null && row.event === event && row.subject === subject;
    });
  }

  /** What PostgreSQL has, as the oracle of one host asks for it. */
  #asked(): Parameters<AlarmOracle["state"]>[0] {
    const { calm, profile, timeline } = this.#cluster;
    const [host] = this.#cluster.hosts;
    if (host === undefined) throw new Error("there is no host");
    shared ??= openDatabase({ path: ":memory:" });
    const database = shared;
    database.exec("PRAGMA foreign_keys = OFF");
    for (const table of TABLES) {
      database.exec(`DELETE FROM "${table}"`);
      for (const row of this.#rows(table)) {
        const names = Object.keys(row);
        const [columns, values] = [names.map((name) => `"${name}"`), names.map(() => "?")];
        const sql = `INSERT INTO "${table}" (${columns}) VALUES (${values})`;
        // Bytes say nothing of what is wrong.
        const told = Object.values(row).map((value) => (typeof value === "object" ? null : value));
        database.prepare(sql).run(...told);
      }
    }
    return {
      calm,
      profile,
      timeline,
      disk: host.disk,
      // No process: what one of them knows of the API is not what all know.
      life: { number: -1, bornAt: 0, alive: false, stopping: false },
      ledger: { rows: (sql, ...values) => database.prepare(sql).all(...values) as Decoded[] },
      violate: (what) => this.#cluster.violate(what),
      wall: timeline.now,
    };
  }

  #rows(table: string): readonly Decoded[] {
    return this.#cluster.model.table(table).map(({ row }) => row);
  }
}

/** Whether a notice tells that its alarm is over. */
function isEnd({ body }: Decoded): boolean {
  return (JSON.parse(String(body)) as { readonly event: string }).event === "recovered";
}
