// Health: whether the runner does its work, for programs that ask all the time.
import type { Instant } from "../../time.ts";
import { formatDistance } from "../../view/text.ts";
import { OVERDUE_MS } from "../../view/troubles.ts";
import type { Seen } from "../site.ts";

/** Empty: it is healthy. Else a sentence each. */
export async function healthReasons(seen: Seen): Promise<readonly string[]> {
  const { reading, problem, outage, holder, journalAt, now } = seen;
  const reasons: string[] = [];
  if (problem !== null) reasons.push(problem);
  else if (journalAt === null)
    reasons.push("there is no journal: no mig-runner has worked here yet");
  if (outage !== null) reasons.push(outage);
  if (holder === null) reasons.push("no mig-runner is at work");
  const [first] = (await reading?.inFlight(1)) ?? [];
  const overdue = overdueText(first?.nextAt ?? null, now);
  if (overdue !== null) reasons.push(overdue);
  return reasons;
}

/** The runner works on what is due within seconds, also where that fails. */
function overdueText(nextAt: Instant | null, now: Instant): string | null {
  if (nextAt === null || nextAt > now - OVERDUE_MS) return null;
  return `an action that was due ${formatDistance(nextAt, now)} was not worked on: the runner stands still`;
}
