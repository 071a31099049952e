// Run: one firing of a job, all that is known of it.
import {
  type ActionRecord,
  type DeliveryRecord,
  isUnbegun,
  type RunRecord,
  type StepRecord,
} from "../../journal/reading.ts";
import { type Instant, spanText } from "../../time.ts";
import type { DeedForm } from "../deeds.ts";
import { facts, jobLink, moment, section, stateWord, statusesOf, table } from "../layout.ts";
import { type Markup, markup, type Piece } from "../markup.ts";
import { spansPicture } from "../spans.ts";
import { idOf, type Page, pageOf } from "./page.ts";
import { unansweredLink } from "./result.ts";
import { answersOf } from "./runs.ts";

type Data = RunRecord & {
  /** Whether a guard of its job keeps its action until somebody approves it. */
  readonly isHeld: boolean;
};

/** One run, by its number, or by that of an action of the API. */
export function runPage(): Page {
  return pageOf<Data>({
    path: "/runs/:name",
    async load({ reading }, { name }) {
      const id = idOf(name);
      if (id === null || reading === null) return null;
      const run = (await reading.run(id)) ?? (await runOfAction(reading, id));
      if (run === null) return null;
      return { ...run, isHeld: run.state === "open" && (await reading.awaitsApproval(run.run)) };
    },
    draw: (run, { now }) => ({
      title: `Run ${run.run} of ${run.job}`,
      place: "/runs",
      body: body(run, now),
      deeds: deedsOf(run),
    }),
  });
}

async function runOfAction(
  reading: {
    runOfAction(id: number): Promise<number | null>;
    run(id: number): Promise<RunRecord | null>;
  },
  actionId: number,
): Promise<RunRecord | null> {
  const id = await reading.runOfAction(actionId);
  return id === null ? null : await reading.run(id);
}

/** What can be done to a run as it is now. */
function deedsOf({ run, state, actions, steps, isHeld: waits }: Data): readonly DeedForm[] {
  const known = { run: `${run}` };
  const asked = state !== "open" ? [] : steps.filter(isAsked);
  const approvals = [
    ...(waits ? [{ known }] : []),
    ...asked
      .filter(({ kind }) => kind === "approval")
      .map(({ name }) => ({ known: { ...known, name }, what: name })),
  ];
  const isFlow = steps.length > 0 && (state === "failed" || state === "paused");
  const hasEnded = state === "done" || state === "failed";
  return [
    ...approvals.flatMap((one) => (["approve", "deny"] as const).map((verb) => ({ verb, ...one }))),
    ...asked
      .filter(({ kind }) => kind === "wait")
      .map(({ name }) => ({ verb: "answer", known: { ...known, name }, what: name }) as const),
    ...(isFlow ? [{ verb: "resume", known } as const] : []),
    ...actions.flatMap(({ actionId, resultPath, state: stands }) =>
      actionId === null
        ? []
        : actionDeeds(actionId, { known, stands, hasResult: resultPath !== null }),
    ),
    ...(hasEnded
      ? []
      : [{ verb: "drop", known: { ...known, subject: `${run}` }, what: "the run" } as const]),
  ];
}

function isAsked({ kind, state, answer = null }: StepRecord): boolean {
  return (kind === "wait" || kind === "approval") && state === "begun" && answer === null;
}

function actionDeeds(
  actionId: number,
  {
    known,
    hasResult,
    stands,
  }: {
    readonly known: DeedForm["known"];
    readonly hasResult: boolean;
    readonly stands: ActionRecord["state"];
  },
): readonly DeedForm[] {
  const id = `${actionId}`;
  const what = `action ${actionId}`;
  return [
    ...(hasResult ? [{ verb: "redeliver", known: { ...known, action: id }, what } as const] : []),
    ...(stands === "settled" || stands === "failed"
      ? []
      : [{ verb: "drop", known: { ...known, subject: id }, what } as const]),
  ];
}

function body(run: RunRecord, now: Instant): Markup {
  const { actions, deliveries, steps } = run;
  return markup`${facts(runFacts(run, now))}
${section("Time", spansPicture(run, now))}
${section("Actions", actionTable(actions, now), actions.length)}
${section("Deliveries", deliveryTable(deliveries, now), deliveries.length)}
${triesSection(run, now)}
${steps.length > 0 && section("Steps", stepTable(steps, now), steps.length)}`;
}

function runFacts(run: RunRecord, now: Instant): readonly (readonly [string, Piece])[] {
  const { job, cause, firesAt, startedAt, endedAt, state, error, note, params } = run;
  const { notBeforeAt } = run;
  const took = endedAt === null ? null : spanText(Math.max(0, endedAt - (startedAt ?? firesAt)));
  return [
    ["Job", jobLink(job)],
    ["State", [stateWord(state), error === null ? null : `: ${error}`]],
    ["Note", note],
    ["Cause", cause],
    ["Asked for", notBeforeAt === null ? null : moment(notBeforeAt, now)],
    ["Fired", isUnbegun(run) ? null : moment(firesAt, now)],
    ["Started", startedAt === null ? null : moment(startedAt, now)],
    ["Ended", endedAt === null ? null : moment(endedAt, now)],
    ["Took", took],
    ["Parameters", params === null ? null : markup`<code>${params}</code>`],
  ];
}

function actionTable(actions: readonly ActionRecord[], now: Instant): Markup {
  return table(
    [
      "Action",
      "State",
      { name: "Posted", kind: "time" },
      { name: "Collected", kind: "time" },
      "Agents",
      { name: "Commands", kind: "list" },
      { name: "Result or error", kind: "text" },
    ],
    actions.map(({ actionId, step, state, postedAt, collectedAt, agents, ...row }) => [
      [actionId === null ? "not posted" : `${actionId}`, step === "" ? null : ` (${step})`],
      stateWord(state),
      moment(postedAt, now),
      moment(collectedAt, now),
      agents,
      row.resultPath === null
        ? statusesOf(row.commands)
        : answersOf(row.commands, (textOf) => unansweredLink(actionId, row.commands, textOf)),
      row.error ?? (row.resultPath === null ? null : resultLink(actionId)),
    ]),
    "It has posted nothing yet.",
  );
}

function resultLink(actionId: number | null): Piece {
  return actionId === null
    ? null
    : markup`<a href="/results/${actionId}">Hosts and what was found</a>,
<a href="/results/${actionId}/changes">what changed</a>`;
}

function deliveryTable(deliveries: readonly DeliveryRecord[], now: Instant): Markup {
  return table(
    [
      "Plugin",
      "Action",
      "State",
      { name: "Ended", kind: "time" },
      { name: "Tries", kind: "number" },
      { name: "Next", kind: "time" },
      { name: "Error", kind: "text" },
    ],
    deliveries.map(({ plugin, actionId, state, attempts, nextAt, endedAt, error }) => [
      plugin,
      actionId === null ? null : `${actionId}`,
      stateWord(state),
      endedAt === null ? null : moment(endedAt, now),
      attempts,
      nextAt === null ? null : moment(nextAt, now),
      error,
    ]),
    "Nothing is to be delivered.",
  );
}

/** What was tried in vain, the first first; also of what has succeeded since. */
function triesSection({ actions, deliveries }: RunRecord, now: Instant): Piece {
  const rows = [
    ...actions.flatMap(({ tries, actionId, step }) =>
      tries.map((one) => ({ ...one, of: [one.what, " ", actionId ?? step] })),
    ),
    ...deliveries.flatMap(({ tries, plugin, actionId }) =>
      tries.map((one) => ({ ...one, of: [`deliver ${actionId ?? ""} to `, plugin] })),
    ),
  ].toSorted((left, right) => left.firstAt - right.firstAt);
  if (rows.length === 0) return null;
  const heading = [
    "Tried",
    { name: "Times", kind: "number" } as const,
    { name: "First", kind: "time" } as const,
    { name: "Last", kind: "time" } as const,
    { name: "Why it failed", kind: "text" } as const,
  ];
  const cells = rows.map(({ of, count, firstAt, lastAt, error }) => [
    of,
    count,
    moment(firstAt, now),
    count === 1 ? null : moment(lastAt, now),
    error,
  ]);
  return section("Failed attempts", table(heading, cells, ""));
}

function stepTable(steps: readonly StepRecord[], now: Instant): Markup {
  return table(
    [
      "Step",
      "Kind",
      "State",
      { name: "Ended", kind: "time" },
      { name: "Value or error", kind: "text" },
    ],
    steps.map(({ name, kind, state, attempts, endedAt, error, value = null }) => [
      name,
      kind,
      stateWord(state),
      endedAt === null ? null : moment(endedAt, now),
      error === null
        ? value !== null && markup`<code>${value}</code>`
        : `${attempts === 0 ? "" : `${attempts}× `}${error}`,
    ]),
    "",
  );
}
