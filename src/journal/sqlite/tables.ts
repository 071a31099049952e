// Tables: the journal's reads and writes as one object, made of what the homes of the tables have,
// and what is asked of several tables together. Knows nothing of transactions: the two homes of the
// journal wrap these calls in them.

import type { JournalTransaction } from "../journal.ts";
import { ACTION, ACTIONS, IN_FLIGHT } from "./action-table.ts";
import { ALARMS } from "./alarm-tables.ts";
import { AUDITS } from "./audit-table.ts";
import { CALENDARS } from "./calendar-tables.ts";
import { DELIVERIES, DELIVERY } from "./delivery-table.ts";
import { type Methods, methodsOn } from "./methods.ts";
import { PAUSES, pausesAhead } from "./pause-table.ts";
import { RUNS, runsAhead, UNSETTLED } from "./run-table.ts";
import { SCHEDULES } from "./schedule-tables.ts";
import { STATES } from "./state-table.ts";
import type { Statements } from "./statements.ts";
import { bodiesAhead, stepsAhead, WORKFLOWS } from "./step-tables.ts";
import { UNREADABLE } from "./unreadable-rows.ts";

/** Every table with rows that wait for a time. */
const NEXT_AT: readonly string[] = [
  ...["action", "delivery", "body", "step", "notice"].map(
    (table) => `SELECT min(next_at) AS value FROM readable_${table} WHERE next_at > ?`,
  ),
  "SELECT min(deadline_at) AS value FROM readable_run WHERE deadline_at > ? AND state = 'open'",
  `SELECT min(not_before) AS value FROM readable_run WHERE not_before > ? AND ${UNSETTLED} ` +
    "AND state = 'requested'",
];

/** What is asked of several tables. */
const TOGETHER = {
  nextAt(rows, now) {
    const times = NEXT_AT.flatMap((sql) => rows.value<number>(sql, now) ?? []);
    return times.length === 0 ? null : Math.min(...times);
  },

  setAhead(rows, now, limit) {
    const waiting = "WHERE next_at IS NOT NULL AND updated_at > ? LIMIT ?";
    return {
      runs: runsAhead(rows, now, limit),
      actions: rows.all(ACTION, waiting, now, limit),
      deliveries: rows.all(DELIVERY, waiting, now, limit),
      bodies: bodiesAhead(rows, now, limit),
      steps: stepsAhead(rows, now, limit),
      pauses: pausesAhead(rows, now, limit),
    };
  },

  version: (rows) =>
    rows.each("PRAGMA data_version", ({ data_version }) => data_version as number)[0] ?? 0,

  counts: (rows) => ({
    pendingActions: rows.number(`SELECT count(*) AS value FROM action WHERE ${IN_FLIGHT}`),
    pendingDeliveries: rows.number(
      "SELECT count(*) AS value FROM delivery WHERE state = 'pending'",
    ),
    deadDeliveries: rows.number("SELECT count(*) AS value FROM delivery WHERE state = 'dead'"),
    openBodies: rows.number(
      `SELECT count(*) AS value FROM readable_run WHERE ${UNSETTLED} AND state = 'open' ` +
        "AND source IS NOT NULL",
    ),
  }),
} satisfies Partial<Methods>;

const METHODS: Methods = {
  ...RUNS,
  ...ACTIONS,
  ...DELIVERIES,
  ...WORKFLOWS,
  ...SCHEDULES,
  ...CALENDARS,
  ...ALARMS,
  ...PAUSES,
  ...STATES,
  ...AUDITS,
  ...UNREADABLE,
  ...TOGETHER,
};

/** All reads and writes on one connection. */
export function tablesOn(rows: Statements): JournalTransaction {
  return methodsOn(rows, METHODS);
}
