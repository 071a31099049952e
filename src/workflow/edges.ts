// Edges: the opened ports that the engine works with: those of the flow, and its own.
import type { Edges } from "../flow/edges.ts";
import type { BodyHost } from "./host.ts";

/** The flow's edges, with what only workflows need. */
export interface EngineEdges extends Edges {
  /** Absent where no job has a workflow. */
  readonly workflows?: WorkflowEdges;
}

/** What only workflows need. */
export interface WorkflowEdges {
  /** Where their bodies run. */
  readonly host: BodyHost;
  /**
   * The source of a job as it is now, for a run to keep. Rejects with RunnerErrors.
   *
   * @param path The file of the job's module.
   */
  bundle(path: string): Promise<{ readonly source: string; readonly hash: string }>;
}
