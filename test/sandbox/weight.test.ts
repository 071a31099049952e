import { expect, test } from "bun:test";
import { startSandbox } from "../../src/sandbox/server.ts";
import { openInvestigator, publicKeys, valuesOf } from "../support/investigator.ts";

test("agents that ask for two signatures refuse an action that has one", async () => {
  for (const [minimumWeight, status] of [
    [2, "failed"],
    [1, "success"],
  ] as const) {
    const behaviour = {
      speed: 10_000,
      silentRate: 0,
      failedRate: 0,
      timeoutRate: 0,
      minimumWeight,
    };
    const sandbox = await startSandbox({ agents: 3, publicKeys, behaviour });
    const investigator = await openInvestigator({ now: () => Date.now() });
    const { id } = await investigator.post(sandbox.port, { validFor: 60 });
    const query = `type=command&actionid=${id}&status=${status}&limit=10`;
    let found = 0;
    while (found < 3) {
      found = valuesOf(await investigator.search(sandbox.port, query), "command").length;
    }
    expect(found).toBe(3);
    await sandbox.close();
  }
});
