// Rules: what every row of a journal must say, as questions for the rows that do not.
// Each answers one text a row, such as "action 7 (nightly): it is posted and has no id".

function rule(
  table: "run" | "action" | "delivery",
  wrong: { state: string; when: string },
): string {
  const { state, when } = wrong;
  const text = state.replaceAll("'", "''");
  return `SELECT '${table} ' || id || ' (' || job || '): ${text}' FROM ${table} WHERE ${when}`;
}

/** One statement a rule; the state machine of flow/inflight.ts is where they come from. */
export const ROW_RULES: readonly string[] = [
  rule("run", {
    state: "its state is unknown",
    when: "state NOT IN ('requested', 'open', 'done', 'failed', 'paused')",
  }),
  rule("run", {
    state: "it ended, but nobody knows when",
    when: "state IN ('done', 'failed') AND ended_at IS NULL",
  }),
  rule("run", {
    state: "it goes on, but has an end",
    when: "state IN ('requested', 'open', 'paused') AND ended_at IS NOT NULL",
  }),
  rule("run", {
    state: "it is open, but nothing of it is in flight or to be delivered",
    when:
      "state = 'open' AND source IS NULL AND NOT EXISTS (SELECT 1 FROM action " +
      "WHERE run_id = run.id AND action.state IN ('planned', 'posted', 'collected'))",
  }),
  rule("action", {
    state: "its state is unknown",
    when: "state NOT IN ('planned', 'posted', 'collected', 'settled', 'failed')",
  }),
  rule("action", {
    state: "it is in flight, but never worked on",
    when: "state IN ('planned', 'posted') AND next_at IS NULL",
  }),
  rule("action", {
    state: "it is not in flight, but to be worked on",
    when: "state NOT IN ('planned', 'posted', 'collected') AND next_at IS NOT NULL",
  }),
  rule("action", {
    state: "its result is to be read once more, but the API's answer is gone",
    when: "state = 'collected' AND next_at IS NOT NULL AND (action_id IS NULL OR reply IS NULL)",
  }),
  rule("action", {
    state: "it is planned, but its signed action is gone (I1)",
    when: "state = 'planned' AND body = ''",
  }),
  rule("action", {
    state: "it is posted, but the API's answer is gone",
    when: "state = 'posted' AND (action_id IS NULL OR reply IS NULL)",
  }),
  rule("action", {
    state: "it is collected, but nobody knows where its result is (I6)",
    when: "state = 'collected' AND (result_path IS NULL OR completeness IS NULL)",
  }),
  rule("action", {
    state: "what it says of its plugins or its result is no JSON",
    when: "NOT json_valid(plugins) OR (completeness IS NOT NULL AND NOT json_valid(completeness))",
  }),
  rule("delivery", {
    state: "its state is unknown",
    when: "state NOT IN ('pending', 'delivered', 'dead', 'dropped')",
  }),
  rule("delivery", {
    state: "it is pending, but never tried",
    when: "state = 'pending' AND next_at IS NULL",
  }),
  rule("delivery", {
    state: "it ended, but is to be tried",
    when: "state <> 'pending' AND next_at IS NOT NULL",
  }),
  rule("delivery", {
    state: "its action has no result (I6)",
    when: "EXISTS (SELECT 1 FROM action WHERE action.id = action_row AND result_path IS NULL)",
  }),
];
