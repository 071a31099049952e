// Statuses: how many commands had each status, within bounds.
//
// A status comes from an agent by way of the API: it may be any text of any length, and each
// command may have a different one. The statuses of MIG itself are always counted exactly.
import { cutText } from "../text.ts";

/** The statuses of MIG itself. @see mig `command.go` */
const KNOWN: ReadonlySet<string> = new Set([
  "prepared",
  "sent",
  "success",
  "cancelled",
  "expired",
  "failed",
  "timeout",
]);

/** Most characters of a status. */
const SIZE_MAX = 64;

/** Most statuses that MIG does not give and that are counted apart. */
const KINDS_MAX = 20;

/** What further ones are counted as. */
export const OTHER_STATUS = "other";

/** Counts commands by status. */
export class StatusCounts {
  readonly #counts = new Map<string, number>();
  #strange = 0;

  add(status: string, count = 1): void {
    const text = cutText(status, SIZE_MAX);
    const name = this.#counts.has(text) || this.#isApart(text) ? text : OTHER_STATUS;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  #isApart(status: string): boolean {
    if (KNOWN.has(status)) return true;
    this.#strange++;
    return this.#strange <= KINDS_MAX;
  }

  get record(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** Of a command that no agent has answered: it never came there, or came too late. */
const UNANSWERED: ReadonlySet<string> = new Set(["prepared", "sent", "expired", "cancelled"]);

/** Whether a command with this status has no answer of its agent. */
export function isUnanswered(status: string): boolean {
  return UNANSWERED.has(status);
}

/** How many commands have no answer. */
export function unansweredOf(statuses: Readonly<Record<string, number>>): number {
  return [...UNANSWERED].reduce((sum, status) => sum + (statuses[status] ?? 0), 0);
}

/** The status as it is counted over all results, where each may have made up others: MIG's, or "other". */
export function knownStatus(status: string): string {
  return KNOWN.has(status) ? status : OTHER_STATUS;
}

/** Such as `3 success, 1 timeout`; a status without a name is unknown. */
export function describeStatuses(record: Readonly<Record<string, number>>): string {
  // Of a journal that was written before there were bounds.
  const counts = new StatusCounts();
  for (const [status, count] of Object.entries(record)) counts.add(status, count);
  const texts = Object.entries(counts.record);
  return texts.map(([status, count]) => `${count} ${status || "unknown"}`).join(", ");
}
