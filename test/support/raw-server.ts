// Raw server: a loopback server that shows what came over the wire, byte by byte, and answers with
// bytes of the test's own choice.
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

export interface RawRequest {
  /** From the request line to the empty line, as it came. */
  readonly head: string;
  readonly body: string;
  /** Of the connection that it came on, counted from 1. */
  readonly connection: number;
}

export interface RawServer {
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly requests: readonly RawRequest[];
  /** Connections that were opened, and those that still are. */
  readonly opened: () => number;
  readonly open: () => number;
  /** Resolves when no connection is open. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

export interface RawServerOptions {
  /** Answers a request that is complete. Without it nothing is answered. */
  onRequest?(request: RawRequest, socket: Socket): void;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Listens on a free port. */
export async function startRawServer(options: RawServerOptions): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let opened = 0;
  let drained: (() => void)[] = [];
  const serve = (socket: Socket): void => {
    const connection = ++opened;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (sockets.size > 0) return;
      for (const resolve of drained) resolve();
      drained = [];
    });
    let text = "";
    socket.on("data", (part) => {
      text += part.toString("latin1");
      for (;;) {
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        const head = text.slice(0, end + 4);
        const size = Number(/^Content-Length: (\d+)/im.exec(head)?.[1] ?? 0);
        if (text.length < end + 4 + size) return;
        const body = text.slice(end + 4, end + 4 + size);
        text = text.slice(end + 4 + size);
        const request = { head, body, connection };
        requests.push(request);
        options.onRequest?.(request, socket);
      }
    });
  };
  const server: Server =
    options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  const { port } = address;
  return {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    requests,
    opened: () => opened,
    open: () => sockets.size,
    drained: () =>
      new Promise((resolve) => (sockets.size === 0 ? resolve() : drained.push(resolve))),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** An HTTP/1.1 answer with its length. */
export function answerWith(
  body: string | Uint8Array,
  { status = "200 OK", headers = [] }: { status?: string; headers?: readonly string[] } = {},
): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${bytes.length}`, "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), bytes]);
}
