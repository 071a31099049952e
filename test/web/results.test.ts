import { describe, expect, test } from "bun:test";
import { HostLists, type HostsQuestion, type ResultFiles } from "../../src/web/results.ts";
import { answer, command } from "../support/results.ts";

/** A result in memory, and how often it was read from its beginning to its end. */
class MemoryFiles implements ResultFiles {
  bytes: Uint8Array;
  mark = "1";
  wholeReads = 0;

  constructor(commands: readonly object[]) {
    this.bytes = bytesOf({ action: { id: 7 }, commands, name: "nightly", plugin: "" });
  }

  async find(path: string) {
    return path === "/gone" ? null : { mark: this.mark, size: this.bytes.length };
  }

  async *stream() {
    for (let from = 0; from < this.bytes.length; from += 65_536) {
      yield this.bytes.slice(from, from + 65_536);
    }
    this.wholeReads++;
  }

  async parts(_: string, parts: readonly { readonly offset: number; readonly size: number }[]) {
    return parts.map(({ offset, size }) => this.bytes.slice(offset, offset + size));
  }
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

const ALL: HostsQuestion = {
  status: null,
  found: null,
  host: "",
  sort: "file",
  text: "",
  from: 0,
  limit: 2,
};

const COMMANDS = [
  command({ id: 1, host: "web2", results: [answer({ path: "/etc/ssh" })] }),
  command({ id: 2, host: "db1", status: "expired", results: [] }),
  command({ id: 3, host: "web1", results: [answer(null, { foundanything: false })] }),
  command({ id: 4, host: "web3", results: [answer({ text: "a <b> & c" })] }),
];

async function hostsOf(files: MemoryFiles, question: Partial<HostsQuestion>) {
  const page = await new HostLists(files).page("/r", { ...ALL, limit: 9, ...question });
  return page?.hosts.map(({ host }) => host);
}

describe("HostLists", () => {
  test("answers a page of hosts with what was found, and how many there are", async () => {
    const results = new HostLists(new MemoryFiles(COMMANDS));
    const page = await results.page("/r", { ...ALL, from: 1 });
    expect(page).toMatchObject({ from: 1, total: 4, statuses: { success: 3, expired: 1 } });
    expect(page?.hosts).toMatchObject([
      { commandId: 2, host: "db1", status: "expired", found: false, elements: [] },
      { commandId: 3, host: "web1", status: "success", found: false },
    ]);
    const [first] = (await results.page("/r", ALL))?.hosts ?? [];
    expect(first).toMatchObject({ host: "web2", found: true, elements: [{ path: "/etc/ssh" }] });
  });

  test("finds hosts by what their modules gave, in the forms in which JSON has it", async () => {
    const files = new MemoryFiles(COMMANDS);
    expect(await hostsOf(files, { text: "/etc/ssh" })).toEqual(["web2"]);
    expect(await hostsOf(files, { text: "a <b> & c" })).toEqual(["web3"]);
    expect(await hostsOf(files, { text: "rootlogin" })).toEqual([]);
    const go = JSON.stringify(COMMANDS).replaceAll("<", "\\u003c").replaceAll(">", "\\u003e");
    files.bytes = new TextEncoder().encode(
      `{"action":{},"commands":${go.replaceAll("&", "\\u0026")}}`,
    );
    expect(await hostsOf(files, { text: "a <b> & c" })).toEqual(["web3"]);
  });

  test("reads a file once, and again when it is another", async () => {
    const files = new MemoryFiles(COMMANDS);
    const results = new HostLists(files);
    for (const from of [0, 2, 1]) await results.page("/r", { ...ALL, from });
    await results.page("/r", { ...ALL, sort: "host", text: "ssh" });
    expect(files.wholeReads).toBe(1);
    files.mark = "2";
    await results.page("/r", ALL);
    expect(files.wholeReads).toBe(2);
  });

  test("shows the beginning of a large file before it has read the whole", async () => {
    const many = Array.from({ length: 9_000 }, (_, id) => command({ id: id + 1, host: `h${id}` }));
    const files = new MemoryFiles(many);
    expect(files.bytes.length).toBeGreaterThan(4 * 1024 * 1024);
    const results = new HostLists(files);
    const first = await results.page("/r", ALL);
    expect(first).toMatchObject({ total: null, hosts: [{ host: "h0" }, { host: "h1" }] });
    const last = await results.page("/r", { ...ALL, from: 8_999 });
    expect(last).toMatchObject({ total: 9_000, hosts: [{ host: "h8999" }] });
    expect(await results.page("/r", ALL)).toMatchObject({ total: 9_000 });
    expect(files.wholeReads).toBe(1);
  });

  test("shows what of a command stands in the index when it is too large itself", async () => {
    const large = command({ id: 1, host: "web1", results: [answer("x".repeat(300_000))] });
    const page = await new HostLists(new MemoryFiles([large])).page("/r", ALL);
    expect(page?.hosts).toMatchObject([
      { host: "web1", found: true, elements: [], errors: [expect.stringContaining("too many")] },
    ]);
  });

  test("takes whatever agents send for a command", async () => {
    const odd = [
      {},
      { agent: 5, results: {} },
      { results: [null, 1, { errors: [{ a: 1 }, null] }] },
    ];
    const page = await new HostLists(new MemoryFiles(odd)).page("/r", { ...ALL, limit: 9 });
    expect(page?.hosts.map(({ errors }) => errors)).toEqual([[], [], ['{"a":1}', ""]]);
  });

  test("says that a file is gone or no result, and reads it again when it is mended", async () => {
    const files = new MemoryFiles(COMMANDS);
    const results = new HostLists(files);
    expect(await results.page("/gone", ALL)).toBeNull();
    const { bytes } = files;
    files.bytes = bytes.slice(0, 300);
    await expect(results.page("/r", ALL)).rejects.toThrow("Cannot read");
    files.bytes = bytes;
    expect((await results.page("/r", ALL))?.total).toBe(4);
  });

  test("gives all that are asked for, a batch at a time", async () => {
    const results = new HostLists(new MemoryFiles(COMMANDS));
    const batches: string[][] = [];
    for await (const hosts of results.all("/r", { ...ALL, sort: "host" })) {
      batches.push(hosts.map(({ host }) => host));
    }
    expect(batches).toEqual([
      ["db1", "web1"],
      ["web2", "web3"],
    ]);
  });
});
