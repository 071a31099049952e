// Watched: what is added to a world in which people are told of alarms, so that each of them has
// something to tell and something to keep quiet about.
import type { Profile, SimulatedJob } from "./profile.ts";
import type { Dice } from "./random.ts";
import { atMinutes } from "./schedules.ts";

const MINUTE_MS = 60_000;

/** The same world with jobs that are expected to succeed, and now and then a long outage. */
export function watched(profile: Profile, dice: Dice): Profile {
  const jobs = profile.jobs.map((job) => expected(job, dice));
  return dice.chance(0.15) ? cutOff({ ...profile, jobs }, dice) : { ...profile, jobs };
}

function expected(job: SimulatedJob, dice: Dice): SimulatedJob {
  const expectSeconds = dice.chance(0.4) ? dice.pick([60, 60, 90, 300]) : null;
  const { calendar, schedule } = job;
  const isLong = calendar !== null && schedule.from === undefined && dice.chance(0.5);
  if (!isLong) return { ...job, expectSeconds };
  // Once an hour, so that a long calendar has few windows.
  const hourly = atMinutes([dice.int(0, 59)]);
  return { ...job, expectSeconds, schedule: hourly, calendar: { ...calendar, isLong: true } };
}

/**
 * A world of one long outage, in which the process dies once or not at all. Whether people had to
 * be told is certain only with a clock that is right and a journal that can be written.
 */
function cutOff(profile: Profile, dice: Dice): Profile {
  const atMs = dice.int(10_000, MINUTE_MS);
  const forMs = dice.int(12 * MINUTE_MS, 16 * MINUTE_MS);
  const fault = dice.pick(["refused", "lost", "cutAfter"] as const);
  const outage = { atMs, what: { kind: "outage", forMs, fault } } as const;
  const dieAt = { atMs: atMs + dice.int(2 * MINUTE_MS, 7 * MINUTE_MS), power: dice.chance(0.5) };
  const kill = { atMs: dieAt.atMs, what: { kind: "kill", power: dieAt.power } } as const;
  const odd = ["jump", "glitch", "diskFull", "outage"];
  return {
    ...profile,
    chaosMs: atMs + forMs + MINUTE_MS,
    rates: { ...profile.rates, crash: 0, journalFull: 0, journalSync: 0, busy: 0 },
    happenings: [
      ...profile.happenings.filter(({ what }) => !odd.includes(what.kind)),
      outage,
      ...(dice.chance(0.5) ? [kill] : []),
    ],
  };
}
