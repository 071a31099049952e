// signing: every byte that the original signed and posted, and every error of reading an action.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { messageOf } from "../../src/errors.ts";
import { encodeJson } from "../../src/lib/go/json.ts";
import { parseTime } from "../../src/lib/go/time.ts";
import {
  type Action,
  actionMistakes,
  compressAction,
  encodeAction,
  formBody,
  parseTemplate,
  signedText,
  withSignature,
} from "../../src/mig/action.ts";

interface Signed {
  readonly name: string;
  readonly entity: string;
  readonly action_b64: string;
  readonly validfrom: string;
  readonly expireafter: string;
  readonly signedString: string;
  readonly signature: string;
  readonly postJson: string;
  readonly formBody: string;
  readonly loadError?: string;
  readonly apiValidateError?: string;
}

interface Read {
  readonly text: string;
  readonly json?: string;
  readonly signedText?: string;
  readonly error?: string;
}

function load<Line>(name: string): readonly Line[] {
  return readFileSync(new URL(`./signing/${name}.jsonl`, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const vectors = load<Signed>("vectors");
const signed = vectors.filter(({ loadError }) => loadError === undefined);
const refused = vectors.filter(({ loadError }) => loadError !== undefined);

function templateOf({ action_b64 }: Signed): Action {
  return parseTemplate(Buffer.from(action_b64, "base64"));
}

/** The template with the very times of the vector, and with its old signatures, as the original. */
function dated(vector: Signed): Action {
  return {
    ...templateOf(vector),
    name: `mig-runner: ${vector.entity}`,
    validfrom: parseTime(vector.validfrom),
    expireafter: parseTime(vector.expireafter),
    syntaxversion: 2n,
  };
}

/** Go and zlib compress to different bytes: the vector's are used once both say the same. */
function withTheirCompression(vector: Signed): Action {
  const plain = dated(vector);
  const theirs = JSON.parse(vector.postJson).operations as { parameters: string }[];
  const operations = compressAction(plain).operations?.map((operation, index) => {
    if (operation === plain.operations?.[index]) return operation;
    const parameters = theirs[index]?.parameters ?? "";
    expect(unpack(String(operation.parameters))).toBe(unpack(parameters));
    return { ...operation, parameters };
  });
  return { ...plain, operations: operations ?? null };
}

function unpack(base64: string): string {
  return gunzipSync(Buffer.from(base64, "base64")).toString();
}

describe("vectors.jsonl", () => {
  test("signs and posts the original's bytes", () => {
    const wrong = signed.filter((vector) => {
      const action = withTheirCompression(vector);
      const json = encodeAction(withSignature(action, vector.signature));
      return (
        signedText(action) !== vector.signedString ||
        json !== vector.postJson ||
        formBody(json) !== vector.formBody
      );
    });
    console.log(`golden signing: ${signed.length - wrong.length} of ${signed.length}`);
    expect(wrong.map(({ name }) => name)).toEqual([]);
    expect(signed.length).toBe(115);
  });

  test("compresses what wants to be compressed, to other bytes of the same content", () => {
    const compressed = signed.filter((vector) => {
      const before = dated(vector).operations ?? [];
      const after = compressAction(dated(vector)).operations ?? [];
      return after.some(
        (operation, index) => operation.is_compressed !== before[index]?.is_compressed,
      );
    });
    console.log(`golden signing, of these compared after unpacking: ${compressed.length}`);
    for (const vector of compressed) {
      const [plain] = dated(vector).operations ?? [];
      const [packed] = compressAction(dated(vector)).operations ?? [];
      expect(unpack(String(packed?.parameters))).toBe(encodeJson(plain?.parameters ?? null));
    }
    expect(compressed.map(({ name }) => name)).toEqual([
      "want-compressed",
      "want-compressed-null",
      "want-compressed-missing",
      "want-compressed-two",
    ]);
  });

  test("refuses what the original could not load, with its words", () => {
    const wrong = refused.filter((vector) => {
      try {
        templateOf(vector);
        return true;
      } catch (error) {
        return !messageOf(error).endsWith(`: ${vector.loadError}`);
      }
    });
    console.log(
      `golden signing, load errors: ${refused.length - wrong.length} of ${refused.length}`,
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test("names a mistake in each action that the API's code refuses", () => {
    const invalid = signed.filter(({ apiValidateError }) => apiValidateError !== undefined);
    expect(invalid.length).toBeGreaterThan(0);
    for (const vector of invalid) expect(actionMistakes(dated(vector))).not.toEqual([]);
  });
});

test("structs.jsonl: members of any spelling, order and number are read as Go reads them", () => {
  const cases = load<Read>("structs");
  const wrong = cases.filter(({ text, json, signedText: covered, error: wanted }) => {
    try {
      const action = parseTemplate(new TextEncoder().encode(text));
      return encodeAction(action) !== json || signedText(action) !== covered;
    } catch (error) {
      return !messageOf(error).endsWith(`: ${wanted}`);
    }
  });
  console.log(`golden signing structs: ${cases.length - wrong.length} of ${cases.length}`);
  expect(wrong).toEqual([]);
});
