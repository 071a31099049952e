// Mutants: patches that break one invariant each, to show that the simulator sees it.
//
// A patch is text of src/ and what stands there instead. When src/ changes so that a text is not
// there exactly once any more, the test says which: then write the patch again.

export interface Edit {
  /** In src/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  /** The invariant that the oracle must name. */
  readonly invariant: string;
  /** A seed that showed it: tried first, as a search takes long. */
  readonly seed: number;
  readonly edits: readonly Edit[];
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "a write is told before it is durable",
    invariant: "I1",
    seed: 185,
    edits: [
      {
        file: "journal/sqlite/works.ts",
        find: "return () => resolve(value as never);",
        replace: "resolve(value as never); return () => {};",
      },
    ],
  },
  {
    name: "fire times that nobody ran are forgotten",
    invariant: "I2",
    seed: 10,
    edits: [
      {
        file: "flow/launch.ts",
        find: "if (missed === null) return;",
        replace: "return;",
      },
    ],
  },
  {
    name: "a paused job fires all the same",
    invariant: "I2",
    seed: 43,
    edits: [
      {
        file: "jobs/hold.ts",
        find: "const stop = pauseAt(pauses, until) ?? blackoutAt(skipping, until)?.reason;",
        replace: "const stop = blackoutAt(skipping, until)?.reason;",
      },
    ],
  },
  {
    name: "a fire time does not wait for the end of a blackout",
    invariant: "I2",
    seed: 4,
    edits: [
      {
        file: "jobs/fires.ts",
        find: 'if (held?.kind === "delay" && held.until > now) {',
        replace: 'if (held?.kind === "delay" && held.until > 2 ** 50) {',
      },
    ],
  },
  {
    name: "a run that is asked for at a time starts at once",
    invariant: "I2",
    seed: 9,
    edits: [
      {
        file: "journal/sqlite/run-table.ts",
        find: "AND (not_before IS NULL OR not_before <= ?) ORDER BY id LIMIT ?",
        replace: "AND (not_before IS NULL OR ? > 0) ORDER BY id LIMIT ?",
      },
    ],
  },
  {
    name: "a job fires after its schedule has ended",
    invariant: "I2",
    seed: 3,
    edits: [
      {
        file: "jobs/schedule.ts",
        find: "return until !== null && at >= until;",
        replace: "return until === at;",
      },
    ],
  },
  {
    name: "one fire time is run twice",
    invariant: "I2",
    seed: 1,
    edits: [
      { file: "journal/sqlite/run-table.ts", find: 'unique: "job, fires_at",', replace: "" },
      {
        file: "journal/sqlite/run-table.ts",
        find: "return rows.insertOnce(RUN, {",
        replace: "return rows.insert(RUN, {",
      },
      {
        file: "flow/runs.ts",
        find: 'return transaction.insertRun(run, "open", now);',
        replace:
          'transaction.insertRun(firing.run, "done", now); ' +
          'return transaction.insertRun(run, "open", now);',
      },
    ],
  },
  {
    name: "a window that people have signed is passed over",
    invariant: "I2",
    seed: 54,
    edits: [
      {
        file: "flow/signed-ahead.ts",
        find: "if (now >= window.expireAfter) return",
        replace: "if (now >= window.firesAt) return",
      },
    ],
  },
  {
    name: "what was planned of a calendar is posted after that was withdrawn",
    invariant: "I2",
    seed: 184,
    edits: [
      {
        file: "flow/post.ts",
        find: "if (isWithdrawn(edges.journal, row)) {",
        replace: "if (isWithdrawn(edges.journal, row) && row.failures > 1_000) {",
      },
    ],
  },
  {
    name: "a window that a run has taken is left to others",
    invariant: "I2",
    seed: 5,
    edits: [
      {
        file: "journal/sqlite/calendar-tables.ts",
        find: "return rows.change(sql, runId, id, runId) === 1;",
        replace: "return sql.length + runId + id > 0;",
      },
    ],
  },
  {
    name: "an action whose answer was lost is posted again without a search",
    invariant: "I3",
    seed: 3,
    edits: [
      {
        file: "flow/post.ts",
        find: "const isLookedFor = row.maybeSent && !options.fresh;",
        replace: "const isLookedFor = row.maybeSent && row.failures > 1_000;",
      },
    ],
  },
  {
    name: "an action that may have been sent is signed again, and not found any more",
    invariant: "I4",
    seed: 14,
    edits: [
      {
        file: "flow/post.ts",
        find: "const found = await findPosted(edges, row, options);",
        replace:
          "const anew = await signAnew(edges, row); " +
          'const kept = anew && (await record(edges, row, { kind: "sending", anew })); ' +
          "if (kept !== null) return await postAction(edges, kept, options); " +
          "const found = await findPosted(edges, row, options);",
      },
    ],
  },
  {
    name: "an action is sent with a signature that the journal does not have",
    invariant: "I1",
    seed: 46,
    edits: [
      {
        file: "flow/post.ts",
        find: 'if (!isKept) return await record(edges, row, { kind: "sending", anew });',
        replace:
          'if (!isKept) await record(edges, row, { kind: "sending", anew: null }); ' +
          "if (!isKept) return { ...row, ...anew };",
      },
    ],
  },
  {
    name: "the words of a refusal are taken for proof that nothing was stored",
    invariant: "I3",
    seed: 10,
    edits: [
      {
        file: "flow/post.ts",
        find: "const found = await findPosted(edges, row, { ...options, isAnswered: true });",
        replace: 'const found = { kind: "absent" } as FindAnswer;',
      },
    ],
  },
  {
    name: "a collect that failed is given up",
    invariant: "I4",
    seed: 4,
    edits: [
      {
        file: "flow/collect.ts",
        find: 'await record(edges, row, { kind: "delayed", nextAt, error: why.message });',
        replace: 'await record(edges, row, { kind: "dropped", error: why.message });',
      },
    ],
  },
  {
    name: "a command that comes on two pages is kept twice",
    invariant: "I5",
    seed: 1,
    edits: [{ file: "flow/commands.ts", find: "!this.#ids.add(facts.id)", replace: "false" }],
  },
  {
    name: "a result is cut off before its end",
    invariant: "I5",
    seed: 1,
    edits: [
      {
        file: "flow/collect.ts",
        find: 'await writer.write(resultTail(row.job, row.plugins[0] ?? ""));',
        replace: "",
      },
    ],
  },
  {
    name: "a result is known before it is durable",
    invariant: "I5",
    seed: 1,
    edits: [
      {
        file: "flow/collect.ts",
        find: "const { place: resultPath, sha256: resultSha256 } = await writer.commit(signal);",
        replace:
          'void writer.commit(signal).catch(() => {}); const resultSha256 = ""; ' +
          "const resultPath = `/var/mig/runners/${row.job}/results/${date}/${actionId}.json`;",
      },
    ],
  },
  {
    name: "an alarm is told at every look",
    invariant: "I6",
    seed: 1,
    edits: [
      {
        file: "flow/alarms.ts",
        find: "return repeatMs !== null && Math.abs(now - toldAt) >= repeatMs;",
        replace: "return repeatMs === null && now !== toldAt;",
      },
    ],
  },
  {
    name: "an alarm is not withdrawn",
    invariant: "I6",
    seed: 7,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "ended: open.filter((alarm) => !now.has(keyOf(alarm))),",
        replace: "ended: [],",
      },
    ],
  },
  {
    name: "a fire time that was missed before the last success raises an alarm",
    invariant: "I6",
    seed: 8,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "if (lastDone !== null && lastDone.firesAt > missed.lastAt) return [];",
        replace: "if (lastDone !== null && lastDone.firesAt < missed.lastAt) return [];",
      },
    ],
  },
  {
    name: "nobody is told of a run that failed",
    invariant: "I6",
    seed: 26,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: 'if (last === undefined || last.state === "done") return [];',
        replace: 'if (last?.state !== "paused") return [];',
      },
    ],
  },
  {
    name: "a job is late before its time",
    invariant: "I6",
    seed: 5,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "if (now <= since) return [];",
        replace: "if (now <= since - 30_000) return [];",
      },
    ],
  },
  {
    name: "nobody is told of a job that is late",
    invariant: "I6",
    seed: 280,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "if (now <= since) return [];",
        replace: "return [];",
      },
    ],
  },
  {
    name: "a start under a clock far ahead keeps quiet that a job is late",
    invariant: "I6",
    seed: 280,
    edits: [
      {
        file: "flow/alarms.ts",
        find: "this.#startedAt = Math.min(this.#startedAt, now);",
        replace: "",
      },
    ],
  },
  {
    name: "a calendar that reaches far enough is told of",
    invariant: "I6",
    seed: 5,
    edits: [
      {
        file: "calendar/coverage.ts",
        find: "if (left >= WINDOWS_FEW && leftMs >= earlyMs) return null;",
        replace: "if (left < 0) return null;",
      },
    ],
  },
  {
    name: "nobody is told of a calendar that ends soon",
    invariant: "I6",
    seed: 66,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "if (calendar === null) return [];",
        replace: "return [];",
      },
    ],
  },
  {
    name: "an API that is down for a moment is told of",
    invariant: "I6",
    seed: 1,
    edits: [
      {
        file: "flow/alarm-rules.ts",
        find: "export const API_DOWN_MS: Milliseconds = 600_000;",
        replace: "export const API_DOWN_MS: Milliseconds = 60_000;",
      },
    ],
  },
  {
    name: "each process counts again since when the API is down",
    invariant: "I6",
    seed: 27,
    edits: [
      {
        file: "flow/api-health.ts",
        find: "const noted = this.#writing ?? this.#recorded();",
        replace:
          "const noted = this.#writing ?? (this.#askedAt === null ? null : this.#recorded());",
      },
    ],
  },
  {
    name: "an API that answers again is still told of",
    invariant: "I6",
    seed: 1,
    edits: [
      {
        file: "flow/alarms.ts",
        find: 'if (event === "api") return downSince !== undefined;',
        replace: 'if (event === "api") return downSince === undefined;',
      },
    ],
  },
  {
    name: "a delivery that failed is taken for made",
    invariant: "I6",
    seed: 9,
    edits: [
      {
        file: "flow/deliver.ts",
        find: 'if (answer.kind === "delivered") {',
        replace: 'if (answer.kind !== "missing") {',
      },
    ],
  },
  {
    name: "what a full disk cannot remember is done again at once",
    invariant: "I7",
    seed: 23,
    edits: [
      {
        file: "flow/edges.ts",
        find: "await clock.sleep(JOURNAL_RETRY_MS, signal);",
        replace: "void [clock, signal];",
      },
    ],
  },
  {
    name: "a cursor that a clock far ahead has moved is believed",
    invariant: "I7",
    seed: 20,
    edits: [
      {
        file: "flow/rewind.ts",
        find: "return cursor.decidedAt > now;",
        replace: "return cursor.decidedAt === now;",
      },
    ],
  },
  {
    name: "a wait that a clock far ahead has set is believed",
    invariant: "I4",
    seed: 20,
    edits: [
      {
        file: "flow/clock-watch.ts",
        find: "return setAt > now ? now + Math.max(0, at - setAt) : at;",
        replace: "return setAt === now ? now : at;",
      },
    ],
  },
  {
    name: "a spool that cannot be read ends the loop",
    invariant: "I8",
    seed: 11,
    edits: [
      {
        file: "flow/timetable.ts",
        find: "this.#scanAt = this.#nextScan(isPassing(error));",
        replace: "throw error;",
      },
    ],
  },
  {
    name: "a broken job keeps the program from starting",
    invariant: "I8",
    seed: 10,
    edits: [
      {
        file: "flow/timetable.ts",
        find: "for (const line of change.errors.flatMap(errorLines)) say(",
        replace: "for (const error of change.errors) throw error; for (const line of []) say(",
      },
    ],
  },
  {
    name: "a job that is due is not looked at any more after its first run",
    invariant: "I8",
    seed: 1,
    edits: [
      {
        file: "flow/timetable.ts",
        find: "if (this.#catalog.entity(entity.job) !== entity || this.#options.once) return;",
        replace: "return;",
      },
    ],
  },
  {
    name: "records of the original are left alone",
    invariant: "I9",
    seed: 9,
    edits: [
      {
        file: "flow/adopt.ts",
        find: "const known = edges.journal.actionById(record.actionId);",
        replace:
          "const known = edges.journal.actionById(record.actionId); if (known === null) return false;",
      },
    ],
  },
  {
    name: "an action that was signed ahead is posted although its template was replaced",
    invariant: "I1",
    seed: 88,
    edits: [
      {
        file: "flow/presigned.ts",
        find: "return stamp === kept.stamp ? kept.actions : null;",
        replace: "return stamp === null ? null : kept.actions;",
      },
    ],
  },
  {
    name: "an action that was signed ahead is posted at another time, by another clock",
    invariant: "I7",
    seed: 27,
    edits: [
      {
        file: "flow/presigned.ts",
        find: "kept.entity === entity && kept.launchAt === launchAt;",
        replace: "kept.entity === entity;",
      },
      {
        file: "flow/presigned.ts",
        find: "kept.actions === null || offMs > DATE_SLACK_MS",
        replace: "kept.actions === null || offMs > 2 ** 50",
      },
    ],
  },
];

/** Of a journal that is damaged, which no world has: shown on the journal itself. */
export const DAMAGE_MUTANT: Omit<Mutant, "seed"> = {
  name: "a damaged journal is an error like any other",
  invariant: "I10",
  edits: [
    {
      file: "journal/sqlite/problem.ts",
      find: "/not a database|malformed|corrupt|unsupported file format|too big|no such (table|column)|no column named/i",
      replace: "/nothing says so/",
    },
  ],
};
