// Runs: how a run went or goes, in a few words.
import { awaitsApproval } from "../journal/guards.ts";
import type { Completeness } from "../journal/inflight.ts";
import { describeStatuses, StatusCounts } from "../mig/statuses.ts";
import type { Instant } from "../time.ts";
import type { RunView } from "./overview.ts";
import { formatDistance, plural } from "./text.ts";

/** How a run went or goes, in a few words. */
export function describeRun(run: RunView, now: Instant): string {
  const when = formatDistance(run.firesAt, now);
  const ended = formatDistance(run.endedAt ?? run.firesAt, now);
  const waiting = run.deliveries.filter(({ state }) => state === "pending" || state === "dead");
  const undelivered = waiting.length === 0 ? "" : `, ${waiting.length} undelivered`;
  switch (run.state) {
    case "requested":
      return `asked for ${when}`;
    case "open":
      return `${openState(run)} since ${when.replace(" ago", "")}${undelivered}${warningsText(run)}`;
    case "done":
      return `done ${ended}${commandsText(run)}${undelivered}${warningsText(run)}${noteText(run)}`;
    case "failed":
      return `failed ${ended}: ${run.note ?? "no reason was recorded"}`;
    case "paused":
      return `paused since ${when.replace(" ago", "")}: ${run.note ?? "no reason was recorded"}`;
  }
}

function noteText({ note }: RunView): string {
  return note === null ? "" : ` (${note})`;
}

function openState({ actions, asks, deliveries }: RunView): string {
  if (asks.length > 0) return `waiting for people (${asks.join(", ")})`;
  if (actions.some(awaitsApproval)) return "waiting for approval";
  if (actions.some(({ state, held }) => state === "planned" && held !== "canary"))
    return "being posted";
  if (actions.some(({ state }) => state === "posted")) return "in flight";
  if (actions.some(({ sweepAt }) => sweepAt !== null)) return "waiting for late answers";
  if (deliveries.some(({ state }) => state === "pending")) return "being delivered";
  return deliveries.some(({ state }) => state === "dead") ? "not delivered" : "running";
}

function warningsText({ warnings }: RunView): string {
  return warnings.map((warning) => `; warning: ${warning}`).join("");
}

function commandsText({ actions }: RunView): string {
  const counted = actions.flatMap(({ completeness }) => completeness ?? []);
  if (counted.length === 0) return "";
  const fetched = counted.reduce((sum, one) => sum + one.fetched, 0);
  const sent = counted.reduce((sum, one) => sum + (one.sent ?? one.fetched), 0);
  const of = sent === fetched ? plural(fetched, "command") : `${fetched} of ${sent} commands`;
  return `, ${of}${statusesText(counted)}`;
}

/** How many commands had each status, unless all were a success. */
function statusesText(counted: readonly Completeness[]): string {
  const statuses = new StatusCounts();
  for (const [status, count] of counted.flatMap((one) => Object.entries(one.statuses))) {
    statuses.add(status, count);
  }
  const { record } = statuses;
  const isFine = Object.keys(record).every((status) => status === "success");
  return isFine ? "" : ` (${describeStatuses(record)})`;
}
