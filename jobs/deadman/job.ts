// Dead man: tells when hosts that answered lately do not answer any more.
//
// An agent that is off is not asked at all, so a roll call cannot show who is missing. The list of
// those who answered before can; the job keeps it in seen.json.
import { type AgentSummary, job, modules } from "mig-runner";
import { post } from "./post.ts";
import { load, save } from "./state.ts";

const ALERTS = "https://alerts.example.net/hook";
const SEEN = new URL("seen.json", import.meta.url);
const DAY_MS = 86_400_000;

/** When each host answered last, by its name: ids change when an agent is started anew. */
type Seen = Readonly<Record<string, number>>;

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
    const seen = await run.step("seen", () => load<Seen>(SEEN, {}));
    const here = new Set(namesOf((await run.collect("roll call")).agents));
    const silent = Object.keys(seen).filter((name) => !here.has(name));
    if (silent.length > 0) {
      // A host that is being restarted is not dead.
      await run.sleep("second chance", "1h");
      for (const name of namesOf((await run.collect("again")).agents)) here.add(name);
    }
    // Then the scheduler is ill, and the hosts are as they were.
    if (here.size === 0) throw new Error("nobody answers at all: look at the MIG server");

    const dead = silent.filter((name) => !here.has(name));
    if (dead.length > 0) {
      const text = `${dead.length} hosts do not answer any more: ${dead.sort().join(", ")}`;
      await run.step("alert", { retry: 20 }, (context) => post(ALERTS, { text }, context));
    }
    // After a week without an answer a host is taken for gone, and its alert ends.
    const now = run.now();
    const lately = Object.entries(seen).filter(([, at]) => now - at < 7 * DAY_MS);
    const today = [...here].map((name) => [name, now] as const);
    const next = Object.fromEntries([...lately, ...today]);
    await run.step("remember", () => save(SEEN, next));
  },
);

/** Who said anything, were it that the module failed. */
function namesOf(agents: readonly AgentSummary[]): string[] {
  const answers = ["success", "failed", "timeout"];
  return agents.filter(({ status }) => answers.includes(status)).map(({ name }) => name);
}

/** What stands in for these steps in tests, which leave seen.json alone. */
export const steps = { seen: { "gone.example.net": Date.UTC(2025, 11, 31, 9) }, remember: null };
