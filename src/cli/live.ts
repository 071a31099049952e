// Live: what of a configuration can change while the runner works: the way to the API, the key, the
// plugins with their settings, macros, limits and the log's level.
//
// Everything that the flow holds of it stays the same object; what is behind it is replaced.
import type { Config } from "../config/config.ts";
import { tellPlugin } from "../flow/alarms.ts";
import type { Edges, Limits } from "../flow/edges.ts";
import type { OpenLog } from "../lib/log/log.ts";
import type { Clock } from "../lib/ports.ts";
import type { Plugins } from "../ports.ts";
import { type LazySigner, openWire, type Wire } from "./wire.ts";

/** What is opened again for a changed configuration. */
export interface LiveOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Pick<OpenLog, "setLevel">;
  /** The plugins that a configuration means. */
  plugins(config: Config): Plugins;
}

/** The parts of the edges that can be replaced. */
export interface Live
  extends Pick<Edges, "api" | "signer" | "cosigners" | "plugins" | "macros" | "limits"> {
  /** Times in which the fire times of jobs are held. */
  readonly blackouts: NonNullable<Edges["blackouts"]>;
  /** Opens the keys now instead of at the first signature. Rejects with RunnerError KEYRING. */
  openKey(): Promise<void>;
  /**
   * Opens what another configuration means, and the keys unless they are not used.
   *
   * @returns What puts it in place of the old. Rejects with RunnerError KEYRING.
   */
  prepare(next: Config, isKeyUsed: boolean): Promise<() => void>;
  close(): void;
}

/** The replaceable parts as a configuration means them. */
export function openLive(options: LiveOptions): Live {
  const { clock, environment, log } = options;
  const wireOf = (config: Config): Wire => openWire({ config, clock, environment });
  let wire = wireOf(options.config);
  let plugins = options.plugins(options.config);
  const macros = new Map(options.config.targets);
  const cosigners: LazySigner[] = wire.signers.slice(1);
  const limits: Limits = limitsOf(options.config);
  const blackouts = [...options.config.blackouts];
  return {
    macros,
    limits,
    blackouts,
    api: {
      create: (...order) => wire.api.create(...order),
      commands: (...order) => wire.api.commands(...order),
      findAction: (...order) => wire.api.findAction(...order),
      countAgents: (...order) => wire.api.countAgents(...order),
    },
    signer: { sign: (text) => wire.signers[0].sign(text) },
    cosigners,
    plugins: {
      names: () => plugins.names(),
      check: (name, use) => plugins.check(name, use),
      deliver: (order) => plugins.deliver(order),
      alarm: (order) => tellPlugin({ plugins }, order),
    },
    openKey: () => wire.openKeys(),
    async prepare(next, isKeyUsed) {
      const nextWire = wireOf(next);
      if (isKeyUsed) await nextWire.openKeys();
      const nextPlugins = options.plugins(next);
      return () => {
        // What is under way ends on the old one.
        wire.close();
        wire = nextWire;
        plugins = nextPlugins;
        cosigners.splice(0, Infinity, ...wire.signers.slice(1));
        macros.clear();
        for (const [name, condition] of next.targets) macros.set(name, condition);
        Object.assign(limits, limitsOf(next));
        blackouts.splice(0, Infinity, ...next.blackouts);
        log.setLevel(next.logging.level);
      };
    },
    close: () => wire.close(),
  };
}

/** The limits that a configuration sets. */
export function limitsOf({ client }: Pick<Config, "client">): Limits {
  const { pageSize, collectsMax, dispatchesMax, deliveriesMax, delayResultsMs } = client;
  return { pageSize, collectsMax, dispatchesMax, deliveriesMax, delayResultsMs };
}
