// Summary: what a sandbox tells a test of the actions that it took.

import { formatRfc3339Nano } from "../lib/go/time.ts";
import { plainOf } from "./json.ts";
import { type Counters, countersOf } from "./print.ts";
import type { Store } from "./store.ts";

/** An action that was posted and stored, as a test sees it. */
export interface SandboxAction {
  readonly id: number;
  readonly name: string;
  readonly target: string;
  /** As the database keeps them, RFC 3339. */
  readonly validFrom: string;
  readonly expireAfter: string;
  readonly operations: readonly { readonly module: string; readonly parameters: unknown }[];
  readonly signatures: readonly string[];
  /** Names of those who signed it. */
  readonly investigators: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly postedAt: number;
  readonly counters: Counters;
}

/** All actions, oldest first. */
export function describeActions(store: Store, now: number): SandboxAction[] {
  return [...store.actions.values()].map((stored) => ({
    id: stored.id,
    name: stored.action.name,
    target: stored.action.target,
    validFrom: formatRfc3339Nano(stored.action.validFrom),
    expireAfter: formatRfc3339Nano(stored.action.expireAfter),
    operations: (stored.action.operations ?? []).map(({ module, parameters }) => ({
      module,
      parameters: plainOf(parameters),
    })),
    signatures: stored.action.signatures ?? [],
    investigators: stored.investigators.map(({ name }) => name),
    postedAt: stored.postedAt,
    counters: countersOf(store, stored, now),
  }));
}
