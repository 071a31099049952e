// Phase: where an execution stands between the start of its body and its end.
//
//          taken all            waits long
//   busy ───────────▶ idle ───────────────▶ parking ──▶ over, with nothing but its rows
//     ◀───────────────┘ ◀──────────────────────┘
//          sent                 not parked
//
//   busy, idle, parking ──▶ leaving: nothing new is begun; over when what is at work has ended
//   any ──▶ over: done, failed, paused, lost or aborted
//
// Pure: what is done at a transition is execution.ts's.
import type { Instant } from "../time.ts";

export type Phase =
  /** The body has something to take or to do. */
  | { readonly kind: "busy" }
  /** It waits for an answer. `quietAt`: since when nothing at all was seen at work; null: not yet. */
  | { readonly kind: "idle"; readonly quietAt: Instant | null }
  /** It is being recorded that the run needs no body for now. `isIdle`: it still waits. */
  | { readonly kind: "parking"; readonly isIdle: boolean }
  | { readonly kind: "leaving" }
  | { readonly kind: "over" };

/** Where each begins. */
export const BUSY: Phase = { kind: "busy" };

/** Whether steps are begun and outcomes handed out. */
export function isGoing({ kind }: Phase): boolean {
  return kind !== "leaving" && kind !== "over";
}

/** After something was sent to the body. */
export function afterSent(phase: Phase): Phase {
  if (phase.kind === "idle") return BUSY;
  return phase.kind === "parking" ? { kind: "parking", isIdle: false } : phase;
}

/** After the body has taken all that was sent, and has nothing else to do. */
export function afterTaken(phase: Phase): Phase {
  if (phase.kind === "busy") return { kind: "idle", quietAt: null };
  return phase.kind === "parking" ? { kind: "parking", isIdle: true } : phase;
}

/** After a look at what the engine does for the body. */
export function afterLook(phase: Phase, isWorking: boolean, now: Instant): Phase {
  if (phase.kind !== "idle") return phase;
  return { kind: "idle", quietAt: isWorking ? null : Math.min(phase.quietAt ?? now, now) };
}

/** After it was recorded, or was not to be, that the run needs no body. */
export function afterParking(phase: Phase): Phase {
  if (phase.kind !== "parking") return phase;
  return phase.isIdle ? { kind: "idle", quietAt: null } : BUSY;
}
