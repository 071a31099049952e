// Result index: where each command of a result file stands, and what lists of them are filtered
// and sorted by. Made by one reading of the file; some 30 bytes and a name for each command.
//
// Owns:     what is kept of a command, which commands a question is answered with, in which order.
// Not here: reading files, how long an index is kept (web/results.ts), what is shown of a command.
import { isUnanswered, StatusCounts } from "./statuses.ts";

/** What is kept of one command. */
export interface IndexedCommand {
  /** Where its bytes stand in the file. */
  readonly offset: number;
  readonly size: number;
  readonly host: string;
  readonly status: string;
  /** Whether a module of it says that it found something. */
  readonly isFound: boolean;
}

/** A command that is added: with a number for what its modules gave, the same for the same. */
export type GivenCommand = IndexedCommand & { readonly digest: number };

/** Orders of commands: as in the file, or by one of these. */
export const RESULT_SORTS = ["file", "host", "status", "found"] as const;

export type ResultSort = (typeof RESULT_SORTS)[number];

/** What is asked for as a status: each that says that no agent has answered. */
export const UNANSWERED = "unanswered";

/** Which commands are asked for. */
export interface ResultQuestion {
  /** Null: any. `UNANSWERED`: several. */
  readonly status: string | null;
  readonly found: boolean | null;
  /** What the name of its host holds, in any case. "": any. */
  readonly host: string;
  readonly sort: ResultSort;
}

/** Most characters of a host's name that lists are sorted and filtered by. */
const HOST_SIZE_MAX = 256;

/** Statuses that are told apart; agents have seven. */
const STATUSES_MAX = 64;

/** What stands for all statuses behind those. */
const OTHER = "other";

/** The commands of one result file. */
export class ResultIndex {
  #offsets = new Float64Array(1_024);
  #sizes = new Uint32Array(1_024);
  /** The status by its place in `statuses`, times two, and one more if it found something. */
  #facts = new Uint8Array(1_024);
  #digests = new Float64Array(1_024);
  readonly #hosts: string[] = [];
  readonly #statuses: string[] = [];
  readonly #orders = new Map<ResultSort, Uint32Array>();

  /** How many commands there are. */
  get count(): number {
    return this.#hosts.length;
  }

  /** Adds the next command of the file. */
  add({ offset, size, host, status, isFound, digest }: GivenCommand): void {
    const at = this.#hosts.length;
    if (at === this.#offsets.length) this.#grow(at * 2);
    this.#offsets[at] = offset;
    this.#sizes[at] = size;
    this.#facts[at] = this.#statusNumber(status) * 2 + (isFound ? 1 : 0);
    this.#digests[at] = digest;
    this.#hosts.push(host.slice(0, HOST_SIZE_MAX));
  }

  /** The command at a place of the file, counted from 0. */
  command(at: number): IndexedCommand {
    const facts = this.#facts[at] ?? 0;
    return {
      offset: this.#offsets[at] ?? 0,
      size: this.#sizes[at] ?? 0,
      host: this.#hosts[at] ?? "",
      status: this.#statuses[facts >> 1] ?? "",
      isFound: (facts & 1) === 1,
    };
  }

  /** The host of the command at a place. */
  host(at: number): string {
    return this.#hosts[at] ?? "";
  }

  /** All places in the order of their hosts; those of one host as in the file. */
  byHost(): Uint32Array {
    return this.#order("host");
  }

  /** Whether a command ended as one of another result, and its modules gave the same. */
  isSame(at: number, other: ResultIndex, place: number): boolean {
    if (this.#digests[at] !== other.#digests[place]) return false;
    const mine = this.#facts[at] ?? 0;
    const theirs = other.#facts[place] ?? 0;
    return (
      (mine & 1) === (theirs & 1) && this.#statuses[mine >> 1] === other.#statuses[theirs >> 1]
    );
  }

  /** How many commands have each status, and how many have found something. */
  counts(): { readonly statuses: Readonly<Record<string, number>>; readonly found: number } {
    const statuses = new StatusCounts();
    let found = 0;
    const sums = new Float64Array(STATUSES_MAX + 1);
    for (let at = 0; at < this.count; at++) {
      const facts = this.#facts[at] as number;
      sums[facts >> 1] = (sums[facts >> 1] as number) + 1;
      found += facts & 1;
    }
    for (const [number, status] of this.#statuses.entries()) {
      statuses.add(status, sums[number] as number);
    }
    return { statuses: statuses.record, found };
  }

  /**
   * The places of the commands that a question asks for, in its order.
   *
   * @param only Places that are looked at; null: all.
   */
  select({ status, found, host, sort }: ResultQuestion, only: Uint8Array | null): Uint32Array {
    const wanted = host.toLowerCase();
    const isAsked = this.#statuses.map(
      (each) => status === each || (status === UNANSWERED && isUnanswered(each)),
    );
    const order = this.#order(sort);
    const chosen = new Uint32Array(order.length);
    let size = 0;
    for (const at of order) {
      const facts = this.#facts[at] as number;
      if (status !== null && isAsked[facts >> 1] !== true) continue;
      if (found !== null && (facts & 1) !== (found ? 1 : 0)) continue;
      if (only !== null && only[at] !== 1) continue;
      if (wanted !== "" && !(this.#hosts[at] as string).toLowerCase().includes(wanted)) continue;
      chosen[size++] = at;
    }
    return chosen.subarray(0, size);
  }

  #statusNumber(status: string): number {
    const known = this.#statuses.indexOf(status);
    if (known >= 0) return known;
    if (this.#statuses.length < STATUSES_MAX) return this.#statuses.push(status) - 1;
    const other = this.#statuses.indexOf(OTHER);
    return other >= 0 ? other : this.#statuses.push(OTHER) - 1;
  }

  #grow(size: number): void {
    const offsets = this.#offsets;
    const sizes = this.#sizes;
    const facts = this.#facts;
    const digests = this.#digests;
    this.#digests = new Float64Array(size);
    this.#digests.set(digests);
    this.#offsets = new Float64Array(size);
    this.#offsets.set(offsets);
    this.#sizes = new Uint32Array(size);
    this.#sizes.set(sizes);
    this.#facts = new Uint8Array(size);
    this.#facts.set(facts);
  }

  /** All places in an order; sorted once. What is equal stays as in the file. */
  #order(sort: ResultSort): Uint32Array {
    const known = this.#orders.get(sort);
    if (known !== undefined) return known;
    const order = Uint32Array.from({ length: this.count }, (_, at) => at);
    const hosts = this.#hosts;
    const facts = this.#facts;
    const statuses = this.#statuses;
    const statusAt = (at: number): string => statuses[(facts[at] as number) >> 1] as string;
    if (sort === "host") {
      order.sort((left, right) => compareNames(hosts[left] as string, hosts[right] as string));
    }
    if (sort === "status")
      order.sort((left, right) => compareNames(statusAt(left), statusAt(right)));
    if (sort === "found") {
      order.sort((left, right) => ((facts[right] as number) & 1) - ((facts[left] as number) & 1));
    }
    this.#orders.set(sort, order);
    return order;
  }
}

/** The order of hosts and statuses in lists. */
export function compareNames(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
