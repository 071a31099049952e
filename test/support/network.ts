// Network: networks of a test's own, on which packets can be dropped, where the machine lets it
// have some (Linux, root). Who sends hears nothing at all then: no refusal, no reset, no answer.
//
// A host has a network namespace, with one leg in each network; servers of this machine listen at
// the network's address. Packets are dropped by a wrong address of the hardware: `ip` is enough.
import { spawnSync } from "node:child_process";
import type { Program } from "./binary.ts";
import type { Cut, Way } from "./gate.ts";

/** The first two numbers of all addresses: kept for tests of networks by RFC 2544. */
const PREFIX = "198.18";

/** Nobody has it. */
const NO_HARDWARE = "02:00:00:00:ff:ff";

const HOSTS_MAX = 100;

/** What a machine of its own is, as far as its network is concerned. */
export class Namespace implements Disposable {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    ip("netns", "add", name);
  }

  /** The same program, on this machine. */
  within([command, ...rest]: Program): Program {
    return ["nsenter", `--net=/run/netns/${this.name}`, command, ...rest];
  }

  [Symbol.dispose](): void {
    spawnSync("ip", ["netns", "del", this.name]);
  }
}

/** A network between this machine and namespaces. */
export class Network implements Disposable {
  /** Where servers of this machine are reached. */
  readonly address: string;
  readonly #name: string;
  readonly #number: number;
  #legs = 0;

  private constructor(number: number) {
    this.#number = number;
    this.#name = `mig-${number}`;
    this.address = `${PREFIX}.${number}.1`;
  }

  /** @throws {Error} The machine does not let us. */
  static open(): Network {
    const from = process.pid % 256;
    for (let tried = 0; ; tried++) {
      const network = new Network((from + tried) % 256);
      try {
        ip("link", "add", network.#name, "type", "bridge");
      } catch (error) {
        if (tried < 256 && String(error).includes("File exists")) continue;
        throw error;
      }
      ip("link", "set", network.#name, "address", network.#hardware(1));
      ip("addr", "add", `${network.address}/24`, "dev", network.#name);
      ip("link", "set", network.#name, "up");
      return network;
    }
  }

  /** Gives a namespace a leg in it. */
  join({ name: space }: Namespace): Way {
    const last = ++this.#legs + 1;
    if (last > HOSTS_MAX) throw new Error(`there are more than ${HOSTS_MAX} hosts in the network`);
    const name = this.#name;
    const outer = `${name}-${last}`;
    const address = `${PREFIX}.${this.#number}.${last}`;
    ip("link", "add", outer, "type", "veth", "peer", "name", name, "netns", space);
    ip("link", "set", outer, "master", name, "up");
    ip("-n", space, "link", "set", name, "address", this.#hardware(last), "up");
    ip("-n", space, "addr", "add", `${address}/24`, "dev", name);
    const neighbour = (to: string, hardware: string): readonly string[] => {
      return ["neigh", "replace", to, "lladdr", hardware, "dev", name, "nud", "permanent"];
    };
    const requests = (hardware: string): void => {
      ip("-n", space, ...neighbour(this.address, hardware));
    };
    const answers = (hardware: string): void => ip(...neighbour(address, hardware));
    const mend = (): void => {
      requests(this.#hardware(1));
      answers(this.#hardware(last));
    };
    mend();
    return {
      cut(cut: Cut) {
        if (cut === "both") requests(NO_HARDWARE);
        answers(NO_HARDWARE);
      },
      mend,
      close: async () => {},
    };
  }

  #hardware(last: number): string {
    return `02:00:00:00:00:${last.toString(16).padStart(2, "0")}`;
  }

  [Symbol.dispose](): void {
    spawnSync("ip", ["link", "del", this.#name]);
  }
}

/** Whether tests may make networks: for root, where `ip` and `nsenter` are. */
export const canSplit: boolean = (() => {
  if (spawnSync("nsenter", ["--version"]).status !== 0) return false;
  try {
    using network = Network.open();
    using space = new Namespace(`mig-try-${process.pid}`);
    network.join(space);
    return true;
  } catch {
    return false;
  }
})();

function ip(...argv: readonly string[]): void {
  const { error, status, stderr } = spawnSync("ip", argv);
  if (status !== 0) throw new Error(`ip ${argv.join(" ")}: ${error ?? stderr}`);
}
