// Journal move: the deed of `journal` that takes the journal of one host into that of a cluster, or
// back into a file of one host.
import { DATABASE_URL_LIKE, isDatabaseUrl } from "../config/cluster.ts";
import { absolutePath, hostName, isThere } from "../edge/files.ts";
import { lockDirectory } from "../edge/lock.ts";
import { processName } from "../edge/replica.ts";
import { openSpool } from "../edge/spool.ts";
import { RunnerError } from "../errors.ts";
import { adoptInflight } from "../flow/adopt.ts";
import { type AuditRow, headText } from "../journal/audit.ts";
import { moveIntoCluster } from "../journal/postgres/into-cluster.ts";
import { cannotMove } from "../journal/postgres/move-lock.ts";
import { moveOutOfCluster } from "../journal/postgres/out-of-cluster.ts";
import { placeOf } from "../journal/postgres/problem.ts";
import { Server } from "../journal/postgres/server.ts";
import { verifyJournal } from "../journal/sqlite/maintenance.ts";
import { type Move, readMoveNote } from "../journal/sqlite/moved.ts";
import { jsonAnswer, plural } from "../view/text.ts";
import { UsageError } from "./flags.ts";
import { loadJobs } from "./jobs.ts";
import { limitsOf } from "./live.ts";
import { lostResults } from "./lost-results.ts";
import { openJournalAccess, openSpoolView, openVerbLog, type SpoolView } from "./open.ts";
import { actorOf } from "./record.ts";
import { renderTable } from "./text.ts";
import type { Call } from "./verb.ts";

/** Moves the journal. Resolves with the exit status. */
export async function moveJournal(call: Call): Promise<number> {
  const to = call.flags.text("to");
  if (to === null) throw new UsageError("journal move takes --to URL or --to FILE");
  const view = await openSpoolView(call);
  const lock = await lockDirectory(view.config.directory, { work: "journal move" });
  try {
    if (isDatabaseUrl(to)) return await moveIn(call, view, to);
    assertOwn(to, view);
    return await moveOut(call, view, view.config.journalPath);
  } finally {
    call.terminal.progress("");
    lock.release();
  }
}

/**
 * A journal in another file than the configuration's would be found by no mig-runner.
 *
 * @throws {UsageError|RunnerError} It is none, or a URL that is written wrong.
 */
function assertOwn(to: string, { config: { journalPath } }: SpoolView): void {
  // It may hold a password, and is not repeated.
  if (SCHEME.test(to)) {
    throw new UsageError(`flag -to is no URL of a PostgreSQL database, like ${DATABASE_URL_LIKE}`);
  }
  if (absolutePath(to) === absolutePath(journalPath)) return;
  const hint = `mig-runner journal move --to "${journalPath}"; or --to ${DATABASE_URL_LIKE}`;
  throw cannotMove(`"${to}" is not the journal's place by runner.cfg, "${journalPath}"`, hint);
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

async function moveIn(call: Call, view: SpoolView, to: string): Promise<number> {
  const { journalPath: path } = view.config;
  const isDry = call.flags.has("dry-run");
  if (!(await isThere(path))) {
    const hint = "without one there is nothing to move: set [cluster], and start mig-runner";
    throw cannotMove(`"${path}" is not there`, hint);
  }
  const origin = `${hostName()}:${path}`;
  const place = placeOf({ connectionString: to });
  return await withServer(urlOf(to, view), async (server) => {
    if (readMoveNote(path) === null) await makeReady(call, path, isDry);
    const moved = await moveIntoCluster(server, {
      ...moveOf(call, view, { path, origin, place }),
      onProgress: (done, all) => call.terminal.progress(`${done} of ${all} rows`),
    });
    const { kind, rows, offset, head } = moved;
    if (!isDry) await tell(view, head);
    if (call.flags.has("json")) {
      const plain = { from: origin, to: place, moved: !isDry, before: kind === "before" };
      call.terminal.json(jsonAnswer({ ...plain, idsRaisedBy: offset, rows }));
      return 0;
    }
    if (kind === "before") {
      call.terminal.out([`${place} has the journal since an earlier call`, NEXT_IN]);
      return 0;
    }
    const raised = `run N of this host is run N + ${offset} there`;
    call.terminal.out([
      isDry
        ? `it can be moved to ${place}; nothing was changed`
        : `moved to ${place}, and compared`,
      ...countLines(rows),
      ...(offset === 0 ? [] : [raised]),
      ...(isDry ? [] : [`${path} is not opened any more`, NEXT_IN]),
    ]);
    return 0;
  });
}

const NEXT_IN = "With [cluster] url and name in runner.cfg, mig-runner goes on with it";

/** A sound journal with all that the original has left in flight. */
async function makeReady(call: Call, path: string, isDry: boolean): Promise<void> {
  const { damage, unreadable } = await verifyJournal(path);
  const [first] = [...damage, ...unreadable];
  if (first !== undefined) throw cannotMove(first, "mig-runner journal salvage mends it");
  if (isDry) return;
  const access = await openJournalAccess(call, null);
  try {
    const jobs = await loadJobs(access);
    const { directory } = access.config;
    const limits = limitsOf(access.config);
    const edges = { ...access.edges, limits, spool: openSpool({ directory }) };
    await adoptInflight(edges, (name) => jobs.find(({ job }) => job === name)?.entity ?? null);
  } finally {
    await access.close();
  }
}

async function moveOut(call: Call, view: SpoolView, path: string): Promise<number> {
  const { cluster, path: config } = view.config;
  if (cluster === null) {
    const message = "Cannot move the journal: [cluster] url is not set, so there is none to take";
    throw new RunnerError("CONFIG", message, { path: config, hint: "docs/cluster.md" });
  }
  const url = cluster.url.reveal();
  const origin = placeOf({ connectionString: url });
  const place = `${hostName()}:${path}`;
  const isDry = call.flags.has("dry-run");
  return await withServer(url, async (server) => {
    const moved = await moveOutOfCluster(server, {
      ...moveOf(call, view, { path, origin, place }),
      leaseMs: cluster.leaseMs,
      onProgress: (done) => call.terminal.progress(`${plural(done, "row")}`),
    });
    const { kind, rows, aside, head } = moved;
    if (!isDry) await tell(view, head);
    const lost = isDry ? [] : await lostResults(path);
    if (call.flags.has("json")) {
      const plain = { from: origin, to: place, moved: !isDry, before: kind === "ended" };
      call.terminal.json(jsonAnswer({ ...plain, givenUp: kind === "given up", aside, rows, lost }));
      return 0;
    }
    call.terminal.out([
      ...headOf({ kind, isDry, origin, path }),
      ...countLines(rows),
      ...(aside === null ? [] : [`the file that was there is kept as ${aside}`]),
      ...(lost.length === 0 ? [] : [LOST, ...lost.map((text) => `  ${text}`)]),
      ...(isDry ? [] : [NEXT_OUT]),
    ]);
    return 0;
  });
}

const NEXT_OUT = "Without [cluster] in runner.cfg, mig-runner goes on with it on this host alone";
const LOST = "warning: results are on other hosts: copy them to the same paths before it starts";

function headOf({
  kind,
  isDry,
  origin,
  path,
}: {
  readonly kind: Awaited<ReturnType<typeof moveOutOfCluster>>["kind"];
  readonly isDry: boolean;
  readonly origin: string;
  readonly path: string;
}): readonly string[] {
  if (kind === "given up") {
    return [`moving ${path} to ${origin} had not ended, and is given up: it is the journal again`];
  }
  if (isDry) return [`it can be moved to ${path}; nothing was changed`];
  return [kind === "ended" ? `${path} is the journal: the move has ended` : `moved to ${path}`];
}

function countLines(rows: Readonly<Record<string, number>>): readonly string[] {
  return renderTable(Object.entries(rows).map(([table, count]) => [table, plural(count, "row")]));
}

/** The URL that is given, or that of [cluster] with its password, where it means the same. */
function urlOf(to: string, { config }: SpoolView): string {
  const known = config.cluster?.url.reveal();
  const isBare = new URL(to).password === "";
  const place = (connectionString: string): string => placeOf({ connectionString });
  return known !== undefined && isBare && place(known) === place(to) ? known : to;
}

/** Sends the head of the audit log to where the log goes. */
async function tell(view: SpoolView, head: AuditRow | null): Promise<void> {
  if (head === null) return;
  const log = await openVerbLog(view);
  log.emit("notice", headText(head));
  await log.close();
}

function moveOf(
  call: Call,
  { clock }: SpoolView,
  ends: Pick<Move, "path" | "origin" | "place">,
): Move {
  const { origin, place } = ends;
  return {
    ...ends,
    id: processName("move"),
    now: clock.now(),
    entry: {
      actor: actorOf(call),
      deed: "move",
      subject: "journal",
      detail: `from ${origin} to ${place}`,
    },
    isDry: call.flags.has("dry-run"),
  };
}

async function withServer(url: string, work: (server: Server) => Promise<number>): Promise<number> {
  const server = new Server({ connectionString: url });
  try {
    await server.assertSchema();
    return await work(server);
  } finally {
    await server.close();
  }
}
