// Membership options: what a host of a cluster is made with, and who works on what it has.
import type { Clock, Log } from "../../lib/ports.ts";
import type { Milliseconds } from "../../time.ts";
import type { ClusterStore } from "./store.ts";

export interface MembershipOptions {
  readonly server: ClusterStore;
  /** The host's name, for people. */
  readonly host: string;
  /** This process: no other one has ever the same. */
  readonly me: string;
  /**
   * Whether it only has what nobody else has when it comes, and gives it back soon: the others do
   * not share with it. @default false
   */
  readonly isVisitor?: boolean;
  readonly leaseMs: Milliseconds;
  /** The file of the rows that are here. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Pick<Log, "emit">;
  /** Time that goes on whatever is done to the clock. */
  readonly elapsed?: () => Milliseconds;
}

/** Who works on the jobs that a host has. */
export interface LeaseUser {
  /**
   * The host has other shards than before, or others have written to them.
   *
   * @param hasMore Whether it has some that it had not.
   */
  rescan(hasMore?: boolean): void;
  /** Whether something of these jobs is in hand now, so that they are not to be given away. */
  isAtWork(isOf: (job: string) => boolean): boolean;
}
