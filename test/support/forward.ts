// Forward: a proxy on loopback that brings every request to one port, whatever host it names.
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface Forward {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** First lines of what came, such as `GET http://mig.test/api/v1/ HTTP/1.1`. */
  readonly lines: readonly string[];
  /** Values of Proxy-Authorization that came. */
  readonly credentials: readonly string[];
  close(): Promise<void>;
}

/** Starts a proxy to `port` of this machine, for plain requests and for CONNECT. */
export async function startForward(port: number): Promise<Forward> {
  const lines: string[] = [];
  const credentials: string[] = [];
  const note = ({ method, url, httpVersion, headers }: IncomingMessage): void => {
    lines.push(`${method} ${url} HTTP/${httpVersion}`);
    const credential = headers["proxy-authorization"];
    if (credential !== undefined) credentials.push(credential);
  };
  const server = createServer((incoming, outgoing) => {
    note(incoming);
    const { pathname, search } = new URL(incoming.url ?? "");
    const { method = "", rawHeaders } = incoming;
    const headers = rawHeaders.filter((_, index, all) => !isProxyHeader(all[index & ~1]));
    const onward = request({ port, host: "127.0.0.1", method, path: pathname + search, headers });
    onward.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const sockets = new Set<Socket>();
  server.on("connect", (incoming: IncomingMessage, socket: Socket) => {
    note(incoming);
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    for (const each of [socket, onward]) {
      sockets.add(each);
      each.on("error", () => each.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: own } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${own}`, lines, credentials, close: () => end(server, sockets) };
}

function isProxyHeader(name: string | undefined): boolean {
  return name?.toLowerCase().startsWith("proxy-") === true;
}

function end(server: Server, sockets: Iterable<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
