// Journal: the verb that verifies the journal, copies it beside a daemon, puts a copy back, and
// salvages a damaged one.
import type { ClusterConfig } from "../config/cluster.ts";
import { isThere } from "../edge/files.ts";
import { lockDirectory } from "../edge/lock.ts";
import { nearest, RunnerError } from "../errors.ts";
import { backupJournal, restoreJournal, salvageJournal } from "../journal/sqlite/copies.ts";
import { type JournalReport, verifyJournal } from "../journal/sqlite/maintenance.ts";
import { plural } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { lostResults } from "./lost-results.ts";
import { assertAlone, openSpoolView } from "./open.ts";
import { renderTable } from "./text.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

export const journal: Verb = {
  usage: "verify | backup FILE | restore FILE | salvage | move --to URL|FILE [--dry-run] [--json]",
  flags: [
    { name: "to", kind: "text", value: "URL|FILE", help: "move: a cluster's database, or a file" },
    { name: "dry-run", kind: "switch", help: "move: do all of it, compare, and undo it" },
    JSON_FLAG,
  ],
  help:
    "verify   looks for damage in the file and for rows that cannot be read or cannot be right; in a\n" +
    "         cluster for such rows in PostgreSQL. Changes nothing.\n" +
    "backup   writes a consistent copy to FILE, which must not exist yet.\n" +
    "restore  replaces the journal by the backup FILE; the old journal is kept beside it. Not while a\n" +
    "         mig-runner works on the directory. FILE may be the journal itself: then its write-ahead\n" +
    "         log (-wal) is ignored.\n" +
    "salvage  replaces a damaged journal by one with all rows that can still be read; the old one is\n" +
    "         kept beside it. Not while a mig-runner works on the directory.\n" +
    "move     takes the journal of this host, with all that is in flight, into the PostgreSQL of a\n" +
    "         cluster, or that of the cluster of [cluster] into FILE, the journal.db of the host that\n" +
    "         goes on. Not while a mig-runner works on the directory; for FILE, on any host. See\n" +
    "         docs/cluster.md.\n" +
    "verify and backup may be used while a mig-runner runs. Ends with 1 when something is wrong.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg journal verify\n" +
    "  mig-runner -c runner.cfg journal backup /backup/journal-$(date +%F).db\n" +
    "  mig-runner -c runner.cfg journal restore /backup/journal-2026-11-28.db\n" +
    "  mig-runner -c runner.cfg journal move --to postgres://mig@db.example.com/mig",
  async run(call) {
    const [what = "", ...words] = call.positionals;
    const deed = DEEDS.get(what);
    if (deed === undefined) {
      const meant = nearest(what, DEEDS.keys());
      const hint =
        meant === null
          ? "verify, backup FILE, restore FILE, salvage or move --to URL|FILE"
          : `did you mean "${meant}"?`;
      throw new UsageError(`journal ${what === "" ? "takes" : `cannot ${what}:`} ${hint}`);
    }
    if (words.length !== deed.words) throw new UsageError(deed.usage);
    const { config } = await openSpoolView(call);
    if (deed.alone !== undefined) assertAlone(config, `journal ${what}`, deed.alone);
    const { directory, journalPath: path, cluster } = config;
    return await deed.run(call, { directory, path, cluster, file: words[0] ?? "" });
  },
};

interface Place {
  readonly directory: string;
  readonly path: string;
  /** Where the journal is instead, in the PostgreSQL of a cluster. */
  readonly cluster: ClusterConfig | null;
  /** The word after the deed; "" when it takes none. */
  readonly file: string;
}

interface Deed {
  readonly words: number;
  readonly usage: string;
  /** What to do instead where the journal is that of a cluster. @default it works there, too */
  readonly alone?: string;
  readonly run: (call: Call, place: Place) => Promise<number>;
}

const DEEDS: ReadonlyMap<string, Deed> = new Map([
  ["verify", { words: 0, usage: "journal verify takes no more words", run: verify }],
  [
    "backup",
    {
      words: 1,
      usage: "journal backup takes one FILE",
      alone: "back up the database by the means of PostgreSQL, such as pg_dump",
      run: backup,
    },
  ],
  [
    "restore",
    {
      words: 1,
      usage: "journal restore takes one FILE",
      alone: "stop the daemons, and restore the database by the means of PostgreSQL",
      run: restore,
    },
  ],
  [
    "salvage",
    {
      words: 0,
      usage: "journal salvage takes no more words",
      alone:
        "journal verify finds rows that cannot be read; mend or delete them in the table mig_row",
      run: salvage,
    },
  ],
  ["move", { words: 0, usage: "journal move takes no word, but --to URL|FILE", run: move }],
]);

async function move(call: Call): Promise<number> {
  return await (await import("./journal-move.ts")).moveJournal(call);
}

async function verify(call: Call, { path: file, cluster }: Place): Promise<number> {
  const { path, ...report } = await (cluster === null ? verifyFile(file) : verifyRows(cluster));
  const { damage, unreadable, faults } = report;
  const isSound = [damage, unreadable, faults].every(({ length }) => length === 0);
  if (call.flags.has("json")) {
    call.terminal.json(JSON.stringify({ path, sound: isSound, ...report }));
  } else {
    call.terminal.out(describe(path, report, cluster === null ? TAKE_OUT : TAKE_OUT_OF_CLUSTER));
  }
  return isSound ? 0 : 1;
}

interface Verified extends JournalReport {
  /** Where the rows are. */
  readonly path: string;
}

async function verifyFile(path: string): Promise<Verified> {
  const report = await verifyJournal(path);
  const lost = report.damage.length > 0 ? [] : await lostResults(path);
  return { path, ...report, faults: [...report.faults, ...lost] };
}

/** Of the rows that hosts share, as they were at one moment. Results may lie on other hosts. */
async function verifyRows(cluster: ClusterConfig): Promise<Verified> {
  const { excerptOf } = await import("./cluster-journal.ts");
  const { place, path, unfit, misplaced, close } = await excerptOf(cluster, { kind: "all" });
  try {
    const report = await verifyJournal(path, { quick: true });
    const unreadable = [...unfit, ...report.unreadable];
    return { path: place, ...report, unreadable, faults: [...misplaced, ...report.faults] };
  } finally {
    await close();
  }
}

function describe(
  path: string,
  { damage, unreadable, faults, rows }: JournalReport,
  takeOut: string,
): string[] {
  if (damage.length > 0) {
    const head = `${path}: it is damaged`;
    const way = "mig-runner journal salvage puts what can be read into a new one";
    return [head, ...damage.map((text) => `  ${text}`), way];
  }
  const counted = Object.entries(rows).filter(([, count]) => count > 0);
  const table = renderTable(counted.map(([name, count]) => [name, plural(count, "row")]));
  if (unreadable.length + faults.length === 0) return [`${path}: it is sound`, ...table];
  return [
    ...listed(
      `${path}: ${plural(unreadable.length, "row")} cannot be read, nothing works on them`,
      unreadable,
    ),
    ...(unreadable.length === 0 ? [] : [takeOut]),
    ...listed(`${path}: ${plural(faults.length, "row")} cannot be right`, faults),
    ...table,
  ];
}

const TAKE_OUT =
  "mig-runner journal salvage takes them out while no mig-runner runs, mig-runner drop JOB beside one";

const TAKE_OUT_OF_CLUSTER = "mend or delete them in the table mig_row of PostgreSQL";

function listed(head: string, texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : [head, ...texts.map((text) => `  ${text}`)];
}

async function backup(call: Call, { path, file }: Place): Promise<number> {
  const { rows, bytes } = await backupJournal(path, file);
  if (call.flags.has("json")) {
    call.terminal.json(JSON.stringify({ path, copy: file, bytes, rows }));
  } else {
    const all = Object.values(rows).reduce((sum, count) => sum + count, 0);
    call.terminal.out([`${file}: a copy of ${path}, ${plural(all, "row")}, ${bytes} bytes`]);
  }
  return 0;
}

async function restore(call: Call, { directory, path, file }: Place): Promise<number> {
  const lock = await lockDirectory(directory, { work: "journal restore" });
  try {
    const { rows, bytes, aside } = await restoreJournal(path, file);
    if (call.flags.has("json")) {
      call.terminal.json(JSON.stringify({ path, from: file, aside, bytes, rows }));
      return 0;
    }
    const all = Object.values(rows).reduce((sum, count) => sum + count, 0);
    call.terminal.out([
      `${path}: put back from ${file}, ${plural(all, "row")}, ${bytes} bytes`,
      ...(aside === null ? [] : [`The journal that was there is kept as ${aside}`]),
      "The next start takes what is in flight and not in it from the in-flight records of the jobs",
    ]);
    return 0;
  } finally {
    lock.release();
  }
}

async function salvage(call: Call, { directory, path }: Place): Promise<number> {
  if (!(await isThere(path))) {
    throw new RunnerError("JOURNAL", `Cannot salvage the journal "${path}": there is none`, {
      path,
    });
  }
  const lock = await lockDirectory(directory, { work: "journal salvage" });
  try {
    const { damage, unreadable } = await verifyJournal(path);
    if (damage.length + unreadable.length === 0) {
      const plain = { path, salvaged: false };
      if (call.flags.has("json")) call.terminal.json(JSON.stringify(plain));
      else call.terminal.out([`${path}: it is sound, nothing is to be salvaged`]);
      return 0;
    }
    const { tables, aside } = await salvageJournal(path);
    if (call.flags.has("json")) {
      call.terminal.json(JSON.stringify({ path, salvaged: true, aside, tables }));
      return 0;
    }
    const rows = tables.map(({ table, saved, dropped, whole }) => {
      const some = whole ? "all that there were" : "others could not be read";
      const alone = dropped === 0 ? "" : `, ${dropped} that cannot be used left out`;
      return [table, plural(saved, "row"), `${some}${alone}`];
    });
    call.terminal.out([
      `${path}: a new journal of what could be read`,
      ...renderTable(rows),
      `The old one is kept as ${aside}`,
      "The next start takes actions that are missing from the in-flight records of the jobs",
    ]);
    return 0;
  } finally {
    lock.release();
  }
}
