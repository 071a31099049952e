// Cluster check: what `check` says of the PostgreSQL of a cluster: whether others can listen to the
// connection, and with --api whether the database is there and can be worked with.
import type { ClusterConfig } from "../config/cluster.ts";
import type { RunnerError } from "../errors.ts";
import { errorsOf } from "./jobs.ts";

/** What was asked of the database of a cluster. */
export interface ClusterView {
  readonly database: string;
  /** Whether its tables are there, and can be read. */
  readonly works: boolean;
}

/** What `sslmode` has to be for a connection that nobody can listen to. */
const ENCRYPTED = ["require", "verify-ca", "verify-full"];

/** What an operator should know of a URL, though it works. */
export function clusterWarnings(cluster: ClusterConfig | null): readonly string[] {
  if (cluster === null) return [];
  const url = URL.parse(cluster.url.reveal());
  if (url === null || isLocal(url)) return [];
  if (ENCRYPTED.includes(url.searchParams.get("sslmode") ?? "")) return [];
  const way = "add ?sslmode=verify-full to [cluster] url";
  return [`the journal goes to "${url.host}" in plain text, with the password: ${way}`];
}

/** A socket, or this machine. */
function isLocal({ hostname, searchParams }: URL): boolean {
  const host = searchParams.get("host") ?? hostname;
  return host.startsWith("/") || ["", "localhost", "127.0.0.1", "[::1]", "::1"].includes(host);
}

/** Reads the version of the tables. Null where this host works alone. */
export async function askCluster(
  mistakes: RunnerError[],
  cluster: ClusterConfig | null,
): Promise<ClusterView | null> {
  if (cluster === null) return null;
  const { openServer } = await import("./cluster-journal.ts");
  const server = openServer(cluster);
  const { place: database } = server;
  try {
    await server.assertSchema();
    return { database, works: true };
  } catch (error) {
    mistakes.push(...errorsOf(error));
    return { database, works: false };
  } finally {
    await server.close();
  }
}
