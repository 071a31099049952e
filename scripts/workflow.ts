// Workflow: one invented run of a workflow, for the page to be looked at (history.ts).
import { closeRun } from "../src/flow/runs.ts";
import { advance } from "../src/journal/inflight.ts";
import type { JournalTransaction } from "../src/journal/journal.ts";
import { endStep, type StepKind } from "../src/journal/steps.ts";
import { type Instant, MINUTE_MS, SECOND_MS } from "../src/time.ts";

/** A step: when it began and ended, in seconds since its run began. */
interface InventedStep {
  readonly name: string;
  readonly kind: StepKind;
  readonly from: number;
  readonly to: number;
  readonly value: unknown;
}

const STEPS: readonly InventedStep[] = [
  { name: "known", kind: "get", from: 0, to: 1, value: ["web3.ams.example.net"] },
  { name: "sweep", kind: "collect", from: 1, to: 312, value: null },
  { name: "cve feed", kind: "step", from: 1, to: 41, value: { entries: 1_204 } },
  { name: "approve deep scan", kind: "approval", from: 313, to: 1_420, value: true },
  { name: "web hosts", kind: "collect", from: 1_421, to: 1_738, value: null },
  { name: "db hosts", kind: "collect", from: 1_421, to: 1_915, value: null },
  { name: "open tickets", kind: "step", from: 1_916, to: 1_931, value: { opened: 3 } },
];

const JOB = "triage";

/** Writes a run that began at a moment, and has ended. @param firstId An ID of the API. */
export function inventWorkflow(
  transaction: JournalTransaction,
  { beginAt, firstId }: { readonly beginAt: Instant; readonly firstId: number },
): void {
  transaction.insertSource("invented", "export default {}");
  const order = { job: JOB, firesAt: beginAt, cause: "manual", begunAt: beginAt } as const;
  const run = transaction.insertRun({ ...order, source: "invented" }, "open", beginAt);
  if (run === null) return;
  transaction.insertBody({
    runId: run.id,
    template: null,
    expiryMs: 5 * MINUTE_MS,
    agentsMax: null,
    plugins: [],
    seed: 1,
    begunAt: beginAt,
    nextAt: null,
  });
  const ordered = STEPS.toSorted((left, right) => left.to - right.to);
  const rows = STEPS.map(({ name, kind, from }) => {
    const begunAt = beginAt + from * SECOND_MS;
    const asked = kind === "approval" ? JSON.stringify({ show: "60 hosts" }) : null;
    const what = { runId: run.id, name, kind, digest: "", nextAt: null, asked };
    return transaction.insertStep({ ...what, begunAt });
  });
  for (const { name, to, value } of ordered) {
    const row = rows.find((one) => one?.name === name);
    if (row === null || row === undefined) continue;
    const frontier = transaction.frontier(run.id);
    const outcome = {
      kind: "saved",
      value: value === null ? null : JSON.stringify(value),
    } as const;
    const now = beginAt + to * SECOND_MS;
    const answer = row.asked === null ? null : JSON.stringify({ by: "ann", why: null, at: now });
    transaction.saveStep({ ...endStep(row, outcome, { frontier, now }), answer });
  }
  const collects = STEPS.filter(({ kind }) => kind === "collect");
  for (const [at, step] of collects.entries()) {
    inventAction(transaction, { step, runId: run.id, beginAt, actionId: firstId + at });
  }
  const endAt = beginAt + 1_932 * SECOND_MS;
  transaction.saveRun({ ...run, state: "done", endedAt: endAt });
  closeRun(transaction, run.id, endAt);
}

function inventAction(
  transaction: JournalTransaction,
  of: {
    readonly step: InventedStep;
    readonly runId: number;
    readonly beginAt: Instant;
    readonly actionId: number;
  },
): void {
  const { step, runId, beginAt, actionId } = of;
  const postedAt = beginAt + (step.from + 2) * SECOND_MS;
  const expireAt = postedAt + 5 * MINUTE_MS;
  const kept = { signature: "s", sendOnly: false, plugins: [], body: "{}" };
  const named = { runId, job: JOB, step: step.name, name: `mig-runner: ${JOB} ${step.name}` };
  let row = transaction.insertAction({ ...named, ...kept, expireAt }, postedAt);
  if (step.name === "db hosts") {
    for (const [late, error] of ["503 Service Unavailable", "503 Service Unavailable"].entries()) {
      const nextAt = postedAt + late * SECOND_MS;
      row = advance(row, { kind: "delayed", nextAt, error }, postedAt + late * SECOND_MS);
    }
  }
  const reply = new TextEncoder().encode(`{"id":${actionId}}`);
  const posted = {
    kind: "posted",
    actionId,
    reply,
    postedAt,
    expireAt,
    collectAt: expireAt,
  } as const;
  row = advance(row, posted, postedAt);
  const statuses = { success: 58, expired: 2 };
  const completeness = { fetched: 60, sent: 60, counters: null, statuses, strays: 0 };
  const collected = { kind: "collected", resultPath: `/gone/${actionId}`, completeness } as const;
  const at = beginAt + (step.to - 1) * SECOND_MS;
  transaction.saveAction(advance(row, { ...collected, sweepAt: null }, at));
}
