// Worker: the role of a worker that tests one job, one scenario after the other.
import { isolateWorker } from "../edge/isolate.ts";
import { guardModules } from "../edge/modules/evaluate.ts";
import type { Worker } from "../edge/worker.ts";
import type { JobModule } from "../sdk/job.ts";
import { importSource } from "../workflow/source.ts";
import { playScenario, SCENARIOS, type ScenarioOutcome } from "./scenarios.ts";

/** What is to be tested. */
export interface TestOrder {
  readonly job: string;
  /** As `bundleJob` made it. */
  readonly source: string;
  readonly directory: string;
  readonly macros: Readonly<Record<string, string>>;
  readonly agents: number;
  /** Texts for the parameters of the run. */
  readonly set: Readonly<Record<string, string>>;
  /** What people answer to waits, by their names. */
  readonly said: Readonly<Record<string, unknown>>;
  /** What the job keeps when a scenario begins. */
  readonly state: Readonly<Record<string, unknown>>;
}

/**
 * What the worker says: the outcome of each scenario in turn, and that there are no more; and that
 * it goes on, whenever a run begins or is replayed.
 */
export type TestMessage =
  | { readonly kind: "alive" }
  | { readonly kind: "outcome"; readonly outcome: ScenarioOutcome }
  | { readonly kind: "done" };

/** Tests what the worker was started with. */
export function start(worker: Worker): void {
  const { agents, directory, job, macros, said, set, source, state } = worker.data as TestOrder;
  const requests: string[] = [];
  isolateWorker((what) => void requests.push(what));
  const send = (message: TestMessage): void => worker.send(message);
  const load = async (): Promise<JobModule> => {
    send({ kind: "alive" });
    return await importSource(source, (text) => worker.evaluate(text));
  };
  const answer = (request: Request): Promise<Response> => globalThis.fetch(request);
  const options = {
    name: job,
    directory,
    macros,
    agents,
    set,
    said,
    state,
    requests,
    fetch: answer,
  };
  void (async () => {
    await guardModules();
    let asks = false;
    for (const scenario of SCENARIOS) {
      if (scenario.isOfPeople === true && !asks) continue;
      const outcome = await playScenario(load, scenario, options);
      asks ||= outcome.questions > 0;
      send({ kind: "outcome", outcome });
    }
    send({ kind: "done" });
  })();
}
