// Canary: a scan that is heavy on hosts goes to one in a hundred first. If they take it badly the
// others are spared.
//
// It has no schedule: fire it by `mig-runner run canary`.
import { type AgentSummary, type CollectedResult, job, modules } from "mig-runner";

/** One host in this many is a canary; at least one is. */
const SHARE = 100;

/** As cheap as a question can be: is the host there? */
const alive = { operations: [modules.timedrift({})], expiry: "3m" } as const;

export default job(
  {
    expiry: "30m",
    action: {
      target: "environment->>'os'='linux' AND mode='daemon'",
      operations: [
        modules.yara({
          yara: "rule implant { strings: $a = { af d3 7d f8 } condition: $a }",
          filesearch: "-path /usr -path /opt -size <20m",
        }),
      ],
    },
    // A misspelt target must not hit everything.
    maxAgents: 20_000,
  },
  async (run) => {
    const census = await run.collect("census", alive);
    const fleet = census.agents.filter(({ success }) => success);
    // They are sorted by name: every hundredth is one of each kind of host.
    const canaries = fleet.filter((_, index) => index % SHARE === 0);
    const others = fleet.filter((_, index) => index % SHARE !== 0);

    const first = await run.collect("canaries", { target: canaries });
    // Time for a host to run out of memory, and for its owner to complain.
    await run.sleep("look", "15m");
    const after = await run.collect("still there", { ...alive, target: canaries });
    await run.deliver("slack", first);
    refuse(canaries, first, "could not be scanned");
    refuse(canaries, after, "are gone since they were scanned");

    const rest = await run.collect("others", { target: others });
    await run.deliver("slack", rest);
  },
);

/**
 * Ends the run when more than one canary in twenty did not come through. One that is off is not in
 * the result at all; one that was restarted is there with another id, so they go by their names.
 */
function refuse(
  canaries: readonly AgentSummary[],
  { agents }: CollectedResult,
  trouble: string,
): void {
  const good = new Set(agents.filter(({ success }) => success).map(({ name }) => name));
  const bad = canaries.map(({ name }) => name).filter((name) => !good.has(name));
  if (bad.length * 20 <= canaries.length) return;
  throw new Error(`${bad.length} of ${canaries.length} canaries ${trouble}: ${bad.join(", ")}`);
}
