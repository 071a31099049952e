// Model: MIG's own types, as their Go structs are read from and written to JSON.
//
// Members have their wire names, in the order in which they are written: what is here is what a
// reader of action.json or of a request sees.
import type { JsonValue } from "../lib/go/json.ts";
import {
  ANY,
  BOOL,
  BYTES,
  FLOAT,
  INT,
  omitEmpty,
  slice,
  struct,
  TEXT,
  TIME,
  type Type,
  UINT16,
} from "../lib/go/struct.ts";
import type { GoTime } from "../lib/go/time.ts";

/** One call of an agent's module. */
export interface Operation {
  readonly module: string;
  /** What the module takes; base64 of gzipped JSON once it is compressed. */
  readonly parameters: JsonValue;
  readonly is_compressed: boolean;
  readonly want_compressed: boolean;
}

/** Who wrote the action, for people. */
export interface Description {
  readonly author: string;
  readonly email: string;
  readonly url: string;
  readonly revision: number;
}

/** What the action looks for, for people. */
export interface Threat {
  readonly ref: string;
  readonly level: string;
  readonly family: string;
  readonly type: string;
}

/** How many commands of the action are in which state. 64-bit in Go. */
export interface Counters {
  readonly sent: bigint;
  readonly done: bigint;
  readonly inflight: bigint;
  readonly success: bigint;
  readonly cancelled: bigint;
  readonly expired: bigint;
  readonly failed: bigint;
  readonly timeout: bigint;
}

const PERMISSIONS = [
  "search",
  "action",
  "action_create",
  "command",
  "agent",
  "dashboard",
  "loader",
  "loader_status",
  "loader_expect",
  "loader_key",
  "loader_new",
  "manifest",
  "manifest_sign",
  "manifest_status",
  "manifest_new",
  "manifest_loaders",
  "investigator",
  "investigator_create",
  "investigator_update",
] as const;

/** What an investigator may do. */
export type Permissions = { readonly [Permission in (typeof PERMISSIONS)[number]]: boolean };

/** A person or program that signs actions. */
export interface Investigator {
  readonly id: number;
  readonly name: string;
  readonly pgpfingerprint: string;
  /** Bytes, one a number. */
  readonly publickey: readonly bigint[] | null;
  readonly privatekey: readonly bigint[] | null;
  readonly status: string;
  readonly createdat: GoTime;
  readonly lastmodified: GoTime;
  readonly apikey: string;
  readonly permissions: Permissions;
}

/** An action, as a template or as it is posted. A null list is Go's nil: it was never given. */
export interface Action {
  readonly id: number;
  readonly name: string;
  /** An SQL condition over the table of agents. */
  readonly target: string;
  readonly description: Description;
  readonly threat: Threat;
  readonly validfrom: GoTime;
  readonly expireafter: GoTime;
  readonly operations: readonly Operation[] | null;
  readonly pgpsignatures: readonly string[] | null;
  readonly investigators: readonly Investigator[] | null;
  readonly status: string;
  readonly starttime: GoTime;
  readonly finishtime: GoTime;
  readonly lastupdatetime: GoTime;
  readonly counters: Counters;
  /** 2 in all that this runner posts. */
  readonly syntaxversion: bigint;
}

const OPERATION: Type<Operation> = struct("mig.Operation", {
  module: TEXT,
  parameters: ANY,
  is_compressed: omitEmpty(BOOL),
  want_compressed: omitEmpty(BOOL),
});

/** The list of operations by itself, which is what the signature covers. */
export const OPERATIONS: Type<readonly Operation[] | null> = slice(OPERATION);

const DESCRIPTION: Type<Description> = struct("mig.Description", {
  author: omitEmpty(TEXT),
  email: omitEmpty(TEXT),
  url: omitEmpty(TEXT),
  revision: omitEmpty(FLOAT),
});

const THREAT: Type<Threat> = struct("mig.Threat", {
  ref: omitEmpty(TEXT),
  level: omitEmpty(TEXT),
  family: omitEmpty(TEXT),
  type: omitEmpty(TEXT),
});

/** @see mig/action.go `ActionCounters` of the original */
export const COUNTERS: Type<Counters> = struct("mig.ActionCounters", {
  sent: omitEmpty(INT),
  done: omitEmpty(INT),
  inflight: omitEmpty(INT),
  success: omitEmpty(INT),
  cancelled: omitEmpty(INT),
  expired: omitEmpty(INT),
  failed: omitEmpty(INT),
  timeout: omitEmpty(INT),
});

const INVESTIGATOR: Type<Investigator> = struct("mig.Investigator", {
  id: omitEmpty(FLOAT),
  name: TEXT,
  pgpfingerprint: TEXT,
  publickey: omitEmpty(BYTES),
  privatekey: omitEmpty(BYTES),
  status: TEXT,
  createdat: TIME,
  lastmodified: TIME,
  apikey: omitEmpty(TEXT),
  permissions: struct(
    "mig.InvestigatorPerms",
    Object.fromEntries(PERMISSIONS.map((name) => [name, BOOL])) as Record<
      keyof Permissions,
      Type<boolean>
    >,
  ),
});

/** @see mig/action.go `Action` of the original; test/golden/signing */
export const ACTION: Type<Action> = struct("mig.Action", {
  id: FLOAT,
  name: TEXT,
  target: TEXT,
  description: DESCRIPTION,
  threat: THREAT,
  validfrom: TIME,
  expireafter: TIME,
  operations: OPERATIONS,
  pgpsignatures: slice(TEXT),
  investigators: omitEmpty(slice(INVESTIGATOR)),
  status: omitEmpty(TEXT),
  starttime: TIME,
  finishtime: TIME,
  lastupdatetime: TIME,
  counters: COUNTERS,
  syntaxversion: omitEmpty(UINT16),
});
