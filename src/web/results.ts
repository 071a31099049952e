// Results: lists of the hosts of a result file, whatever its size.
//
// Owns:     which indexes are kept, how many files are read at a time, pages of hosts.
// Not here: files (ResultFiles), what an index holds (mig/result-index.ts).
//
// The first page of a large file is what it begins with: it is shown at once, while the index of
// the whole is made beside it. Everything else waits for the index.
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import { type IndexedCommand, ResultIndex, type ResultQuestion } from "../mig/result-index.ts";
import { resultParts } from "../mig/result-parts.ts";
import { type HostView, hostView } from "../view/hosts.ts";

/** What tells a file from another under its name, and its size. */
export interface ResultMark {
  readonly mark: string;
  readonly size: number;
}

/** Files of results, to be read. */
export interface ResultFiles {
  /** Null: it is not there. */
  find(path: string): Promise<ResultMark | null>;
  stream(path: string): AsyncIterable<Uint8Array>;
  /** Bytes of it, each part by where it begins and its size. */
  parts(
    path: string,
    parts: readonly Pick<IndexedCommand, "offset" | "size">[],
  ): Promise<readonly Uint8Array[]>;
}

/** What is asked of a result. */
export interface HostsQuestion extends ResultQuestion {
  /** What stands in what its modules gave, byte by byte. "": anything. */
  readonly text: string;
  /** How many hosts come before the page. */
  readonly from: number;
  readonly limit: number;
}

/** Some hosts of a result. */
export interface HostsPage {
  readonly hosts: readonly HostView[];
  readonly from: number;
  /** How many are asked for altogether; null: not known yet, as the file is still read. */
  readonly total: number | null;
  /** How many there are of each status in the whole file; null: not known yet. */
  readonly statuses: Readonly<Record<string, number>> | null;
}

/** A smaller file is read as a whole before anything of it is shown. */
const SMALL_BYTES = 4 * 1024 * 1024;

/** Hosts of a large file that are shown before the whole was read: those of one page. */
const FIRST_HOSTS = 100;

/** Commands of all indexes that are kept: some 70 bytes each. */
const KEPT_COMMANDS_MAX = 1_000_000;

/** Commands of one index. More is a file for other tools. */
const COMMANDS_MAX = 2_000_000;

/** Files that are being read, or wait for that. */
const READ_MAX = 16;

/** Searches that are kept of one index, a byte a command. */
const SEARCHES_MAX = 8;

/** A larger command is shown by its index alone. */
const COMMAND_BYTES_MAX = 256 * 1024;

/** Bytes that are searched at a time. */
const BATCH_BYTES = 4 * 1024 * 1024;

interface Known {
  readonly mark: string;
  /** What a large file begins with; null: it is small. */
  readonly first: Promise<readonly HostView[]> | null;
  readonly index: Promise<ResultIndex>;
  /** The index, once it is made. */
  made: ResultIndex | null;
  /** Which commands hold a text. */
  readonly searches: Map<string, Promise<Uint8Array>>;
}

/** The results that people look at. */
export class HostLists {
  readonly #files: ResultFiles;
  /** By path, the one that was looked at last at the end. */
  readonly #known = new Map<string, Known>();
  /** Files are read one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(files: ResultFiles) {
    this.#files = files;
  }

  /** A page of hosts; null when the file is not there. Rejects when it is no result. */
  async page(path: string, question: HostsQuestion): Promise<HostsPage | null> {
    const found = await this.#files.find(path);
    if (found === null) return null;
    const known = this.#knownOf(path, found);
    const isBeginning = question.sort === "file" && isOpen(question) && question.from === 0;
    if (known.made === null && known.first !== null && isBeginning) {
      const hosts = (await known.first).slice(0, question.limit);
      return { hosts, from: 0, total: null, statuses: null };
    }
    const index = await known.index;
    const chosen = index.select(question, await this.#search(path, known, question.text));
    const places = [...chosen.subarray(question.from, question.from + question.limit)];
    return {
      hosts: await this.hosts(path, index, places),
      from: question.from,
      total: chosen.length,
      statuses: index.counts().statuses,
    };
  }

  /** All hosts that are asked for, a batch at a time. */
  async *all(path: string, question: HostsQuestion): AsyncGenerator<readonly HostView[]> {
    const found = await this.#files.find(path);
    if (found === null) return;
    const known = this.#knownOf(path, found);
    const index = await known.index;
    const chosen = index.select(question, await this.#search(path, known, question.text));
    for (let from = 0; from < chosen.length; from += question.limit) {
      yield await this.hosts(path, index, [...chosen.subarray(from, from + question.limit)]);
    }
  }

  #knownOf(path: string, file: ResultMark): Known {
    const before = this.#known.get(path);
    const known = before?.mark === file.mark ? before : this.#begin(path, file);
    this.#known.delete(path);
    this.#known.set(path, known);
    return known;
  }

  #begin(path: string, { mark, size }: ResultMark): Known {
    const waiting = [...this.#known.values()].filter(({ made }) => made === null).length;
    if (waiting >= READ_MAX) throw new Error(`${waiting} other results are being read: try again`);
    const first = size <= SMALL_BYTES ? null : this.#first(path);
    // The page that is asked for comes before the reading of the rest.
    const begun = first?.catch(() => {}) ?? Promise.resolve();
    const index = begun.then(() => this.#inTurn(() => this.#read(path)));
    const known: Known = { mark, first, index, made: null, searches: new Map() };
    index.then(
      (made) => {
        known.made = made;
        this.#forget();
      },
      () => {
        // Told to whoever asks; the next who asks has it read again.
        if (this.#known.get(path) === known) this.#known.delete(path);
      },
    );
    return known;
  }

  /** Drops what was looked at longest ago, until the rest is small enough. */
  #forget(): void {
    let kept = 0;
    for (const [path, { made }] of [...this.#known].reverse()) {
      kept += made?.count ?? 0;
      if (kept > KEPT_COMMANDS_MAX && made !== null && made.count < kept) this.#known.delete(path);
    }
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #read(path: string): Promise<ResultIndex> {
    const index = new ResultIndex();
    for await (const { kind, bytes, offset } of resultParts(this.#files.stream(path))) {
      if (kind !== "command") continue;
      if (index.count === COMMANDS_MAX) {
        throw new Error(`it has more than ${COMMANDS_MAX} commands: take the file itself`);
      }
      const view = hostView(bytes) ?? NO_VIEW;
      const { host, status, found } = view;
      const digest = digestOf(view);
      index.add({ offset, size: bytes.length, host, status, isFound: found, digest });
    }
    return index;
  }

  async #first(path: string): Promise<readonly HostView[]> {
    const hosts: HostView[] = [];
    for await (const { kind, bytes } of resultParts(this.#files.stream(path))) {
      const host = kind === "command" ? hostView(bytes) : null;
      if (host !== null) hosts.push(host);
      if (hosts.length === FIRST_HOSTS) break;
    }
    return hosts;
  }

  /** The index of a file, when it has been read; null when the file is not there. */
  async index(path: string): Promise<ResultIndex | null> {
    const found = await this.#files.find(path);
    return found === null ? null : await this.#knownOf(path, found).index;
  }

  /** What is shown of commands of a file. @param index That of the file. */
  async hosts(
    path: string,
    index: ResultIndex,
    places: readonly number[],
  ): Promise<readonly HostView[]> {
    const commands = places.map((at) => index.command(at));
    const small = commands.filter(({ size }) => size <= COMMAND_BYTES_MAX);
    const parts = await this.#files.parts(path, small);
    const views = new Map(small.map((command, at) => [command, hostView(parts[at] ?? EMPTY)]));
    return commands.map((command) => views.get(command) ?? tooLarge(command));
  }

  /** Which commands hold the text in what their modules gave; null for no text. */
  async #search(path: string, known: Known, text: string): Promise<Uint8Array | null> {
    if (text === "") return null;
    const index = await known.index;
    const before = known.searches.get(text);
    if (before !== undefined) return await before;
    const [oldest] = known.searches.keys();
    if (known.searches.size >= SEARCHES_MAX && oldest !== undefined) known.searches.delete(oldest);
    const search = this.#inTurn(() => this.#look(path, index, text));
    known.searches.set(text, search);
    search.catch(() => known.searches.delete(text));
    return await search;
  }

  async #look(path: string, index: ResultIndex, text: string): Promise<Uint8Array> {
    const holds = new Uint8Array(index.count);
    const forms = writtenForms(text);
    for (let at = 0; at < index.count; ) {
      const batch: number[] = [];
      let size = 0;
      while (at < index.count && (batch.length === 0 || size < BATCH_BYTES)) {
        size += index.command(at).size;
        batch.push(at++);
      }
      const parts = await this.#files.parts(
        path,
        batch.map((each) => index.command(each)),
      );
      for (const [place, bytes] of parts.entries()) {
        if (holdsIn(bytes, forms)) holds[batch[place] as number] = 1;
      }
    }
    return holds;
  }
}

const EMPTY = new Uint8Array(0);

const NO_VIEW = { host: "", status: "", found: false, errors: [], elements: [] } as const;

/** 48 bits: so few that a number holds them, so many that no two of a fleet are alike by chance. */
const DIGEST_BYTES = 6;

/** The same number for the same findings and errors. */
function digestOf({ errors, elements }: Pick<HostView, "errors" | "elements">): number {
  if (errors.length === 0 && elements.length === 0) return 0;
  const digest = hash("sha256", JSON.stringify([errors, elements]), "buffer");
  return digest.readUIntBE(0, DIGEST_BYTES);
}

/** Whether a question asks for all hosts. */
function isOpen({ status, found, host, text }: HostsQuestion): boolean {
  return status === null && found === null && host === "" && text === "";
}

function tooLarge({ host, status, isFound, size }: IndexedCommand): HostView {
  const error = `it has ${size} bytes, too many to be shown here: take the file itself`;
  const ids = { commandId: null, agentId: null };
  return { ...ids, host, status, found: isFound, errors: [error], elements: [] };
}

/** A text as JSON may have it: as JavaScript writes it, and as Go does. */
function writtenForms(text: string): readonly Uint8Array[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const go = plain.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return [...new Set([plain, go])].map((form) => new TextEncoder().encode(form));
}

const AGENT = new TextEncoder().encode('"agent":');
const RESULTS = new TextEncoder().encode('"results":');

/** Whether what the modules gave, which stands behind the agent, holds one of the texts. */
function holdsIn(bytes: Uint8Array, forms: readonly Uint8Array[]): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = buffer.indexOf(RESULTS, Math.max(0, buffer.indexOf(AGENT)));
  return from >= 0 && forms.some((form) => buffer.includes(form, from));
}
