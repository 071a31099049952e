// Hostile: an API whose answers do not end, or are nested without end. Each is refused within its
// limit, the memory of the program stays bounded, and nothing is lost.
//
//   bun test/faults/hostile.ts [MEGABYTES]        default 1024, the most that each answer sends
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { startRawServer } from "../support/raw-server.ts";
import { Host } from "../support/site.ts";

const MEGABYTE = 1024 * 1024;

/** How an answer begins, and what it then repeats. */
export const ANSWERS: Readonly<Record<string, readonly [begin: string, again: string]>> = {
  "a command that does not end": [
    '{"collection":{"items":[{"data":[{"name":"command","value":{"id":1,"results":["',
    "a",
  ],
  "a list of commands that does not end": [
    '{"collection":{"items":[',
    `{"data":[{"name":"command","value":{"id":1,"status":"${"a".repeat(1_000)}"}}]},`,
  ],
  "blanks without end": ["{", " "],
  "a member name that does not end": ['{"', "a"],
  "lists in a command": [
    '{"collection":{"items":[{"data":[{"name":"command","value":{"id":1,"results":',
    "[",
  ],
  "lists in lists": ['{"collection":{"items":', "["],
  "objects in objects": ["", '{"a":'],
  "HTML without end": ["<html>", "<p>It works!</p>"],
};

/** What became of one answer. */
export interface Refusal {
  /** What the log said of it. */
  readonly said: string;
  /** Megabytes that were sent until the program hung up. */
  readonly sent: number;
  /** The most memory that the program has used until then, in megabytes; null off Linux. */
  readonly peak: number | null;
  /** Whether the action is still in flight, to be collected later (I4). */
  readonly kept: boolean;
}

/** Lets the program collect an action from an API that answers so. */
export async function refuse(
  [begin, again]: readonly [string, string],
  { megabytes, status = "200 OK" }: { readonly megabytes: number; readonly status?: string },
): Promise<Refusal> {
  const chunk = Buffer.from(again.repeat(Math.ceil(MEGABYTE / again.length)), "latin1");
  let sent = 0;
  const server = await startRawServer({
    onRequest(_request, socket) {
      const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n`;
      socket.write(head + begin);
      sent = 0;
      send(socket, { chunk, left: megabytes, count: () => sent++ });
    },
  });
  await using host = await Host.create({
    url: `${server.url}/api/v1/`,
    client: ["pagesize = 1"],
  });
  try {
    await host.job("drift");
    const action = { id: 7, name: "mig-runner: drift", expireafter: "2020-01-01T00:00:00Z" };
    const record = { action, commands: null, name: "drift", plugin: "" };
    await host.scenario.write("runners/drift/inflight/7.json", JSON.stringify(record));
    const daemon = await host.daemon();
    const said = await daemon.prints(/results error for drift: 7: /);
    const memory = await readFile(`/proc/${daemon.pid}/status`, "utf8").catch(() => "");
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(memory)?.[1];
    const { stdout } = await host.run("status", "--json");
    const [waiting] = JSON.parse(stdout).inFlight;
    await daemon.kill();
    return {
      said: said.replace(/^.*results error for drift: 7: /, ""),
      sent,
      peak: peak === undefined ? null : Math.round(Number(peak) / 1024),
      kept: waiting?.actionId === 7 && (await host.results("drift")).length === 0,
    };
  } finally {
    await server.close();
  }
}

/** Sends a chunk over and over, as fast as it is taken. */
function send(
  socket: Socket,
  { chunk, left, count }: { readonly chunk: Buffer; readonly left: number; count(): void },
): void {
  let rest = left;
  const more = (): void => {
    while (rest-- > 0 && !socket.destroyed) {
      count();
      if (!socket.write(chunk)) return void socket.once("drain", more);
    }
    socket.end();
  };
  more();
}

if (import.meta.main) {
  const megabytes = Number(process.argv[2] ?? 1024);
  for (const [what, answer] of Object.entries(ANSWERS)) {
    console.log(what, JSON.stringify(await refuse(answer, { megabytes })));
  }
}
