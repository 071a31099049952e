// Scenarios: small worlds without chance, in which one thing happens from its beginning to its end.
// Each is lived again and again by processes that die at another port call.
import type { Profile, Rates, SimulatedJob } from "./profile.ts";
import { atMinutes } from "./schedules.ts";

const QUIET: Rates = {
  crash: 0,
  latency: 0,
  http: {},
  chunks: 0,
  spoolBefore: 0,
  spoolAfter: 0,
  scan: 0,
  journalFull: 0,
  journalSync: 0,
  busy: 0,
  sign: 0,
  pluginFails: 0,
  pluginHangs: 0,
  pluginTakesAndFails: 0,
  step: 0,
};

const JOB: SimulatedJob = {
  job: "job1",
  schedule: atMinutes([0]),
  expirySeconds: 5,
  plugins: ["alpha"],
  sendOnly: false,
  spreadSeconds: 0,
  onMissed: "last",
  overlap: "allow",
  early: false,
  lateSeconds: 0,
  deadlineSeconds: null,
  expectSeconds: null,
  workflow: null,
  calendar: null,
};

/** A world in which the job fires ten seconds after it begins, and is collected before peace. */
function scenario(job: Partial<SimulatedJob>, changes: Partial<Profile> = {}): Profile {
  return {
    beginsAt: Date.UTC(2026, 10, 28, 3, 59, 50),
    chaosMs: 45_000,
    jobs: [{ ...JOB, ...job }],
    manners: {
      counters: ["honest"],
      pages: "stable",
      listedLateMaxMs: 0,
      agentsMax: 3,
      refused: new Set(),
    },
    rates: QUIET,
    happenings: [],
    blackouts: [],
    alarms: false,
    legacy: [],
    checkDirectoryMs: 90_000,
    limits: {
      pageSize: 2,
      dispatchesMax: 2,
      collectsMax: 2,
      deliveriesMax: 2,
      delayResultsMs: 0,
    },
    downMaxMs: 1_000,
    ...changes,
  };
}

/** Each with what happens in it. */
export const SCENARIOS: Readonly<Record<string, Profile>> = {
  "a job with a plugin": scenario({}),
  "a job that only sends": scenario({ sendOnly: true }),
  "an early collect with its sweep": scenario({ early: true, expirySeconds: 15 }),
  "records of the original": scenario(
    { schedule: { text: "0 0 30 2 *", timezone: null, fires: () => [] } },
    { legacy: (["good", "misnamed", "torn"] as const).map((kind) => ({ job: "job1", kind })) },
  ),
  "a job that is signed ahead": scenario({
    calendar: { postAheadSeconds: 3, leadSeconds: 5, gaps: 0, isInstalled: true, isLong: false },
  }),
  "a workflow of two collects and a step": scenario({ workflow: "chain" }),
  "an answer that is lost after the POST": scenario(
    { expirySeconds: 30 },
    { happenings: [{ atMs: 9_900, what: { kind: "outage", forMs: 500, fault: "cutAfter" } }] },
  ),
};
