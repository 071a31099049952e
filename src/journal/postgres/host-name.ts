// Host name: whether a host's name is its own: there is one living process of each name. Who finds
// another one's there waits until that is silent for a lease, as a process that was killed is, and
// has no jobs until then. What goes on being renewed is another host's, and ends this one.
import { RunnerError } from "../../errors.ts";
import { type Instant, type Milliseconds, SECOND_MS } from "../../time.ts";
import type { MembershipOptions } from "./membership-options.ts";
import type { Seen } from "./store.ts";

/**
 * How long after its end a process may still seem to renew: by calls that were on their way. As
 * long as `statement_timeout` in docs/cluster.md, behind which PostgreSQL gives them up.
 */
const LATE_MS: Milliseconds = 20 * SECOND_MS;

/** The name of one host. */
export class HostName {
  readonly #options: Pick<MembershipOptions, "host" | "me" | "leaseMs" | "log">;
  /** When another process was first seen under it, by PostgreSQL's clock; null: there is none. */
  #othersSince: Instant | null = null;

  constructor(options: Pick<MembershipOptions, "host" | "me" | "leaseMs" | "log">) {
    this.#options = options;
  }

  get isOurs(): boolean {
    return this.#othersSince === null;
  }

  /** Whether who had it is silent for long enough. */
  isFree({ hosts }: Pick<Seen, "hosts">): boolean {
    const { host, leaseMs } = this.#options;
    return !this.isOurs && hosts.some(({ name, silent }) => name === host && silent > leaseMs);
  }

  /**
   * Looks at the answer to a call that was to renew it.
   *
   * @returns Why this process must end; null: it need not.
   */
  see({ now, hosts }: Pick<Seen, "now" | "hosts">): RunnerError | null {
    const { host, me, leaseMs, log } = this.#options;
    const known = hosts.find(({ name }) => name === host);
    if (known === undefined || known.instance === me) {
      if (!this.isOurs) log.emit("notice", `cluster: this host has its name ${host} now`);
      this.#othersSince = null;
      return null;
    }
    if (this.#othersSince === null) {
      this.#othersSince = now;
      const until = `until it is silent for ${leaseMs / SECOND_MS} s this host takes no jobs`;
      const heard = `heard of ${Math.ceil(known.silent / SECOND_MS)} s ago`;
      log.emit("notice", `cluster: another process has the name ${host}, ${heard}; ${until}`);
    }
    return now - known.silent - this.#othersSince > LATE_MS ? nameTaken(host) : null;
  }
}

function nameTaken(host: string): RunnerError {
  const message = `Cannot be host "${host}" of the cluster: another living host has this name`;
  const hint = "set [cluster] name in runner.cfg to another one on each host";
  return new RunnerError("CONFIG", message, { hint });
}
