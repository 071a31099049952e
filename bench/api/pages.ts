// Pages: answers full of commands, made by copying one command and writing other ids into it.
import { createHash } from "node:crypto";
import type { LoadOptions } from "./client.ts";

/** Pages that are kept: what does not fit is made again at each request. */
const KEPT_BYTES_MAX = 256 * 1024 * 1024;

/** Ten digits, so that every id takes the same room. */
const ID_FIRST = 1_000_000_000;
const ID_MARK = "##########";

const VALUE = '"value":';
const ITEM_END = "}]}";
const COMMA = Buffer.from(",");

const HEAD = Buffer.from('{"collection":{"version":"1.0","href":"","items":[');
const TAIL = Buffer.from('],"template":{},"error":{}}}');

/** Of all commands of an action, as they stand in a result. */
export interface CommandsDigest {
  readonly size: number;
  readonly sha256: string;
}

export class Pages {
  readonly #commands: number;
  readonly #item: Buffer;
  readonly #places: readonly number[];
  readonly #kept = new Map<string, Uint8Array<ArrayBuffer>>();
  #keptBytes = 0;

  constructor({ commands = 0, commandBytes = 5_000 }: LoadOptions) {
    this.#commands = commands;
    const command = commandText(commands, commandBytes);
    const text = `{"href":"/${ID_MARK}","data":[{"name":"command",${VALUE}${command}${ITEM_END}`;
    this.#item = Buffer.from(text);
    this.#places = [...text.matchAll(new RegExp(ID_MARK, "g"))].map(({ index }) => index);
  }

  /** A page of an action's commands; null when there are none so far down. */
  page(offset: number, limit: number): Uint8Array<ArrayBuffer> | null {
    const count = Math.min(limit, this.#commands - offset);
    if (count <= 0) return null;
    const key = `${offset}/${count}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const page = this.#make(offset, count);
    if (this.#keptBytes + page.length <= KEPT_BYTES_MAX) {
      this.#keptBytes += page.length;
      this.#kept.set(key, page);
    }
    return page;
  }

  /** What the commands of an action are in a result file: one after the other, with commas. */
  digest(): CommandsDigest {
    const hash = createHash("sha256");
    const command = this.#item.subarray(this.#item.indexOf(VALUE) + VALUE.length, -ITEM_END.length);
    const idAt = command.indexOf(ID_MARK);
    let size = 0;
    for (let index = 0; index < this.#commands; index++) {
      command.write(`${ID_FIRST + index}`, idAt);
      const parts = index === 0 ? [command] : [COMMA, command];
      for (const part of parts) hash.update(part);
      size += command.length + (index === 0 ? 0 : 1);
    }
    command.write(ID_MARK, idAt);
    return { size, sha256: hash.digest("hex") };
  }

  #make(offset: number, count: number): Uint8Array<ArrayBuffer> {
    const item = this.#item;
    const page = Buffer.allocUnsafeSlow(
      HEAD.length + count * (item.length + 1) - 1 + TAIL.length,
    ) as Buffer<ArrayBuffer>;
    let at = HEAD.copy(page);
    for (let index = 0; index < count; index++) {
      if (index > 0) page[at++] = 0x2c;
      item.copy(page, at);
      for (const place of this.#places) page.write(`${ID_FIRST + offset + index}`, at + place);
      at += item.length;
    }
    TAIL.copy(page, at);
    return page;
  }
}

/** One command of about `size` bytes, at least 3,000, in the members and the order of the real API. */
function commandText(commands: number, size: number): string {
  const [time, never] = ["2026-11-23T15:31:00Z", "0001-01-01T00:00:00Z"];
  const rights = ["search", "action", "command", "agent", "dashboard", "loader", "manifest"];
  const permissions = rights.flatMap((right) => [right, `${right}_create`, `${right}_update`]);
  const investigator = {
    id: 1,
    name: "load",
    pgpfingerprint: "A".repeat(40),
    status: "active",
    createdat: time,
    lastmodified: time,
    permissions: Object.fromEntries(permissions.map((name) => [name, true])),
  };
  const action = {
    id: 5_000_000_000,
    name: "mig-runner: load",
    target: "status='online'",
    description: {},
    threat: {},
    validfrom: time,
    expireafter: time,
    operations: [{ module: "pkg", parameters: { searches: { all: { description: "" } } } }],
    pgpsignatures: ["x".repeat(372)],
    investigators: [investigator],
    starttime: never,
    finishtime: never,
    lastupdatetime: never,
    counters: { sent: commands, done: commands, success: commands },
    syntaxversion: 2,
  };
  const agent = {
    id: 7,
    name: "agent.example.test",
    queueloc: "",
    mode: "",
    version: "0.unversioned",
    starttime: never,
    destructiontime: never,
    heartbeatts: never,
    refreshts: never,
    environment: { init: "systemd", ident: "Debian 12 bookworm", os: "linux", arch: "amd64" },
    tags: { environment: "load", operator: "ops" },
  };
  const found = { name: "libssl3", version: "3.0.15-1~deb12u1", type: "dpkg", arch: "amd64" };
  const textOf = (packages: readonly object[]): string => {
    const elements = { packages };
    const results = [
      { foundanything: true, success: true, elements, statistics: {}, errors: null },
    ];
    const rest = { status: "success", results, starttime: time, finishtime: time };
    return JSON.stringify({ id: 0, action, agent, ...rest }).replace('"id":0', `"id":${ID_MARK}`);
  };
  const room = size - textOf([]).length;
  const count = Math.max(0, Math.floor(room / (JSON.stringify(found).length + 1)));
  return textOf(Array.from({ length: count }, () => found));
}
