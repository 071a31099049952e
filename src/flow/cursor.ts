// Cursor: how far the fire times of a job are decided, and by which schedule that was.
import type { Entity } from "../jobs/entity.ts";
import type { Cursor } from "../journal/journal.ts";
import type { Instant } from "../time.ts";

/** The cursor of a job whose fire times are decided up to `decidedAt`, by its present schedule. */
export function cursorOf(
  entity: Entity,
  decidedAt: Instant,
  aheadAt: Instant | null = null,
): Cursor {
  const isAhead = aheadAt !== null && aheadAt > decidedAt;
  return { decidedAt, schedule: scheduleText(entity), aheadAt: isAhead ? aheadAt : null };
}

/** Whether a cursor was written for the schedule that the job has now. */
export function isDecidedBy(cursor: Cursor, entity: Entity): boolean {
  return cursor.schedule === scheduleText(entity);
}

function scheduleText({ schedule }: Entity): string {
  if (schedule === null) return "";
  const { expression, timezone, from, until } = schedule;
  const bounds = from === null && until === null ? "" : ` from ${from} until ${until}`;
  return `${expression} ${timezone ?? ""}${bounds}`.trim();
}
