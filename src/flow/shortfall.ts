// Shortfall: what a result lacks, in the words of the log, `status` and `run`. Pure.
//
// Without it an action whose target matched no host, or whose commands all failed, would look like
// any other.
import type { Completeness } from "../journal/inflight.ts";

/** Statuses that an agent gave; "expired" is what the API says for one that gave none. */
const ANSWERS = ["success", "failed", "timeout", "cancelled"];

/** Statuses that do not change any more. */
const FINAL = [...ANSWERS, "expired"];

/** How many commands were ended by their agent, not by the API. */
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
 * What the results of one run or step lack, each a phrase such as "no command succeeded". Empty
 * when all is well, or nothing was collected.
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

/** Commands that have not ended yet, such as those with the status "sent". */
function unfinished(results: readonly Completeness[]): string[] {
  const statuses = results.map((result) => result.statuses);
  const count = countOf(statuses, (status) => !FINAL.includes(status));
  if (count === 0) return [];
  const commands = count === 1 ? "1 command has" : `${count} commands have`;
  return [`${commands} no final status yet`];
}

/** Agents that a target lists and that got no command: they are offline or gone. */
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
