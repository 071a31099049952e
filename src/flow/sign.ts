// Sign: signs an action, and dates and signs it again when it comes late to be posted.
//
// While an action waits for the API its life runs out: of 15 seconds perhaps 3 are left, and no
// agent answers in time. So an action that certainly was never sent is dated and signed again right
// before it is posted; the journal gets the new bytes first, in place of the old ones (I1). An
// action that may have been sent stays as it is: it has to be found by its signature (I3).
//
// Owns:     when an action is late, and what is signed then.
// Not here: until when an action may be posted at all, and whether it was sent (post.ts).
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

/** An action is late when less than this share of its life is left. */
const LATE_SHARE = 0.5;

/** What a new signature changes of an action. */
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

/** What is left of the life of an action that is late; null when it is not late. Pure. */
export function lateLeftMs({ expireAt, lifeMs }: Life, now: Instant): Milliseconds | null {
  if (lifeMs === null) return null;
  const leftMs = Math.max(0, expireAt - now);
  return leftMs < lifeMs * LATE_SHARE ? leftMs : null;
}

/** Whether an action expires later than its life allows: it was dated while the clock was ahead. */
function isFromAhead({ expireAt, lifeMs }: Life, now: Instant): boolean {
  return lifeMs !== null && expireAt - now > lifeMs + CLOCK_SLACK_MS;
}

/** A phrase for each action that was posted late: "posted late, with 3s of its 15s left". */
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
 * Dates and signs an action again that was never sent, if it is late. If the key cannot be used
 * just now, the action is posted as it is.
 *
 * @returns Null when it stays as it is.
 */
export async function signAnew(edges: Edges, row: ActionRow): Promise<Signed | null> {
  const { lifeMs, name } = row;
  const now = edges.clock.now();
  if (lifeMs === null || (lateLeftMs(row, now) === null && !isFromAhead(row, now))) return null;
  try {
    const action = parseTemplate(new TextEncoder().encode(row.body));
    // An action with signatures of other people cannot be dated again by this runner.
    const own = 1 + (edges.cosigners?.length ?? 0);
    if (action.pgpsignatures?.length !== own) return null;
    const dated = dateAction(action, { name, now, expiryMs: lifeMs });
    const signed = await signDated(edges, dated);
    say(edges, row, "info", "the action has waited to be posted: it is dated and signed again");
    return { ...signed, expireAt: now + lifeMs };
  } catch (error) {
    const why = messageOf(error);
    say(edges, row, "warning", `Cannot sign action again, it is posted as it is: ${why}`);
    return null;
  }
}
