// Post: the only way an action leaves this program.
//
//   launch ──▶ plan.ts (journaled, I1) ──▶ post ──▶ posted
//                                           │ answer lost, or found planned after a crash
//                                           └──▶ look for the stored signature (I3) ──▶ posted
//                                                             └── absent ──▶ the same bytes again
//
// Owns:     the order of these steps and what each answer of the API means.
// Not here: when to post (src/runner.ts), the legal transitions (journal/inflight.ts), the requests
//           (mig/api.ts).
import { isHeldBack } from "../journal/guards.ts";
import type { ActionEvent, ActionRow } from "../journal/inflight.ts";
import { refusalsIn } from "../journal/tries.ts";
import { formatRfc3339Nano, timeAt } from "../lib/go/time.ts";
import type { CreateAnswer, FindAnswer, StoredAction } from "../mig/api.ts";
import type { Instant, Milliseconds } from "../time.ts";
import { againText, DAY_MS } from "../time.ts";
import { backoffMs, POST_BACKOFF } from "./backoff.ts";
import { collectAtOf, firstLookAt } from "./collect-times.ts";
import { type Edges, say, subjectOf } from "./edges.ts";
import { markInflight } from "./elsewhere.ts";
import { heldTooLong, judgeGuards } from "./guard.ts";
import { lateness, signAnew } from "./sign.ts";
import { isWithdrawn } from "./signed-ahead.ts";
import { record } from "./transition.ts";

/** Waits between searches for an action whose answer was lost: the API may list it with delay. */
const SEARCH_WAITS_MS: readonly Milliseconds[] = [2_000, 4_000, 8_000];

/** An action that is still not listed this long after it was last sent never reached the API. */
const LISTED_WITHIN_MS: Milliseconds = 14_000;

/**
 * An action with a short life is searched for this share of it, so that there is time to post it
 * again, but never shorter than this: a missed action is better than one posted twice (I3).
 */
const SEARCH_LEAST_MS: Milliseconds = 6_000;
const SEARCH_SHARE = 0.6;

/** After an answer of the API the search is short: a stored action is listed at once. */
const ANSWERED_LISTED_MS: Milliseconds = 2_000;

/**
 * After this long without an answer to the search, an expired action is given up as unknown, but
 * not before it was tried so often, over an hour: a clock that is a week ahead for some seconds
 * must not end what the API can tell a minute later.
 */
const UNKNOWN_MAX_MS: Milliseconds = 7 * DAY_MS;
const UNKNOWN_LEAST_FAILURES = 100;

/**
 * What a request showed of the API itself, for the circuit breaker and the limit of posts in hand.
 * `busy`: the API, or a proxy in front of it, answered that it is overloaded.
 */
export type Reached = "answered" | "busy" | "unreachable";

/** How one action is to be posted. */
export interface PostOptions {
  /** True only right after `planAction` in this process: it was never sent. */
  readonly fresh: boolean;
  /** The latest time at which an earlier try, of this process or one before, can have sent it. */
  readonly lastSentAt: Instant;
  /** How often the API may refuse it before it is a recorded failure. */
  readonly retries: number;
  /** Whether its answers are looked for before it has expired. @default false */
  readonly early?: boolean;
  readonly signal: AbortSignal;
  /** Called when the API has stored the action, before that is journaled. */
  readonly answered?: (sentAt: Instant) => void;
}

/** What is known of earlier tries to send an action. */
export function sentBefore(
  { lease }: Pick<Edges, "lease">,
  row: ActionRow,
  { fresh, startedAt }: { readonly fresh: boolean; readonly startedAt: Instant },
): Pick<PostOptions, "fresh" | "lastSentAt"> {
  // Processes before this one may have sent it until this one had the job.
  const since = lease?.heldSince(row.job) ?? startedAt;
  // What was planned before another host had the job, that one may have sent.
  const isOurs = lease === undefined || row.updatedAt >= since;
  return { fresh: fresh && isOurs, lastSentAt: Math.max(row.updatedAt, since) };
}

/**
 * Posts a planned action, or finds out what became of an earlier try (I3). Resolves with null when
 * the API was not asked: that shows nothing of it.
 */
export async function postAction(
  edges: Edges,
  row: ActionRow,
  options: PostOptions,
): Promise<Reached | null> {
  // It may have been given up while it waited for its place.
  if (edges.journal.action(row.id)?.state !== "planned") return null;
  const postBy = row.postBy ?? row.expireAt;
  if (isHeldBack(row) && edges.clock.now() < postBy) {
    const { held: by, error, maybeSent } = row;
    const why = error ?? "it waits for its canary";
    await record(edges, row, { kind: "held", by, nextAt: postBy, error: why, maybeSent });
    return null;
  }
  const isLookedFor = row.maybeSent && !options.fresh;
  const shown = isLookedFor ? "answered" : null;
  if (isLookedFor) {
    const found = await findPosted(edges, row, options);
    if (found.kind === "found") return await keepPosted(edges, row, { ...options, ...found });
    if (found.kind === "failed") return await keepUnknown(edges, row, found.message);
  }
  if (edges.clock.now() >= postBy) {
    const why = heldTooLong(row) ?? row.error ?? "it was not posted in time";
    const error = `${why}; the action has expired unposted`;
    await record(edges, row, { kind: "lapsed", error });
    say(edges, row, "err", `Cannot post action: ${error}`);
    return shown;
  }
  if (isWithdrawn(edges.journal, row)) {
    const error = "its calendar was withdrawn before it was posted";
    await record(edges, row, { kind: "refused", error });
    say(edges, row, "err", `Cannot post action: ${error}`);
    return shown;
  }
  const guarded = await askGuards(edges, row, options);
  if (guarded !== null) return guarded;
  const sending = await prepareSending(edges, row, options);
  return sending === null ? shown : await send(edges, sending, options);
}

/** The action as it is about to be sent; null when an operator has given it up. */
async function prepareSending(
  edges: Edges,
  row: ActionRow,
  { fresh }: PostOptions,
): Promise<ActionRow | null> {
  const isUnsent = fresh || !row.maybeSent;
  const anew = isUnsent ? await signAnew(edges, row) : null;
  // No earlier try has sent it. From here on this one may have, even if the process dies (I3).
  const isKept = row.maybeSent && anew === null;
  if (!isKept) return await record(edges, row, { kind: "sending", anew });
  // The search for it took its time.
  return edges.journal.action(row.id)?.state === "planned" ? row : null;
}

async function send(edges: Edges, row: ActionRow, options: PostOptions): Promise<Reached | null> {
  const postedAt = edges.clock.now();
  const answer = await edges.api.create(row.body, options.signal, edges.mayAct);
  if (answer.kind === "posted") {
    options.answered?.(postedAt);
    return await keepPosted(edges, row, { ...options, ...answer, postedAt });
  }
  if (answer.refusal) return await keepRefused(edges, row, { ...options, answer });
  // Nothing can be kept, and this shows nothing of the API.
  if (edges.mayAct?.() === false) return null;
  await delay(edges, row, {
    error: answer.message,
    maybeSent: answer.kind === "unclear",
    retryAfterMs: answer.retryAfterMs,
  });
  if (answer.status === null) return "unreachable";
  return BUSY.has(answer.status) ? "busy" : "answered";
}

/** "Too many requests", and what a proxy answers when the API behind it does not keep up. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * The API refused, but that does not prove that it stored nothing: an action with two signatures of
 * one key is stored, runs, and is answered with status 500. Only a search can tell.
 */
async function keepRefused(
  edges: Edges,
  row: ActionRow,
  options: PostOptions & { readonly answer: Exclude<CreateAnswer, { kind: "posted" }> },
): Promise<Reached> {
  const { message, retryAfterMs } = options.answer;
  // The API answers after it has stored the action or not: if it is not listed now, it was not.
  const found = await findPosted(edges, row, { ...options, isAnswered: true });
  if (found.kind === "found") return await keepPosted(edges, row, { ...options, ...found });
  if (found.kind === "failed") return await keepUnknown(edges, row, `${message}; ${found.message}`);
  if (refusalsIn(row.tries) < options.retries) {
    await delay(edges, row, { error: message, maybeSent: false, retryAfterMs, refused: true });
    return "answered";
  }
  await record(edges, row, { kind: "refused", error: message });
  say(edges, row, "err", `Cannot post action: ${message}; given up`);
  return "answered";
}

/** Asks the guards. Null: the action may be posted now. Else it is refused, held or delayed. */
async function askGuards(
  edges: Edges,
  row: ActionRow,
  { fresh, signal }: PostOptions,
): Promise<Reached | null> {
  const maybeSent = row.maybeSent && !fresh;
  const verdict = await judgeGuards(edges, row, signal);
  switch (verdict.kind) {
    case "pass":
      return null;
    case "uncounted":
      await delay(edges, row, { error: verdict.error, maybeSent, retryAfterMs: null });
      return verdict.status === null ? "unreachable" : "answered";
    case "refuse":
      await record(edges, row, { kind: "refused", error: verdict.error, by: "refused" });
      say(edges, row, "err", `Cannot post action: ${verdict.error}; given up`);
      return "answered";
    case "hold": {
      const { error } = verdict;
      const nextAt = row.postBy ?? row.expireAt;
      await record(edges, row, { kind: "held", by: "approval", nextAt, error, maybeSent });
      say(edges, row, "notice", error);
      return "answered";
    }
  }
}

/** Looks for the stored signature among the API's actions; waits for an API that lists late. */
async function findPosted(
  edges: Edges,
  row: ActionRow,
  options: Pick<PostOptions, "lastSentAt" | "signal"> & { readonly isAnswered?: boolean },
): Promise<FindAnswer> {
  const { isAnswered = false, lastSentAt, signal } = options;
  const { name, signature } = row;
  const isTaken = (actionId: number): boolean => edges.journal.actionById(actionId) !== null;
  const lifeMs = row.expireAt - edges.clock.now();
  const shareMs = lifeMs <= 0 ? LISTED_WITHIN_MS : Math.max(SEARCH_LEAST_MS, lifeMs * SEARCH_SHARE);
  const listedBy = isAnswered ? 0 : lastSentAt + Math.min(LISTED_WITHIN_MS, shareMs);
  const leastMs = isAnswered ? ANSWERED_LISTED_MS : SEARCH_LEAST_MS;
  let waitedMs = 0;
  for (let search = 0; ; search++) {
    if (signal.aborted) return { kind: "failed", message: "the runner is stopping", status: null };
    const found = await edges.api.findAction({ name, signature, isTaken, signal });
    if (found.kind !== "absent") return found;
    // The clock may be set ahead meanwhile: the shortest search is measured by elapsed time.
    const leftMs = Math.max(listedBy - edges.clock.now(), leastMs - waitedMs);
    const mostMs = SEARCH_WAITS_MS[search];
    if (leftMs <= 0 || mostMs === undefined) return { kind: "absent" };
    const waitMs = Math.min(mostMs, leftMs);
    await edges.clock.sleep(waitMs, signal);
    waitedMs += waitMs;
  }
}

async function keepPosted(
  edges: Edges,
  row: ActionRow,
  answer: StoredAction & Pick<PostOptions, "early"> & { readonly postedAt?: Instant },
): Promise<Reached> {
  const { actionId, actionBytes, early = false, postedAt = null } = answer;
  const other = edges.journal.actionById(actionId);
  if (other !== null && other.id !== row.id && other.signature === row.signature) {
    // Two actions dated within one second have the same signature, and the search of the other run
    // took this one's action. The action that is left is this one's: the next search finds it (I3).
    const error = `action ${actionId} was taken for that of another run`;
    await delay(edges, row, { error, maybeSent: true, retryAfterMs: null });
    return "answered";
  }
  if (other !== null && other.id !== row.id) {
    // It happens when the API got a new database. The results would be mixed up with the other's.
    const error = `the API gave it the id ${actionId}, which an action of ${other.job} has`;
    await record(edges, row, { kind: "refused", error });
    say(edges, row, "err", `Cannot keep action: ${error}; given up`);
    return "answered";
  }
  const expireAt = expiryOf(edges, row, answer);
  const expiredAt = collectAtOf({ expireAt }, edges.limits);
  const collectAt = firstLookAt(expiredAt, { early }, edges.clock.now());
  const event: ActionEvent = row.sendOnly
    ? { kind: "sent", actionId, reply: actionBytes, postedAt }
    : { kind: "posted", actionId, reply: actionBytes, postedAt, expireAt, collectAt };
  const kept = await record(edges, row, event);
  say(edges, { ...row, actionId }, "info", `launched action ${actionId}`);
  for (const late of lateness([{ ...row, postedAt }])) {
    say(edges, { ...row, actionId }, "warning", `action ${actionId} was ${late}`);
  }
  // Without a record for an action that an operator dropped meanwhile: it would be adopted again.
  if (row.sendOnly || kept === null) return "answered";
  edges.log.emit(
    "info",
    `monitoring result for ${row.job}/${actionId}`,
    subjectOf({ ...row, actionId }),
  );
  await markInflight(edges, row, { actionId, reply: actionBytes });
  return "answered";
}

/** How far the API's time of expiry may differ from the signed one, by its rounding. */
const EXPIRY_ROUNDED_MS: Milliseconds = 60_000;

/** When an action expires. Agents go by the signed time, so another one of the API is ignored. */
function expiryOf(edges: Edges, row: ActionRow, { expireAt }: StoredAction): Instant {
  if (Math.abs(expireAt - row.expireAt) <= EXPIRY_ROUNDED_MS) return expireAt;
  const told = formatRfc3339Nano(timeAt(expireAt));
  const signed = formatRfc3339Nano(timeAt(row.expireAt));
  const message = `the API says that the action expires at ${told}, it was signed for ${signed}`;
  say(edges, row, "warning", `${message}: the signed time holds`);
  return row.expireAt;
}

/** The API cannot say whether the action runs: ask again later, but not for ever. */
async function keepUnknown(edges: Edges, row: ActionRow, message: string): Promise<Reached> {
  const isOften = row.failures >= UNKNOWN_LEAST_FAILURES;
  if (isOften && edges.clock.now() > row.expireAt + UNKNOWN_MAX_MS) {
    const error = `it is unknown whether it was posted: ${message}`;
    await record(edges, row, { kind: "lapsed", error });
    say(edges, row, "err", `Cannot find action: ${error}`);
    return "unreachable";
  }
  await delay(edges, row, { error: message, maybeSent: true, retryAfterMs: null });
  return "unreachable";
}

async function delay(
  edges: Edges,
  row: ActionRow,
  why: {
    readonly error: string;
    readonly maybeSent: boolean;
    readonly retryAfterMs: Milliseconds | null;
    readonly refused?: boolean;
  },
): Promise<void> {
  const wait = backoffMs(POST_BACKOFF, row.failures + 1, edges.random.next()) ?? 0;
  const waitMs = Math.max(wait, Math.min(why.retryAfterMs ?? 0, POST_BACKOFF.capMs));
  const nextAt = edges.clock.now() + waitMs;
  const { error, maybeSent, refused = false } = why;
  await record(edges, row, { kind: "delayed", nextAt, error, maybeSent, refused });
  say(edges, row, "warning", `Cannot post action: ${why.error}; ${againText(waitMs)}`);
}
