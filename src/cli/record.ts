// Record: a decision of a person becomes a row of the audit log, in the transaction that carries it
// out, and its head leaves the host by the log.
import type { RunnerConfig } from "../config/runner.ts";
import { userName } from "../edge/files.ts";
import { type AuditEntry, type AuditRow, appendAudit, headText } from "../journal/audit.ts";
import type { JournalTransaction } from "../journal/journal.ts";
import type { Clock, Log } from "../lib/ports.ts";
import type { Call } from "./verb.ts";

/** Who calls: the user of the system, and by whose sudo; or a person at the page of that user. */
export function actorOf({ environment, person }: Pick<Call, "environment" | "person">): string {
  const user = userName();
  if (person !== undefined) return `${person} by the page of ${user}`;
  const by = environment.SUDO_USER ?? "";
  return by === "" || by === user ? user : `${user} by sudo of ${by}`;
}

/** What of an opened journal a record is made with. */
interface RecordParts {
  readonly edges: { readonly clock: Clock; readonly log: Log };
  readonly config: Pick<RunnerConfig, "cluster">;
}

/** What is decided by one call. */
export class Recorder {
  readonly #actor: string;
  readonly #edges: RecordParts["edges"];
  /** Where it is decided, of several hosts; "": there is one alone. */
  readonly #where: string;
  #head: AuditRow | null = null;

  constructor(
    call: Pick<Call, "environment" | "person">,
    { edges, config: { cluster } }: RecordParts,
  ) {
    this.#actor = actorOf(call);
    this.#where = cluster === null ? "" : `on host ${cluster.name}`;
    this.#edges = edges;
  }

  /** Appends a row in a transaction that is under way. */
  note(transaction: JournalTransaction, { detail: what, ...about }: Omit<AuditEntry, "actor">) {
    const detail = [what, this.#where].filter((text) => text !== "").join("; ");
    const entry = { actor: this.#actor, ...about, detail };
    this.#head = appendAudit(transaction, entry, this.#edges.clock.now());
  }

  /** Sends the head to the log, once the transaction is on the disk. */
  tell(): void {
    if (this.#head !== null) this.#edges.log.emit("notice", headText(this.#head));
    this.#head = null;
  }
}
