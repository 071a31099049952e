// Site: the runner directory as the page sees it. The journal is opened for each look and closed
// after it, so that it may be stopped, restored or replaced at any time; the jobs are read again
// when a while has passed, never for each look.
import { changedAt } from "../edge/files.ts";
import { lockHolder } from "../edge/lock.ts";
import { FILES } from "../edge/results/files.ts";
import { describeError, RunnerError } from "../errors.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Reading } from "../journal/reading.ts";
import { openReading } from "../journal/sqlite/reading.ts";
import type { Results } from "../ports.ts";
import { type Instant, type Milliseconds, SECOND_MS } from "../time.ts";
import { VERSION } from "../version.ts";
import { revisionOf, type Site } from "../web/site.ts";
import { loadJobs } from "./jobs.ts";
import type { SpoolView } from "./open.ts";
import { directoryMistakes, isDistrust, toldOnce } from "./owners.ts";
import type { JournalFile } from "./reading.ts";

/** How old what is known of the jobs may be before they are read again. */
const JOBS_MS: Milliseconds = 10 * SECOND_MS;

/** How old what is known of the runner's process and of the directory may be. */
const AROUND_MS: Milliseconds = 2 * SECOND_MS;

/** How often it is looked for changes that somebody waits for, and how many times in vain. */
const LOOK_MS: Milliseconds = 2 * SECOND_MS;
const LOOKS = 7;

/** What the page reads besides the directory. */
export interface SiteSources {
  /** The journal's file, or a copy of it. @default that of the directory */
  readonly journal?: Pick<JournalFile, "path" | "outage" | "hostOf">;
  /** @default the files of the directory */
  readonly results?: Pick<Results, "find" | "stream" | "parts">;
}

/** @param note Told what could not be read, for the operator of the page. */
export function openSite(
  view: SpoolView,
  note: (line: string) => void,
  { journal: file = { path: view.config.journalPath }, results = FILES }: SiteSources = {},
): Site {
  const { config, clock } = view;
  const { directory } = config;
  const jobs = new KnownJobs(view, note);
  const journal = [file.path, `${file.path}-wal`] as const;
  let around = { holder: null as number | null, mistakes: [] as readonly string[] };
  let aroundAt: Instant | null = null;
  const lookAround = (now: Instant): void => {
    if (aroundAt !== null && Math.abs(now - aroundAt) <= AROUND_MS) return;
    aroundAt = now;
    const mistakes = toldOnce(directoryMistakes(config)).map(describeError);
    around = { holder: lockHolder(directory)?.pid ?? null, mistakes };
  };
  const { blackouts } = config;
  const hostOf = (job: string) => file.hostOf?.(job);
  const outage = (): string | null => file.outage?.(around.holder !== null) ?? null;
  return {
    version: VERSION,
    files: results,
    note,
    async look(use) {
      const now = clock.now();
      lookAround(now);
      const { states, jobsAt } = await jobs.known(now);
      const journalAt = await changedAt(journal);
      const { reading, problem } = journalAt === null ? NONE : openReadable(file.path);
      try {
        const read = { reading, problem, outage: outage(), journalAt, states, jobsAt };
        return await use({ now, directory, blackouts, hostOf, ...around, ...read });
      } finally {
        await reading?.close();
      }
    },
    async changed(known, signal) {
      for (let count = 1; ; count++) {
        lookAround(clock.now());
        const { holder } = around;
        const journalAt = await changedAt(journal);
        const revision = revisionOf({ journalAt, holder, outage: outage() });
        if (revision !== known || count === LOOKS) return revision;
        await clock.sleep(LOOK_MS, signal);
        signal.throwIfAborted();
      }
    },
  };
}

const NONE = { reading: null, problem: null } as const;

function openReadable(path: string): { reading: Reading | null; problem: string | null } {
  try {
    return { reading: openReading(path), problem: null };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { reading: null, problem: describeError(error) };
  }
}

/** The jobs as they were when they were read last. */
class KnownJobs {
  readonly #view: SpoolView;
  readonly #note: (line: string) => void;
  #states: readonly JobState[] = [];
  #readAt: Instant | null = null;
  #begunAt: Instant = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;
  #problem: string | null = null;

  constructor(view: SpoolView, note: (line: string) => void) {
    this.#view = view;
    this.#note = note;
  }

  /** Waits only for the first reading: later ones go on beside the answer. */
  async known(now: Instant): Promise<{ states: readonly JobState[]; jobsAt: Instant | null }> {
    if (this.#reading === null && Math.abs(now - this.#begunAt) >= JOBS_MS) {
      this.#begunAt = now;
      this.#reading = this.#read().finally(() => {
        this.#reading = null;
      });
    }
    if (this.#readAt === null) await this.#reading;
    return { states: this.#states, jobsAt: this.#readAt };
  }

  async #read(): Promise<void> {
    try {
      const states = await loadJobs(this.#view);
      this.#states = states.toSorted((left, right) => (left.job < right.job ? -1 : 1));
      this.#readAt = this.#view.clock.now();
      this.#problem = null;
    } catch (error) {
      // Told beside the page, by what is wrong with the directory.
      if (!(error instanceof RunnerError)) throw error;
      const problem = describeError(error);
      if (!isDistrust(error) && problem !== this.#problem) this.#note(`error: ${problem}`);
      this.#problem = problem;
    }
  }
}
