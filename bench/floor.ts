// Floor: fetches the pages that a collect fetches and writes them to disk, with nothing else done.
// A process of its own, so that it is measured as the program is.
//
//   bun bench/floor.ts URL DIRECTORY ACTIONS COMMANDS PAGE_SIZE
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";

const [url = "", directory = "", ...numbers] = process.argv.slice(2);
const [actions = 0, commands = 0, pageSize = 1_000] = numbers.map(Number);
const AT_ONCE = 16;
const agent = new Agent({ keepAlive: true });

function ask(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url + path, { agent }, resolve).on("error", reject);
  });
}

async function fetchAction(id: number): Promise<void> {
  const fd = openSync(`${directory}/floor-${id}`, "w");
  for (let offset = 0; offset < commands; offset += pageSize) {
    const path = `search?type=command&limit=${pageSize}&offset=${offset}&actionid=${id}`;
    for await (const part of await ask(path)) writeSync(fd, part as Uint8Array);
  }
  fdatasyncSync(fd);
  closeSync(fd);
}

let next = 1;
async function work(): Promise<void> {
  while (next <= actions) await fetchAction(next++);
}
await Promise.all(Array.from({ length: AT_ONCE }, work));
agent.destroy();
