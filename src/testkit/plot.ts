// Plot: what is the same in all histories of one simulation.
import type { Entity } from "../jobs/entity.ts";
import type { JobModule } from "../sdk/job.ts";
import type { Agent } from "../sim/fleet.ts";
import type { AnswerScript } from "../sim/store.ts";
import type { Instant, Milliseconds } from "../time.ts";
import type { Attempts, StandIn } from "./observer.ts";
import type { People, Sayings } from "./people.ts";
import type { SimulatedPlugin } from "./plugins.ts";

/** What is the same in all histories of one simulation. */
export interface Plot {
  readonly entity: Entity;
  /** Gives the job again for each execution. */
  load(): Promise<JobModule>;
  /** What is in a file of the job's directory; null when there is none. */
  file(name: string): Uint8Array | null;
  readonly fleet: readonly Agent[];
  readonly script: AnswerScript | null;
  readonly plugins: ReadonlyMap<string, SimulatedPlugin>;
  readonly standIns: ReadonlyMap<string, StandIn>;
  /** Answers requests of steps. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** Who answers what the workflow asks people. */
  readonly people: People;
  readonly sayings: Sayings;
  readonly attempts: Attempts;
  readonly macros: ReadonlyMap<string, string>;
  readonly firesAt: Instant;
  /** JSON. */
  readonly params: string;
  /** JSON of what earlier runs have kept, by key. */
  readonly state: ReadonlyMap<string, string>;
  /** How much virtual time the run may take. */
  readonly limitMs: Milliseconds;
}
