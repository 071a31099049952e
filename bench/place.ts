// Place: a runner directory to measure in: configuration, key ring, jobs, and a journal that
// already has work in it. It is gone when it is disposed of.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { advance } from "../src/journal/inflight.ts";
import { openJournal } from "../src/journal/sqlite/journal.ts";

const KEYS = resolve(import.meta.dirname, "../test/golden/keyrings/keys");
/** Of the key in its ring: RSA 2048, without a passphrase. */
export const KEY_ID = "D35069ED9046944C204ED0AAB669E288E7530642";

/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:1/api/v1/";

/** An action that every agent answers. */
export const ACTION = {
  name: "load",
  target: "status='online'",
  operations: [{ module: "timedrift", parameters: { drift: "" } }],
  syntaxversion: 2,
};

export interface PlaceOptions {
  /** @default where nobody listens */
  readonly url?: string;
  /** Seconds between two scans. @default 60 */
  readonly checkDirectory?: number;
  /** False: tokens are signed, as for each action. @default true */
  readonly apiKey?: boolean;
  /** Where its log goes. @default "file" */
  readonly log?: "file" | "stdout";
}

export interface PendingOptions {
  /** The API's id of the first; the others follow. @default 1 */
  readonly firstId?: number;
  readonly plugins?: readonly string[];
  /** How many jobs they are of, in turn. @default 5 */
  readonly jobs?: number;
  /** When they may be collected. @default now */
  readonly collectAt?: number;
  /** Whether the original's records of them lie here too, as on the host that posted. @default true */
  readonly recorded?: boolean;
}

export class Place implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "mig-runner-bench-"));
  /** The arguments that choose this directory. */
  readonly argv: readonly string[];

  constructor({
    url = NOWHERE,
    checkDirectory = 60,
    apiKey = true,
    log = "file",
  }: PlaceOptions = {}) {
    for (const name of ["runners", "plugins", "keys"]) mkdirSync(this.in(name));
    copyFileSync(join(KEYS, "secring.gpg"), this.in("keys/secring.gpg"));
    this.write("migrc", [
      "[api]",
      `url = "${url}"`,
      "[gpg]",
      `home = "${this.in("keys")}"`,
      `keyid = "${KEY_ID}"`,
      ...(apiKey ? ['useapikeyauth = "load"'] : []),
    ]);
    this.write("runner.cfg", [
      "[runner]",
      `directory = "${this.path}"`,
      `checkdirectory = ${checkDirectory}`,
      "[client]",
      `clientconfpath = "${this.in("migrc")}"`,
      "[logging]",
      `mode = "${log}"`,
      'level = "info"',
      ...(log === "file" ? [`file = "${this.in("runner.log")}"`] : []),
    ]);
    this.argv = ["-c", this.in("runner.cfg")];
  }

  /** A path in it. */
  in(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Makes it a host of a cluster. */
  join(url: string, host: string): void {
    this.configure(["[cluster]", `url = "${url}"`, `name = "${host}"`]);
  }

  /** Adds lines to runner.cfg. */
  configure(lines: readonly string[]): void {
    appendFileSync(this.in("runner.cfg"), `${lines.join("\n")}\n`);
  }

  /** What its log says so far. */
  log(): string {
    return existsSync(this.in("runner.log")) ? readFileSync(this.in("runner.log"), "utf8") : "";
  }

  write(name: string, lines: readonly string[]): void {
    writeFileSync(this.in(name), `${lines.join("\n")}\n`, { mode: 0o600 });
  }

  /** Jobs `job0`, `job1`, … with this schedule. */
  jobs(count: number, schedule: string, lines: readonly string[] = []): void {
    for (let number = 0; number < count; number++) this.job(`job${number}`, schedule, lines);
  }

  job(job: string, schedule: string, lines: readonly string[] = []): void {
    const entity = ["[configuration]", `schedule = "${schedule}"`, 'expiry = "10m"', ...lines];
    mkdirSync(this.in(`runners/${job}`));
    this.write(`runners/${job}/entity.cfg`, entity);
    this.write(`runners/${job}/action.json`, [JSON.stringify(ACTION)]);
  }

  /** Journals actions that have been posted and wait for their collect. */
  async pending(count: number, options: PendingOptions = {}): Promise<void> {
    const { firstId = 1, plugins = [], collectAt = Date.now(), jobs = 5 } = options;
    const { recorded = true } = options;
    const journal = openJournal({ path: this.in("journal.db") });
    const rest = { step: "", body: "{}", signature: "x".repeat(372), sendOnly: false, plugins };
    const writes = Array.from({ length: count }, (_, index) =>
      journal.write((tables) => {
        const job = `job${index % jobs}`;
        const now = collectAt;
        const run = tables.insertRun({ job, firesAt: now + index, cause: "schedule" }, "open", now);
        if (run === null) throw new Error("Cannot prepare the journal: it is not new");
        const name = `mig-runner: ${job}`;
        const order = { runId: run.id, job, name, expireAt: now, ...rest };
        const planned = tables.insertAction(order, now);
        const actionId = firstId + index;
        const reply = Buffer.from(JSON.stringify({ id: actionId, ...ACTION, ...rest }));
        const posted = { actionId, reply, expireAt: now, collectAt } as const;
        tables.saveAction(advance(planned, { kind: "posted", ...posted }, now));
      }),
    );
    await Promise.all(writes);
    await journal.close();
    if (recorded) this.#recordInflight(count, { firstId, jobs });
  }

  /** The original's records of those actions, as they lie beside the journal. */
  #recordInflight(
    count: number,
    { firstId, jobs }: { readonly firstId: number; readonly jobs: number },
  ): void {
    for (let index = 0; index < count; index++) {
      const job = `job${index % jobs}`;
      const folder = this.in(`runners/${job}/inflight`);
      if (index < jobs) mkdirSync(folder, { recursive: true });
      const action = { id: firstId + index, ...ACTION, pgpsignatures: ["x".repeat(372)] };
      const record = { action, commands: null, name: job, plugin: "" };
      writeFileSync(join(folder, `${firstId + index}.json`), JSON.stringify(record));
    }
  }

  /** What the journal says of its actions now. */
  async counts(): Promise<{ readonly pending: number; readonly undelivered: number }> {
    const journal = openJournal({ path: this.in("journal.db"), readOnly: true });
    const { pendingActions, pendingDeliveries, deadDeliveries } = journal.counts();
    await journal.close();
    return { pending: pendingActions, undelivered: pendingDeliveries + deadDeliveries };
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
