// Dead man: tells when hosts that answered lately do not answer any more.
//
// An agent that is off is not asked at all, so a roll call cannot show who is missing. The list of
// those who answered before can. It is in the state of the job, which has room for 20,000 hosts.
import { type CollectedResult, ensureOk, job, modules } from "mig-runner";
import { type Seen, seenAfter, silentOf } from "./seen.ts";

const ALERTS = "https://alerts.example.net/hook";

export default job(
  {
    schedule: { cron: "0 9 * * *", overlap: "skip" },
    expiry: "10m",
    action: {
      target: "mode='daemon'",
      operations: [modules.timedrift({})],
    },
  },
  async (run) => {
    const here = namesOf(await run.collect("roll call"));
    const seen = (await run.state.get<Seen>("seen")) ?? {};
    const silent = silentOf(seen, here);
    if (silent.length > 0) {
      // A host that is being restarted is not dead.
      await run.sleep("second chance", "1h");
      here.push(...namesOf(await run.collect("again")));
    }
    // Then the scheduler is ill, and the hosts are as they were.
    if (here.length === 0) throw new Error("nobody answers at all: look at the MIG server");

    const dead = silent.filter((name) => !here.includes(name));
    if (dead.length > 0) {
      const text = `${dead.length} hosts do not answer any more: ${dead.join(", ")}`;
      await run.step("alert", { retry: 20 }, async ({ fetch }) => {
        const headers = { "content-type": "application/json" };
        const init = { method: "POST", headers, body: JSON.stringify({ text }), idempotent: true };
        ensureOk(await fetch(ALERTS, init));
      });
    }
    await run.state.set("seen", seenAfter(seen, here, run.now()));
  },
);

/** Who said anything, were it that the module failed. */
function namesOf({ agents }: CollectedResult): string[] {
  const answers = ["success", "failed", "timeout"];
  return agents.filter(({ status }) => answers.includes(status)).map(({ name }) => name);
}
