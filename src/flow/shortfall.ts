// Shortfall: what a result lacks, in the words of the log, `status` and `run`. Pure.
//
// An action whose target matches no host, or whose commands all failed, looks like any other as
// long as nobody says so.
import type { Completeness } from "../journal/inflight.ts";

/** Statuses that an agent gave; "expired" is what the API says for one that gave none. */
const ANSWERS = ["success", "failed", "timeout", "cancelled"];

/** Statuses that do not change any more. */
const FINAL = [...ANSWERS, "expired"];

/** How many commands the agent itself has ended. */
export function answersOf({ statuses }: Completeness): number {
  return countOf([statuses], (status) => ANSWERS.includes(status));
}

/** Whether there were commands, and not one of them was a success. */
export function hasAllFailed(results: readonly Completeness[]): boolean {
  const statuses = results.map((result) => result.statuses);
  const all = countOf(statuses, () => true);
  return all > 0 && countOf(statuses, (status) => status === "success") === 0;
}

/**
 * What is to be told of results that were collected for one purpose, each a phrase such as "no
 * command succeeded". Empty when all is well, or nothing was collected.
 */
export function shortfalls(results: readonly Completeness[]): readonly string[] {
  if (results.length === 0) return [];
  const isEmpty = results.every(({ fetched, listed }) => fetched === 0 && listed === undefined);
  return [
    ...(isEmpty ? ["its target matched no agent"] : []),
    ...(hasAllFailed(results) ? ["no command succeeded"] : []),
    ...unfinished(results),
    ...unheard(results),
  ];
}

/** Commands that may end differently later, such as those that are still "sent". */
function unfinished(results: readonly Completeness[]): string[] {
  const statuses = results.map((result) => result.statuses);
  const count = countOf(statuses, (status) => !FINAL.includes(status));
  if (count === 0) return [];
  const commands = count === 1 ? "1 command has" : `${count} commands have`;
  return [`${commands} no final status yet`];
}

/** Lists of agents: those that are offline or gone get no command, and nobody counts them. */
function unheard(results: readonly Completeness[]): string[] {
  const lists = results.filter(({ listed }) => listed !== undefined);
  const listed = lists.reduce((sum, result) => sum + (result.listed ?? 0), 0);
  const answered = lists.reduce((sum, result) => sum + answersOf(result), 0);
  if (answered >= listed) return [];
  const asked = lists.reduce((sum, { fetched, sent }) => sum + Math.max(fetched, sent ?? 0), 0);
  const why = asked < listed ? `, ${asked} were asked: the others are offline or gone` : "";
  return [`${answered} of the ${listed} agents that it lists answered${why}`];
}

function countOf(
  statuses: readonly Completeness["statuses"][],
  isCounted: (status: string) => boolean,
): number {
  return statuses
    .flatMap((each) => Object.entries(each))
    .reduce((sum, [status, count]) => sum + (isCounted(status) ? count : 0), 0);
}
