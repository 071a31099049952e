// Agent: keeps connections for the next request to the same place.
import { type AgentOptions, Agent as NodeAgent, type RequestOptions } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { messageOf } from "../../errors.ts";
import type { Milliseconds } from "../../time.ts";
import { type ConnectOptions, connect, type Route } from "./connect.ts";
import { ConnectError } from "./faults.ts";

/** What a request must carry for its agent: the way to the server. */
export interface RoutedOptions extends RequestOptions {
  readonly route: Route;
}

/** Node's agent over our own connections. Errors before a socket is there are ConnectErrors. */
export class RouteAgent extends NodeAgent {
  readonly #connect: ConnectOptions;
  readonly #unusedMaxMs: Milliseconds;
  #isClosed = false;

  /** @param options `unusedMaxMs`: how long a connection is kept that nobody uses. */
  constructor(
    connectOptions: ConnectOptions,
    { unusedMaxMs = 0, ...options }: AgentOptions & { readonly unusedMaxMs?: Milliseconds },
  ) {
    super(options);
    this.#connect = connectOptions;
    this.#unusedMaxMs = unusedMaxMs;
  }

  /** For Node: requests with the same name can share a connection. */
  override getName(options?: RequestOptions): string {
    return routeOf(options).key;
  }

  /** Ends the connections that nobody uses, now and whenever one becomes unused. */
  close(): void {
    this.#isClosed = true;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** For Node: whether to keep a connection that became unused. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#isClosed) return false;
    // Node answers false when the server announced that it will close; the types do not say so.
    const kept: unknown = super.keepSocketAlive(socket);
    // Node has set the time limit to its own, which is none.
    if (kept !== false) (socket as Socket).setTimeout(this.#unusedMaxMs);
    return kept !== false;
  }

  /** For Node: opens a connection and hands it over when it is ready. */
  override createConnection(
    options: RequestOptions,
    callback?: (error: Error | null, socket: Socket) => void,
  ): undefined {
    void this.#open(routeOf(options), callback ?? (() => {}));
  }

  async #open(route: Route, callback: (error: Error | null, socket: Socket) => void) {
    let socket: Socket;
    try {
      socket = await connect(route, this.#connect);
    } catch (error) {
      const known = error instanceof ConnectError ? error : new ConnectError(messageOf(error));
      // Node's type wants a socket even where there is none.
      callback(known, undefined as unknown as Socket);
      return;
    }
    socket.on("timeout", () => {
      const unused = Object.values(this.freeSockets).some((list) => list?.includes(socket));
      if (unused) socket.destroy();
    });
    callback(null, socket);
  }
}

function routeOf(options: RequestOptions | undefined): Route {
  return (options as RoutedOptions).route;
}
