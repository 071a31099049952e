// Dig: a cheap look at all hosts for a listener that should not be there, and a dear one at the
// memory of those that have it. A person says yes in between: the dear one slows hosts down.
//   mig-runner status              shows what is asked
//   mig-runner approve 12 memory   or deny, with --why
import { job, modules } from "mig-runner";

/** Hosts that are shown by name; the rest is a number. */
const SHOWN_MAX = 20;

export default job(
  {
    schedule: "30 6 * * 1-5",
    expiry: "10m",
    action: {
      target: "environment->>'os'='linux' AND mode='daemon'",
      operations: [modules.netstat({ listeningport: ["4444", "31337"] })],
    },
  },
  async (run) => {
    const probe = await run.collect("probe");
    const unknown = probe.agents.filter(({ success }) => !success);
    if (unknown.length > 0) run.log("warning", `${unknown.length} hosts were not looked at`);
    const suspects = probe.agents.filter(({ found }) => found);
    if (suspects.length === 0) return;
    // Whoever is on call hears of it before they are asked.
    await run.deliver("slack", probe);

    const hosts = suspects.slice(0, SHOWN_MAX).map(({ name }) => name);
    const more = suspects.length > SHOWN_MAX ? `, and ${suspects.length - SHOWN_MAX} more` : "";
    const { approved, by, why } = await run.approval("memory", {
      show: `scan the memory of ${suspects.length} hosts: ${hosts.join(", ")}${more}`,
      timeout: "48h",
    });
    run.log(`${approved ? "approved" : "not approved"}${by === null ? "" : ` by ${by}`}: ${why}`);
    if (!approved) return;

    const memory = await run.collect("memory scan", {
      target: suspects,
      operations: [modules.memory({ searches: { implant: { bytes: ["afd37df8"] } } })],
      expiry: "30m",
    });
    await run.deliver("slack", memory);
  },
);
