// result: the original's in-flight records and result files, around bytes that are carried through.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { encodeInflight, parseInflight, resultHead, resultTail } from "../../src/mig/result.ts";

function load(name: string): readonly string[] {
  return readFileSync(new URL(`./result/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
}

test("in-flight records are read, and written again to the same bytes", () => {
  const records = load("inflight");
  const wrong = records.filter((text) => {
    const plain = JSON.parse(text);
    const record = parseInflight(Buffer.from(text));
    expect(record.actionId).toBe(plain.action.id);
    expect(record.actionName).toBe(plain.action.name);
    expect(record.signatures).toEqual(plain.action.pgpsignatures);
    expect(record.job).toBe(plain.name);
    expect(record.plugin).toBe(plain.plugin);
    const again = encodeInflight(record.actionBytes, record.job, { plugin: record.plugin });
    // One job directory has a name that is not UTF-8: Go escapes what only it still has as bytes.
    return Buffer.from(again).toString() !== text.replace("bad\\ufffdutf", "bad\uFFFDutf");
  });
  console.log(`golden inflight: ${records.length - wrong.length} of ${records.length}`);
  expect(wrong).toEqual([]);
});

test("result files begin and end as the original's", () => {
  const cases = load("results").map((line) => JSON.parse(line));
  const wrong = cases.filter(({ inflight, result }) => {
    const { actionBytes, job } = parseInflight(Buffer.from(inflight));
    const head = Buffer.from(resultHead(actionBytes)).toString();
    const tail = Buffer.from(resultTail(job, "")).toString();
    const commands = `[${result.slice(head.length, result.length - tail.length)}]`;
    return (
      !result.startsWith(head) ||
      !result.endsWith(tail) ||
      !Bun.deepEquals(JSON.parse(commands), JSON.parse(result).commands)
    );
  });
  console.log(`golden result: ${cases.length - wrong.length} of ${cases.length}`);
  expect(wrong.map(({ name }) => name)).toEqual([]);
});
