// Jobs: what tests of the examples in jobs/ have in common.
import type { PluginModule } from "../../src/sdk/index.ts";
import type { SimulatedAgent, SimulatedPlugin } from "../../src/testkit/simulate.ts";

/** A Linux host of a simulated fleet. */
export function host(name: string): SimulatedAgent {
  return { name, environment: { os: "linux" } };
}

/** A plugin that comes with the runner, with what it sends kept. */
export function shipped(module: PluginModule, settings: object, sent: unknown[]): SimulatedPlugin {
  return async (result, context) => {
    const checked = await module.config?.["~standard"].validate(settings);
    if (checked === undefined || checked.issues !== undefined) throw new Error("bad settings");
    const fetch = async (_url: unknown, init?: RequestInit) => {
      sent.push(JSON.parse(String(init?.body)));
      return new Response("{}");
    };
    const deliver = module.deliver as SimulatedPlugin;
    await deliver(result, { ...context, config: checked.value as undefined, fetch });
  };
}
