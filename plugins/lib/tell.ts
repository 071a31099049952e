// Tell: an alarm as one POST, for the plugins that tell it by HTTP.
import { type AlarmContext, type AlarmEvent, Fatal, Retry } from "mig-runner";
import { type PostOrder, post } from "./post.ts";
import { lineOf } from "./text.ts";

/** Characters of an alarm's text. */
const TEXT_MAX = 3_000;

/** Sends it; throws when it was not taken, for good when it never will be. */
export async function tellBy(context: AlarmContext<unknown>, order: PostOrder): Promise<void> {
  const posted = await post(context, order);
  if (posted.kind === "taken") return;
  if (posted.kind === "refused") throw new Fatal(posted.message);
  throw new Retry(posted.message, { after: posted.retryAfterMs });
}

/** What it is about, in a few words: `nightly failed`, `nightly recovered (failed)`. */
export function titleOf({ event, of, job, subject }: AlarmEvent): string {
  const what = event === "recovered" ? `recovered (${of})` : event;
  const whose = job ?? subject;
  return lineOf(whose === null ? `mig-runner: ${what}` : `${whose}: ${what}`, TEXT_MAX);
}

/** All of it, in lines for people; each a line of its own, whatever an agent has said. */
export function linesOf(alarm: AlarmEvent): readonly string[] {
  const { count, hint, host, message, since } = alarm;
  const where = host === undefined ? "" : `, on host ${lineOf(host, TEXT_MAX)}`;
  const often = count > 1 ? `, ${count} times` : "";
  return [
    titleOf(alarm),
    lineOf(message, TEXT_MAX),
    `since ${lineOf(since, TEXT_MAX)}${often}${where}`,
    ...(hint === "" ? [] : [`What to do: ${lineOf(hint, TEXT_MAX)}`]),
  ];
}
