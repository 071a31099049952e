// Edges: what workflows need of the world.

import { streamRegular } from "../../lib/os/read.ts";
import type { WorkflowEdges } from "../../workflow/edges.ts";
import { workerHost } from "./host.ts";

/**
 * Workers for bodies, the bundler for sources, and result files.
 *
 * @param options.directory The runner directory, which all jobs are in.
 */
export function workflowEdges({ directory }: { readonly directory: string }): WorkflowEdges {
  return {
    host: workerHost(),
    async bundle(path) {
      const { bundleJob } = await import("../modules/bundle.ts");
      return await bundleJob(path, { below: directory });
    },
    readFile: (path) => streamRegular(path),
  };
}
