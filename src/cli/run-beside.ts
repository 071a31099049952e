// Run beside: the verb `run` on a host of a cluster. Whichever host has the job does it: this
// process asks for it, and looks at how it goes.
import type { Edges } from "../flow/edges.ts";
import { openJournalAccess } from "./open.ts";
import { reportAsked } from "./run-at.ts";
import { askByJournal } from "./run-request.ts";
import type { Call } from "./verb.ts";

type JournalEdges = Pick<Edges, "clock" | "journal" | "log">;

/** How the verb looks at a run, and tells of it. */
export interface RunParts {
  progressOf(edges: JournalEdges, runId: number): { begun: boolean; ended: boolean };
  report(
    call: Call,
    edges: JournalEdges,
    outcome: { readonly runId: number; readonly wait: boolean; readonly by: null },
  ): number;
}

/** How often the run is looked at. */
const LOOK_MS = 500;

/** How long a host may take to begin: one that has failed keeps its jobs for a lease. */
const BEGIN_MAX_MS = 60_000;

/** Asks for a run of a job, and tells what became of it. Resolves with the exit status. */
export async function runBeside(call: Call, job: string, parts: RunParts): Promise<number> {
  const access = await openJournalAccess(call, { kind: "named", word: job });
  try {
    const { edges } = access;
    const asked = await askByJournal(call, access, { job, lock: { isOurs: false } });
    const { id: runId, notBefore } = asked;
    const wait = call.flags.has("wait");
    if (notBefore !== null && !wait) {
      const { blackouts } = access.config;
      return reportAsked(call, { ...edges, blackouts }, { ...asked, notBefore, by: "another" });
    }
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      const { begun, ended } = parts.progressOf(edges, runId);
      if (ended || (!wait && (begun || waitedMs > BEGIN_MAX_MS))) break;
      await edges.clock.sleep(LOOK_MS);
    }
    return parts.report(call, edges, { runId, wait, by: null });
  } finally {
    await access.close();
  }
}
