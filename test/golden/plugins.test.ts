// Plugins: how the original says that a plugin ended.
import { expect, test } from "bun:test";
import { deliverToExecutable } from "../../src/edge/plugins/executable.ts";
import { MemoryLog, Scratch } from "../support/edge.ts";
import cases from "./plugins/messages.json" with { type: "json" };

test("golden plugin messages are said again", async () => {
  using scratch = new Scratch();
  const resultPath = scratch.file("7.json", "x".repeat(4_493));
  const said = await Promise.all(
    cases.map(async ({ name, script }) => {
      const path = scratch.file(`plugins/${name}`, script, 0o755);
      const { message } = await deliverToExecutable(
        { plugin: name, job: "page80", actionId: 7, resultPath, key: "k", attempt: 1 },
        {
          path,
          timeoutMs: 20_000,
          graceMs: 1_000,
          log: new MemoryLog(),
          environment: { PATH: process.env.PATH },
        },
      );
      return message.replace(path, "PATH").replace(/ \(.*\)$/, "");
    }),
  );
  const right = said.filter((message, index) => message === cases[index]?.message);
  console.log(`golden plugins: ${right.length} of ${cases.length}`);
  expect(said).toEqual(cases.map(({ message }) => message));
});
