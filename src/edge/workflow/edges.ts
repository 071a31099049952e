// Edges: what workflows need of the world.
import { createReadStream } from "node:fs";
import type { WorkflowEdges } from "../../flow/edges.ts";
import { workerHost } from "./host.ts";

/** Bytes of a file that are read at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Workers for bodies, the bundler for sources, and result files. */
export function workflowEdges(): WorkflowEdges {
  return {
    host: workerHost(),
    async bundle(path) {
      const { bundleJob } = await import("../modules/bundle.ts");
      return await bundleJob(path);
    },
    readFile: (path) => createReadStream(path, { highWaterMark: CHUNK_BYTES }),
  };
}
