// json: every value and every error of Go's encoding/json with an interface{}.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { messageOf } from "../../src/errors.ts";
import { decodeJson, encodeJson } from "../../src/lib/go/json.ts";

interface Vector {
  readonly id: string;
  readonly text?: string;
  readonly text_base64?: string;
  readonly canonical?: string;
  readonly error?: string;
}

const vectors: readonly Vector[] = readFileSync(
  new URL("./json/vectors.jsonl", import.meta.url),
  "utf8",
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));

function answerTo({ text = "", text_base64 }: Vector): string {
  const bytes = Buffer.from(text_base64 ?? text, text_base64 === undefined ? "utf8" : "base64");
  try {
    return encodeJson(decodeJson(bytes));
  } catch (error) {
    return messageOf(error);
  }
}

test("values and errors are Go's, byte for byte", () => {
  const wrong = vectors.filter((vector) => answerTo(vector) !== (vector.canonical ?? vector.error));
  console.log(`golden json: ${vectors.length - wrong.length} of ${vectors.length}`);
  expect(wrong.map(({ id }) => id)).toEqual([]);
  expect(vectors.length).toBe(322);
});
