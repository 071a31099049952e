// Gate: the way between a host and a server, which can be cut, as a network is: what is sent then
// is neither refused nor lost. It arrives when the way is open again, however late that is.
import { connect, createServer, type Server, type Socket } from "node:net";

/** Which way nothing passes: requests and answers, or answers alone. */
export type Cut = "both" | "answers";

/** A way to a server that can be cut. */
export interface Way {
  cut(cut: Cut): void;
  mend(): void;
  close(): Promise<void>;
}

/** A port that leads to another one. */
export class Gate implements Way {
  readonly #to: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #cut: Cut | null = null;

  private constructor(to: number) {
    this.#to = to;
    this.#server = createServer((client) => this.#take(client));
  }

  /**
   * @param to The port of the server, on this machine.
   * @param at The address at which it listens.
   */
  static async open(to: number, at = "127.0.0.1"): Promise<Gate> {
    const gate = new Gate(to);
    await new Promise<void>((resolve) => gate.#server.listen(0, at, resolve));
    return gate;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the gate has no port");
    return address.port;
  }

  cut(cut: Cut): void {
    this.#cut = cut;
    for (const pair of this.#pairs) pair.obey(cut);
  }

  mend(): void {
    this.#cut = null;
    for (const pair of this.#pairs) pair.obey(null);
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) pair.end();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(client: Socket): void {
    const pair = new Pair(client, connect(this.#to, "127.0.0.1"));
    this.#pairs.add(pair);
    pair.onEnd = () => this.#pairs.delete(pair);
    pair.obey(this.#cut);
  }
}

/** One connection, in two halves. */
class Pair {
  onEnd: () => void = () => {};
  readonly #client: Socket;
  readonly #server: Socket;

  constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.#server = server;
    client.on("data", (chunk) => void server.write(chunk));
    server.on("data", (chunk) => void client.write(chunk));
    for (const half of [client, server]) {
      half.on("error", () => {});
      half.on("close", () => this.end());
    }
  }

  /** A half that is paused reads nothing, and so does not hear of the other side's end either. */
  obey(cut: Cut | null): void {
    if (cut === "both") this.#client.pause();
    else this.#client.resume();
    if (cut === null) this.#server.resume();
    else this.#server.pause();
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
    this.onEnd();
  }
}
