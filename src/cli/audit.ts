// Audit: the verb that shows who decided what, and whether anybody has touched that log.
import { hashOf } from "../calendar/file.ts";
import { type AuditRow, verifyAudit } from "../journal/audit.ts";
import type { Journal } from "../journal/journal.ts";
import { openJournal } from "../journal/sqlite/journal.ts";
import { formatClock, jsonAnswer, plural } from "../view/text.ts";
import { readCalendar } from "./calendar/deed.ts";
import { UsageError } from "./flags.ts";
import { openSpoolView } from "./open.ts";
import { journalFile } from "./reading.ts";
import { renderTable } from "./text.ts";
import { type Call, JSON_FLAG, type Verb } from "./verb.ts";

/** Rows that are shown, unless another number is asked for. */
const SHOWN = 50;

const NEED = { kind: "tables", tables: ["audit"] } as const;

export const audit: Verb = {
  usage: "[verify] [-n N] [--head HASH] [--calendar FILE] [--json]",
  flags: [
    { name: "n", kind: "number", value: "N", help: `Show the newest N rows (default ${SHOWN})` },
    { name: "head", kind: "text", value: "HASH", help: "verify: a hash that the system log has" },
    {
      name: "calendar",
      kind: "text",
      value: "FILE",
      help: "verify: a calendar, which has one, too",
    },
    JSON_FLAG,
  ],
  help:
    "Shows what people did by hand on this host, when, and who: calendars installed and withdrawn,\n" +
    "jobs run and paused, runs approved, dropped and resumed, results delivered again.\n\n" +
    "verify   checks whether a row was changed, removed or moved. Rows that were cut off at the end\n" +
    "         can only be noticed with the hash of a later row that was kept elsewhere: each row's\n" +
    "         hash is in the runner's log, and each requested calendar holds the newest one.\n" +
    "Ends with 1 when something is wrong.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg audit\n" +
    "  mig-runner -c runner.cfg audit verify --calendar sshd.calendar",
  async run(call) {
    const [what, ...others] = call.positionals;
    if (others.length > 0 || (what !== undefined && what !== "verify")) {
      throw new UsageError("audit takes no word but verify");
    }
    const file = await journalFile(await openSpoolView(call), NEED);
    const journal = openJournal({ path: file.path, readOnly: true });
    try {
      return what === undefined ? show(call, journal) : await verify(call, journal);
    } finally {
      await journal.close();
      await file.close();
    }
  },
};

function show(call: Call, journal: Journal): number {
  const count = call.flags.number("n", 1) ?? SHOWN;
  const head = journal.auditHead()?.id ?? 0;
  const rows = journal.auditRows(Math.max(0, head - count), count);
  if (call.flags.has("json")) {
    for (const row of rows) call.terminal.json(jsonAnswer(row));
    return 0;
  }
  if (rows.length === 0) call.terminal.out(["nothing was done by hand here yet"]);
  else call.terminal.out(renderTable(rows.map(cells), ""));
  return 0;
}

function cells({ id, at, actor, deed, subject, detail }: AuditRow): string[] {
  return [`${id}`, formatClock(at), actor, `${deed} ${subject}`, detail];
}

async function verify(call: Call, journal: Journal): Promise<number> {
  const known = await knownHeads(call);
  const report = verifyAudit(journal, known);
  const isSound = report.faults.length === 0;
  if (call.flags.has("json")) {
    call.terminal.json(jsonAnswer({ sound: isSound, ...report }));
    return isSound ? 0 : 1;
  }
  const against = known.map(({ where }) => where).join(" and ");
  const compared = against === "" ? "no hash kept elsewhere (--head, --calendar)" : against;
  call.terminal.out([
    ...report.faults.map((fault) => `error: ${fault}`),
    `${plural(report.rows, "row")}, ${isSound ? "sound" : "not sound"}; compared with ${compared}`,
    `head ${report.head}`,
  ]);
  return isSound ? 0 : 1;
}

async function knownHeads(call: Call): Promise<{ hash: string; where: string }[]> {
  const known: { hash: string; where: string }[] = [];
  const head = call.flags.text("head");
  if (head !== null) {
    if (!/^[0-9a-f]{64}$/.test(head)) {
      throw new UsageError(`invalid value "${head}" for flag -head: 64 hexadecimal digits`);
    }
    known.push({ hash: head, where: "--head" });
  }
  const path = call.flags.text("calendar");
  if (path !== null) {
    const calendar = await readCalendar("read", path);
    const { audit: hash } = calendar;
    const where = `the calendar ${hashOf(calendar).slice(0, 12)}`;
    if (hash !== null) known.push({ hash, where });
  }
  return known;
}
