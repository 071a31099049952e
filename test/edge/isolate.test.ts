import { describe, expect, test } from "bun:test";
import { isolateWorker } from "../../src/edge/isolate.ts";

describe("isolateWorker()", () => {
  test("answers requests without sending them, and keeps standard output clean", async () => {
    const before = { fetch: globalThis.fetch, log: console.log, info: console.info };
    const { debug } = console;
    const requested: string[] = [];
    try {
      isolateWorker((what) => void requested.push(what));
      const request = new Request("http://a.example/b?key=secret", { method: "PUT", body: "c" });
      const answers = [await fetch(request), await fetch("https://b.example/x")];
      expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([{}, {}]);
      expect(requested).toEqual(["PUT http://a.example", "GET https://b.example"]);
      expect(console.log).toBe(console.error);
    } finally {
      Object.assign(globalThis, { fetch: before.fetch });
      Object.assign(console, { log: before.log, info: before.info, debug });
    }
  });
});
