// Problem: what PostgreSQL, or the way there, says: as an error that tells where, and what to do.
import { Client, DatabaseError, type PoolConfig } from "pg";
import { messageOf, RunnerError } from "../../errors.ts";
import { CLUSTER_SCHEMA } from "./schema.ts";

/** Where a configuration leads, for people: without user and password. */
export function placeOf(config: PoolConfig): string {
  const { database, host, port } = new Client(config);
  const name = encodeURIComponent(database ?? "");
  // A folder with the server's socket.
  if (host.startsWith("/")) return `postgres:///${name}?host=${host}`;
  return `postgres://${host.includes(":") ? `[${host}]` : host}:${port}/${name}`;
}

/** What cannot pass by itself, by SQLSTATE: what is to be done about it. */
const HINTS: Readonly<Record<string, string>> = {
  "28P01": "look at the user and the password in [cluster] url, or in PGPASSWORD or a passfile",
  "28000": "name a user that PostgreSQL lets in from here (pg_hba.conf) in [cluster] url",
  "3D000": "name an existing database in [cluster] url, or create it",
  "42501":
    "as the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public " +
    "TO the user of [cluster] url; to make tables: GRANT CREATE ON SCHEMA public",
};

const PASSWORD_HINT =
  "put it into [cluster] url of runner.cfg (postgres://USER:PASSWORD@HOST/DATABASE), " +
  "into PGPASSWORD, or into a passfile";

/** What can pass by itself, and often is a mistake all the same, by the words of who connects. */
const WAY_HINTS: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, "is PostgreSQL running, and are host and port of [cluster] url right?"],
  [/ENOTFOUND|EAI_AGAIN/, "is the host in [cluster] url right, and does its name resolve here?"],
  [/not support SSL/, "turn TLS on in PostgreSQL, or take sslmode out of [cluster] url"],
];

/** An error of a call, as one that says where, and what to do. */
export function serverError(error: unknown, place: string): RunnerError {
  const text = messageOf(error);
  const code = error instanceof DatabaseError ? (error.code ?? "") : "";
  const isUnset = /password must be a string/.test(text);
  const said = isUnset ? "it wants a password, and none is set" : text;
  const lasting = isUnset ? PASSWORD_HINT : HINTS[code];
  const hint = WAY_HINTS.find(([words]) => words.test(text))?.[1];
  const message = `Cannot use the journal in PostgreSQL: ${said} (${place})`;
  const passing = { passing: true, ...(hint === undefined ? {} : { hint }) };
  const how = lasting === undefined ? passing : { hint: lasting };
  return new RunnerError("JOURNAL", message, how, { cause: error });
}

/** Classes of SQLSTATE after which it is unknown what was done: a connection or a server that went. */
const UNKNOWN = /^(?:08|57P|40003)/;

/** The words of calls that have not even begun. */
const NOT_BEGUN = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|trying to connect|password/;

/** The error of a write: what may have been done all the same is called so. */
export function writeError(error: unknown, place: string): RunnerError {
  const isRefused = error instanceof DatabaseError && !UNKNOWN.test(error.code ?? "");
  const text = messageOf(error);
  const isKnown = isRefused || NOT_BEGUN.test(text);
  const end = isKnown ? "" : "; what was to be written may be there all the same";
  const message = `Cannot use the journal in PostgreSQL: ${text} (${place})${end}`;
  const hint = isKnown ? {} : { hint: "look at mig-runner history before you do it again" };
  // Whoever works tries again.
  return new RunnerError("JOURNAL", message, { passing: true, ...hint }, { cause: error });
}

/** SQLSTATE of a value that may be there once, and is there already. */
export const UNIQUE = "23505";

/** The error of a journal that was moved away. @param where Null: that is not told. */
export function movedAway(where: string | null = null): RunnerError {
  const place = where === null ? "away" : `to ${where}`;
  const message = `Cannot use the journal in PostgreSQL: it was moved ${place}`;
  const hint = "go on there, without [cluster]; `mig-runner journal move --to URL` brings it back";
  return new RunnerError("JOURNAL", message, { hint });
}

/** The error of a journal whose schema this program does not work with. */
export function otherSchema(found: number): RunnerError {
  const text = `it has schema ${found}, this mig-runner works with ${CLUSTER_SCHEMA}`;
  const hint = found < CLUSTER_SCHEMA ? "run `mig-runner cluster migrate`" : "use a newer one";
  return new RunnerError("JOURNAL", `Cannot use the cluster's database: ${text}`, { hint });
}
