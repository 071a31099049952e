// Workflows: what the bodies of simulated jobs do, and where they run.
import { AsyncLocalStorage } from "node:async_hooks";
import { type JobBody, type JobModule, job } from "../../src/sdk/job.ts";
import type { WorkflowEdges } from "../../src/workflow/edges.ts";
import { inlineHost } from "../../src/workflow/inline.ts";
import type { Scope } from "../../src/workflow/scope.ts";
import { type Life, never } from "./life.ts";
import { makeClock } from "./ports.ts";
import type { Surroundings } from "./surroundings.ts";

/** Ways of a body: one action after the other, or two at a time. */
export type WorkflowKind = "chain" | "fork";

/** What a step does outside of the runner. */
type Effect = (key: string) => Promise<number>;

function bodyOf(kind: WorkflowKind, effect: Effect, plugins: readonly string[]): JobBody {
  return async (run) => {
    const base =
      kind === "chain"
        ? await run.collect("base")
        : (
            await run.parallel({
              left: () => run.collect("base"),
              right: async () => {
                await run.sleep("wait", "3s");
                await run.collect("other", { target: "name='other'" });
              },
            })
          ).left;
    if (plugins.length > 0) await run.deliver(base);
    const found = base.agents.filter((agent) => agent.found).slice(0, 3);
    await run.step("note", { retry: 3, timeout: "30s" }, ({ key }) => effect(key));
    if (found.length === 0) return;
    const deep = await run.collect("deep", { target: found, expiry: "10s" });
    for (const plugin of plugins) await run.deliver(plugin, deep);
  };
}

/** Bodies in the thread of the simulation; their sources are the texts of the job files. */
export function makeWorkflows(world: Surroundings, life: Life): WorkflowEdges {
  const turn = (): Promise<void> =>
    new Promise((resolve) => world.timeline.after(0, () => life.alive && resolve()));
  const load = async (source: string): Promise<JobModule> => {
    const { kind, definition } = JSON.parse(source) as JobText;
    return job(definition, bodyOf(kind, makeEffect(world, life), definition.plugin));
  };
  async function* readFile(path: string): AsyncGenerator<Uint8Array> {
    const bytes = world.disk.visible.get(path);
    if (bytes === undefined) throw new Error(`no such file: ${path}`);
    yield bytes;
  }
  return {
    host: inlineHost({
      clock: makeClock(world, life),
      scopes: new AsyncLocalStorage<Scope>(),
      openFetch: () => () => Promise.reject(new TypeError("nobody is there")),
      turn,
      readFile,
      load,
      locate: () => null,
    }),
    bundle(path) {
      const name = path.split("/").at(-2) ?? "";
      const text = world.disk.jobs.get(name)?.get("job.ts")?.text;
      if (text === undefined) return Promise.reject(new Error(`no such file: ${path}`));
      return Promise.resolve({ source: text, hash: text });
    },
  };
}

/** What a simulated job.ts says. */
export interface JobText {
  readonly kind: WorkflowKind;
  readonly definition: { readonly plugin: readonly string[] };
}

/** Something outside that a step changes: it may fail before or after that, or be its last. */
function makeEffect(world: Surroundings, life: Life): Effect {
  return (key) => {
    if (world.dies(life, "step", "before")) return never();
    const { step } = world.profile.rates;
    return new Promise((resolve, reject) => {
      world.timeline.after(world.latency(2_000), () => {
        if (!life.alive) return;
        if (world.strikes("step fails", step))
          return reject(new Error("the ticket system is down"));
        world.watch.worked(key);
        if (world.dies(life, "step", "after")) return;
        if (world.strikes("step fails late", step)) return reject(new Error("its answer was lost"));
        resolve(world.dice.int(0, 1_000_000));
      });
    });
  };
}
