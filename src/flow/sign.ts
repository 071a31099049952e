// Sign: an action gets its date and its signature, and new ones when it comes late to be posted.
//
// What waits for the API loses its life meanwhile: of a job of 15 seconds 3 are left, and no agent
// answers in time. So one that certainly was never sent is dated and signed anew, right before it
// is sent; the journal has the new bytes first (I1), and only them. One that may have been sent
// stays as it is, or it could not be found by its signature any more (I3).
//
// Owns:    when there is too little life left, and what is signed then.
// Not its: until when an action may be posted at all, and whether it was sent (post.ts).
import { messageOf } from "../errors.ts";
import type { ActionRow } from "../journal/inflight.ts";
import {
  type Action,
  dateAction,
  encodeAction,
  parseTemplate,
  signedText,
  withSignature,
} from "../mig/action.ts";
import { type Instant, type Milliseconds, spanText } from "../time.ts";
import { CLOCK_SLACK_MS } from "./clock-watch.ts";
import { type Edges, say } from "./edges.ts";

/** An action has come late when less than this share of its life is left. */
const LATE_SHARE = 0.5;

/** What is posted of an action. */
export type Signed = Pick<ActionRow, "body" | "signature" | "expireAt">;

/** Signs an action that is dated and compressed. @throws {RunnerError} When the key is not usable. */
export async function signDated(
  { signer, cosigners = [] }: Pick<Edges, "signer" | "cosigners">,
  action: Action,
): Promise<Omit<Signed, "expireAt">> {
  const text = new TextEncoder().encode(signedText(action));
  const signature = await signer.sign(text);
  const others = await Promise.all(cosigners.map((cosigner) => cosigner.sign(text)));
  const signed = [signature, ...others].reduce(withSignature, action);
  return { body: encodeAction(signed), signature };
}

type Life = Pick<ActionRow, "expireAt" | "lifeMs">;

/** What is left of an action's life when it has come late; null when it has not. Pure. */
export function lateLeftMs({ expireAt, lifeMs }: Life, now: Instant): Milliseconds | null {
  if (lifeMs === null) return null;
  const leftMs = Math.max(0, expireAt - now);
  return leftMs < lifeMs * LATE_SHARE ? leftMs : null;
}

/** Whether it lives longer from now on than it was given: a clock that was ahead has dated it. */
function isFromAhead({ expireAt, lifeMs }: Life, now: Instant): boolean {
  return lifeMs !== null && expireAt - now > lifeMs + CLOCK_SLACK_MS;
}

/** What actions that were posted late lack, a phrase each, such as "posted late: 3s of 15s left". */
export function lateness(
  actions: readonly (Life & Pick<ActionRow, "postedAt">)[],
): readonly string[] {
  return actions.flatMap(({ postedAt, ...life }) => {
    const leftMs = postedAt === null ? null : lateLeftMs(life, postedAt);
    if (leftMs === null || life.lifeMs === null) return [];
    return [`posted late, with ${spanText(leftMs)} of its ${spanText(life.lifeMs)} left`];
  });
}

/**
 * Dates and signs an action anew that was never sent, if it has come late. Its signer may be away:
 * then it is sent as it is, rather late than never.
 *
 * @returns Null when it stays as it is.
 */
export async function signAnew(edges: Edges, row: ActionRow): Promise<Signed | null> {
  const { job, lifeMs, name } = row;
  const now = edges.clock.now();
  if (lifeMs === null || (lateLeftMs(row, now) === null && !isFromAhead(row, now))) return null;
  try {
    const action = parseTemplate(new TextEncoder().encode(row.body));
    // What others have signed as well is not this runner's to date.
    const own = 1 + (edges.cosigners?.length ?? 0);
    if (action.pgpsignatures?.length !== own) return null;
    const dated = dateAction(action, { name, now, expiryMs: lifeMs });
    const signed = await signDated(edges, dated);
    say(edges, job, "info", "the action has waited to be posted: it is dated and signed anew");
    return { ...signed, expireAt: now + lifeMs };
  } catch (error) {
    const why = messageOf(error);
    say(edges, job, "warning", `Cannot sign action anew, it is posted as it is: ${why}`);
    return null;
  }
}
