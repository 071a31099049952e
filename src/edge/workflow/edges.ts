// Edges: what workflows need of the world.

import type { Results } from "../../ports.ts";
import type { WorkflowEdges } from "../../workflow/edges.ts";
import { workerHost } from "./host.ts";

/**
 * Workers for bodies, and the bundler for sources.
 *
 * @param options.directory The runner directory, which all jobs are in.
 * @param results Lends files with results that lie in a store.
 */
export function workflowEdges(
  { directory }: { readonly directory: string },
  { lend }: Pick<Results, "lend">,
): WorkflowEdges {
  return {
    host: workerHost({ lend }),
    async bundle(path) {
      const { bundleJob } = await import("../modules/bundle.ts");
      return await bundleJob(path, { below: directory });
    },
  };
}
