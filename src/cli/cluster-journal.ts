// Cluster journal: the journal of a host that [cluster] makes one of several, as a daemon has it
// (with leases), and as the verbs have it (beside its owners). Loaded only where there is one.
import type { ClusterConfig } from "../config/cluster.ts";
import { isThere } from "../edge/files.ts";
import { processName, replicaFile } from "../edge/replica.ts";
import { RunnerError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import type { Need, Scope } from "../journal/need.ts";
import { type Faults, takeExcerpt } from "../journal/postgres/excerpt.ts";
import { openClusterJournal } from "../journal/postgres/journal.ts";
import { Membership } from "../journal/postgres/membership.ts";
import { removeFile } from "../journal/postgres/rows.ts";
import { Server } from "../journal/postgres/server.ts";
import { shardsOf } from "../journal/postgres/wanted.ts";
import { type MoveNote, readMoveNote } from "../journal/sqlite/moved.ts";
import type { Clock, Log } from "../lib/ports.ts";
import { Follower } from "./follower.ts";

/** What [cluster] url means. Nothing is connected yet. */
export function openServer({ url }: Pick<ClusterConfig, "url">): Server {
  return new Server({ connectionString: url.reveal() });
}

/** How a host joins. */
export interface Joining {
  readonly cluster: ClusterConfig;
  readonly journalPath: string;
  /** Only for a while, with what nobody has. */
  readonly isVisitor: boolean;
}

/**
 * Joins the cluster as a host.
 *
 * @throws {RunnerError} JOURNAL: it cannot be reached, or lacks its tables.
 */
export async function joinCluster(
  { cluster, journalPath, isVisitor }: Joining,
  edges: { readonly clock: Clock; readonly log: Log },
): Promise<Membership> {
  const before = readMoveNote(journalPath);
  if (before === null && (await isThere(journalPath))) throw notMoved(journalPath);
  const server = openServer(cluster);
  try {
    const { shards } = await server.assertSchema();
    if (before !== null) await assertMoved(server, journalPath, before);
    const { name: host, leaseMs } = cluster;
    const names = { host, me: processName(host), path: `${journalPath}.copy`, isVisitor };
    const member = new Membership({ ...edges, server, leaseMs, ...names }, shards);
    await member.start();
    return member;
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** What this host has done alone, the cluster would not know: it would be done again, or not. */
function notMoved(path: string): RunnerError {
  const hint = "mig-runner journal move --to URL takes it along, with all that is in flight";
  const message = "Cannot join the cluster: there is a journal of this host alone";
  return new RunnerError("JOURNAL", message, { path, hint });
}

/** @throws {RunnerError} JOURNAL: where the journal of this host is has to be known first. */
async function assertMoved(server: Server, path: string, before: MoveNote): Promise<void> {
  if (before.kind === "to" && (await server.hasMove(before.move))) return;
  const isHere = before.kind === "to";
  const state = isHere
    ? `the journal of this host was to be moved to ${before.place}, which has not ended`
    : `moving the journal from ${before.place} to this host has not ended`;
  const way = isHere ? "URL of that cluster" : `"${path}"`;
  throw new RunnerError("JOURNAL", `Cannot join the cluster: ${state}`, {
    path,
    hint: `mig-runner journal move --to ${way} goes on`,
  });
}

/** Rows of the cluster, as they were at one moment. */
export interface Excerpt extends Faults {
  /** Where the whole is, for people. */
  readonly place: string;
  /** The file that they are in. */
  readonly path: string;
  close(): Promise<void>;
}

/** Fetches what is needed, and writes nothing there. @throws {RunnerError} JOURNAL. */
export async function excerptOf(cluster: Pick<ClusterConfig, "url">, need: Need): Promise<Excerpt> {
  const server = openServer(cluster);
  try {
    await server.assertSchema();
    const path = replicaFile();
    const faults = await takeExcerpt(server, path, need);
    return { place: server.place, path, ...faults, close: async () => removeFile(path) };
  } finally {
    await server.close();
  }
}

/** The journal of the cluster beside its owners, kept up to date. */
export interface Seen {
  readonly journal: Journal;
  /** Its file, which only holds a copy. */
  readonly path: string;
  /** Why the copy is old; null: it is not. */
  outage(isAtWork: boolean): string | null;
  /** Which host has a job now; null: none has; undefined: it is not known yet. */
  hostOf(job: string): string | null | undefined;
  close(): Promise<void>;
}

/**
 * Opens what of the journal is in the scope of a verb.
 *
 * @throws {RunnerError} JOURNAL.
 */
export async function seeCluster(
  {
    cluster,
    scope,
  }: {
    readonly cluster: Pick<ClusterConfig, "url" | "name" | "leaseMs">;
    readonly scope: Scope;
  },
  clock: Clock,
): Promise<Seen> {
  const server = openServer(cluster);
  try {
    const { shards } = await server.assertSchema();
    const path = replicaFile();
    const me = processName(cluster.name);
    const journal = openClusterJournal({ server, path, shards, me });
    await journal.load(await server.transaction((ask) => shardsOf(ask, scope, shards)));
    const follower = new Follower({ server, journal, clock, cluster });
    return {
      journal,
      path,
      outage: (isAtWork) => follower.outage(isAtWork),
      hostOf: (job) => follower.hostOf(job),
      async close() {
        await follower.close();
        await journal.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
