// Surroundings: what the ports of one process have of the world that it is in: of one host alone
// (world.ts), or of one of several (cluster/host.ts).
import type { SimulatedApi } from "./api.ts";
import type { SimulatedDisk } from "./disk.ts";
import type { Life, Side, Watch } from "./life.ts";
import type { HttpFault, Rates } from "./profile.ts";
import type { Dice } from "./random.ts";
import type { Planned } from "./timeline.ts";

/** Time as somebody has it who may stand still. */
export interface Time {
  readonly now: number;
  after(ms: number, run: () => void): Planned;
  cancel(planned: Planned): void;
}

/** How a request gets from a process to the API. */
export interface Way {
  /** How long it takes to connect: the process is asked after it whether the request may leave. */
  connectMs(): number;
  /** Time on the way, which stands still for nobody. */
  readonly time: Time;
  /** The request has left its process. */
  left(body: string): void;
}

export interface Surroundings {
  readonly profile: { readonly rates: Rates };
  readonly dice: Dice;
  /** The time of this process. */
  readonly timeline: Time;
  readonly api: SimulatedApi;
  readonly disk: SimulatedDisk;
  readonly watch: Watch;
  /** What each plugin took: delivery keys, each as often as it came. */
  readonly received: Map<string, number>;
  readonly missingPlugins: ReadonlySet<string>;
  /** No faults any more. */
  readonly calm: boolean;
  /** What the wall clock of this host says. */
  readonly wall: number;
  /** What becomes of all requests to the API. */
  readonly outage: HttpFault | null;
  readonly diskFull: boolean;
  /** Absent: at once, and in the time of the process. */
  readonly way?: Way;
  say(line: () => string): void;
  count(fault: string): void;
  /** Whether a fault of this rate happens now. */
  strikes(fault: string, rate: number): boolean;
  /** How long a port takes. */
  latency(mostMs: number): number;
  /** Ends the life at a port call when its time has come. True when it is over. */
  dies(life: Life, name: string, side: Side): boolean;
}
