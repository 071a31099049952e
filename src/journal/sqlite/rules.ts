// Rules: what must be true of every readable row (readable.ts), as queries for the rows of which it
// is not. Each gives one text a row, such as "run 7 (nightly): it ended, but when was not
// recorded".

import { ACTION } from "./action-table.ts";
import { DELIVERY } from "./delivery-table.ts";
import { RUN } from "./run-table.ts";
import { MISSED } from "./schedule-tables.ts";
import { BODY, STEP } from "./step-tables.ts";
import type { Table } from "./table.ts";

function rule(table: Table, wrong: { state: string; when: string }): string {
  const { state, when } = wrong;
  const { name } = table;
  const text = state.replaceAll("'", "''");
  return `SELECT ${table.called} || ': ${text}' FROM readable_${name} AS ${name} WHERE ${when}`;
}

/** One statement a rule; the state machine of journal/inflight.ts is where they come from. */
export const ROW_RULES: readonly string[] = [
  rule(RUN, {
    state: "it ended, but when was not recorded",
    when: "state IN ('done', 'failed') AND ended_at IS NULL",
  }),
  rule(RUN, {
    state: "it goes on, but has an end",
    when: "state IN ('requested', 'open', 'paused') AND ended_at IS NOT NULL",
  }),
  rule(RUN, {
    state: "it is open, but nothing of it is in flight or to be delivered",
    when:
      "state = 'open' AND source IS NULL AND NOT EXISTS (SELECT 1 FROM action " +
      "WHERE run_id = run.id AND action.state IN ('planned', 'posted', 'collected'))",
  }),
  rule(ACTION, {
    state: "it is in flight, but never worked on",
    when: "state IN ('planned', 'posted') AND next_at IS NULL",
  }),
  rule(ACTION, {
    state: "it is not in flight, but to be worked on",
    when: "state NOT IN ('planned', 'posted', 'collected') AND next_at IS NOT NULL",
  }),
  rule(DELIVERY, {
    state: "it is pending, but never tried",
    when: "state = 'pending' AND next_at IS NULL",
  }),
  rule(DELIVERY, {
    state: "it ended, but is to be tried",
    when: "state <> 'pending' AND next_at IS NOT NULL",
  }),
  rule(DELIVERY, {
    state: "its action has no result (I6)",
    when: "EXISTS (SELECT 1 FROM action WHERE action.id = action_row AND result_path IS NULL)",
  }),
  rule(RUN, {
    state: "its workflow, or the text of it, is gone",
    when:
      "state IN ('open', 'paused') AND source IS NOT NULL AND " +
      "(NOT EXISTS (SELECT 1 FROM body WHERE run_id = run.id) OR " +
      "NOT EXISTS (SELECT 1 FROM source WHERE hash = run.source))",
  }),
  rule(RUN, {
    state: "it is an open workflow that waits for nothing",
    when:
      "state = 'open' AND source IS NOT NULL " +
      "AND EXISTS (SELECT 1 FROM body WHERE run_id = run.id AND next_at IS NULL) " +
      "AND NOT EXISTS (SELECT 1 FROM step WHERE run_id = run.id AND state = 'begun')",
  }),
  rule(BODY, {
    state: "its run has no workflow",
    when: "EXISTS (SELECT 1 FROM run WHERE run.id = run_id AND run.source IS NULL)",
  }),
  rule(BODY, {
    state: "its action template is gone",
    when:
      "template IS NOT NULL AND NOT EXISTS (SELECT 1 FROM source WHERE hash = template) " +
      "AND EXISTS (SELECT 1 FROM run WHERE run.id = run_id AND run.ended_at IS NULL)",
  }),
  rule(STEP, {
    state: "it has not ended, but has a place among those that have (W2)",
    when: "state = 'begun' AND (sequence IS NOT NULL OR ended_at IS NOT NULL)",
  }),
  rule(STEP, {
    state: "it ended, but is to be worked on (W1)",
    when: "state IN ('saved', 'failed') AND next_at IS NOT NULL",
  }),
  rule(STEP, {
    state: "it failed, but no reason was recorded",
    when: "state = 'failed' AND error IS NULL",
  }),
  rule(STEP, {
    state: "no step ended in the place before it (W2)",
    when:
      "sequence > 1 AND NOT EXISTS (SELECT 1 FROM step AS before " +
      "WHERE before.run_id = step.run_id AND before.sequence = step.sequence - 1)",
  }),
  rule(STEP, {
    state: "it ended before the one in the place before it (W3)",
    when:
      "EXISTS (SELECT 1 FROM step AS before WHERE before.run_id = step.run_id " +
      "AND before.sequence = step.sequence - 1 AND before.ended_at > step.ended_at)",
  }),
  rule(ACTION, {
    state: "the step that it belongs to is gone",
    when:
      "step <> '' AND state IN ('planned', 'posted') AND NOT EXISTS " +
      "(SELECT 1 FROM step WHERE step.run_id = action.run_id AND step.name = action.step)",
  }),
  rule(MISSED, { state: "it counts no fire time", when: "count < 1 OR last_at < first_at" }),
];
