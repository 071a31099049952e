// Original: a stand-in for the original runner, which is not here to be run. It fetches as that one
// does: 37 commands a page until a page has none, one action after the other, and all commands of
// an action decoded in memory before they are encoded into its file.
//
//   bun bench/original.ts URL DIRECTORY ACTIONS
import { writeFileSync } from "node:fs";
import { Agent, get, type IncomingMessage } from "node:http";

interface Collection {
  readonly items?: readonly { readonly data: readonly { name: string; value: unknown }[] }[];
}

const [url = "", directory = "", actions = "0"] = process.argv.slice(2);
const PAGE_SIZE = 37;
const agent = new Agent({ keepAlive: true });

async function ask(path: string): Promise<Collection> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url + path, { agent }, resolve).on("error", reject);
  });
  const parts: Uint8Array[] = [];
  for await (const part of answer) parts.push(part as Uint8Array);
  const { collection } = JSON.parse(Buffer.concat(parts).toString()) as { collection: Collection };
  return collection;
}

for (let id = 1; id <= Number(actions); id++) {
  const commands: unknown[] = [];
  for (let offset = 0; ; offset += PAGE_SIZE) {
    const path = `search?type=command&limit=${PAGE_SIZE}&offset=${offset}&actionid=${id}`;
    const items = (await ask(path)).items ?? [];
    const found = items.flatMap(({ data }) => data).filter(({ name }) => name === "command");
    if (found.length === 0) break;
    commands.push(...found.map(({ value }) => value));
  }
  writeFileSync(`${directory}/original-${id}`, JSON.stringify({ action: {}, commands }));
}
agent.destroy();
