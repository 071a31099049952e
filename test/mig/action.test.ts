import { describe, expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { describeError, RunnerError } from "../../src/errors.ts";
import {
  type Action,
  actionMistakes,
  compressAction,
  dateAction,
  encodeAction,
  formBody,
  hasStaleSignatures,
  parseTemplate,
  signedText,
  withSignature,
} from "../../src/mig/action.ts";

function parse(text: string): Action {
  return parseTemplate(new TextEncoder().encode(text));
}

function errorOf(text: string): RunnerError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof RunnerError) return error;
  }
  throw new Error(`parsed ${text}`);
}

const TEMPLATE = `{
  "name": "replaced",
  "target": "status='online'",
  "operations": [{"module": "timedrift", "parameters": {"drift": "60s"}}],
  "pgpsignatures": ["stale"]
}`;

const ORDER = {
  name: "mig-runner: drift",
  now: Date.UTC(2026, 0, 2, 3, 5, 5, 678),
  expiryMs: 300_000,
};

describe("parseTemplate()", () => {
  test("says line, column and Go's words for a mistake of syntax", () => {
    const error = errorOf('{\n  "name": "é",\n  "é" "x"\n}');
    expect(error.code).toBe("ACTION");
    expect(error.detail).toMatchObject({ line: 3, column: 7 });
    expect(error.message).toBe(
      "Cannot read the action template: invalid character '\"' after object key",
    );
  });

  test("says where a value of the wrong type begins", () => {
    const error = errorOf('{\n "operations": [\n  {"module": 1}]}');
    expect(describeError(error)).toBe(
      "3:14: Cannot read the action template: json: cannot unmarshal number into " +
        "Go struct field Operation.operations.module of type string (Write a text in double quotes)",
    );
  });

  test.each([
    ['\uFEFF{"target":"t"}', "Save the file as UTF-8 without a byte order mark"],
    ['{"target":"t",}', "Remove the comma before the closing brace"],
    ['{"operations":[{},]}', "Remove the comma before the closing bracket"],
    ['{"starttime":"today"}', "Leave validfrom and expireafter out; write other times as 2026-"],
  ])("knows how to mend %j", (text, hint) => {
    expect(errorOf(text).detail.hint).toStartWith(hint);
  });

  test("takes null for an action that says nothing", () => {
    expect(encodeAction(parse("null"))).toBe(encodeAction(parse("{}")));
  });
});

describe("dateAction()", () => {
  test("is valid from a minute ago until its expiry has passed from now", () => {
    const { validfrom, expireafter } = dateAction(parse(TEMPLATE), ORDER);
    const json = encodeAction(dateAction(parse(TEMPLATE), ORDER));
    expect(json).toContain('"validfrom":"2026-01-02T03:04:05.678Z"');
    expect(json).toContain('"expireafter":"2026-01-02T03:10:05.678Z"');
    expect(expireafter.unixSeconds - validfrom.unixSeconds).toBe(360);
  });

  test("has whole milliseconds, so that no database rounds it to another second (A2)", () => {
    const nearlyNext = { ...ORDER, now: Date.UTC(2026, 0, 2, 3, 5, 5, 999) };
    const { validfrom } = dateAction(parse(TEMPLATE), nearlyNext);
    expect(validfrom.nanoseconds).toBe(999_000_000);
    expect(() => dateAction(parse(TEMPLATE), { ...ORDER, expiryMs: 0.5 })).toThrow("A2");
  });

  test("takes the name it is given, syntax version 2 and no signatures", () => {
    const template = parse(TEMPLATE.replace('"name"', '"syntaxversion": 1, "name"'));
    const dated = dateAction(template, ORDER);
    expect(dated.name).toBe("mig-runner: drift");
    expect(dated.syntaxversion).toBe(2n);
    expect(hasStaleSignatures(template)).toBe(true);
    expect(hasStaleSignatures(dated)).toBe(false);
    expect(hasStaleSignatures(parse('{"pgpsignatures":[]}'))).toBe(false);
  });

  test("leaves the template as it was", () => {
    const template = parse(TEMPLATE);
    const before = encodeAction(template);
    withSignature(compressAction(dateAction(template, ORDER)), "signature");
    expect(encodeAction(template)).toBe(before);
  });
});

describe("compressAction()", () => {
  const wanting = TEMPLATE.replace('"parameters"', '"want_compressed": true, "parameters"');

  test("packs the parameters of operations that want it, and says so", () => {
    const [operation] = compressAction(parse(wanting)).operations ?? [];
    const packed = Buffer.from(String(operation?.parameters), "base64");
    expect(gunzipSync(packed).toString()).toBe('{"drift":"60s"}');
    expect(operation?.is_compressed).toBe(true);
    expect(operation?.want_compressed).toBe(true);
  });

  test("packs nothing twice, and nothing that does not want it", () => {
    const once = compressAction(parse(wanting));
    expect(compressAction(once)).toEqual(once);
    expect(compressAction(parse(TEMPLATE))).toEqual(parse(TEMPLATE));
    expect(compressAction(parse("{}")).operations).toBeNull();
  });

  test("gives the same bytes every time", () => {
    expect(signedText(compressAction(parse(wanting)))).toBe(
      signedText(compressAction(parse(wanting))),
    );
  });
});

describe("signedText()", () => {
  test("covers name, target, both times and the operations", () => {
    expect(signedText(dateAction(parse(TEMPLATE), ORDER))).toBe(
      "name=mig-runner: drift;target=status='online';validfrom=1767323045;" +
        "expireafter=%!s(int64=1767323405);" +
        'operations=[{"module":"timedrift","parameters":{"drift":"60s"}}];',
    );
  });

  test("does not change when the signature is added (A1)", () => {
    const action = compressAction(dateAction(parse(TEMPLATE), ORDER));
    expect(signedText(withSignature(action, "signature"))).toBe(signedText(action));
  });
});

describe("encodeAction()", () => {
  test("writes the whole action in the order of the original's struct", () => {
    const zero = "0001-01-01T00:00:00Z";
    expect(encodeAction(withSignature(dateAction(parse(TEMPLATE), ORDER), "c2ln"))).toBe(
      '{"id":0,"name":"mig-runner: drift","target":"status=\'online\'","description":{},' +
        '"threat":{},"validfrom":"2026-01-02T03:04:05.678Z",' +
        '"expireafter":"2026-01-02T03:10:05.678Z",' +
        '"operations":[{"module":"timedrift","parameters":{"drift":"60s"}}],' +
        `"pgpsignatures":["c2ln"],"starttime":"${zero}","finishtime":"${zero}",` +
        `"lastupdatetime":"${zero}","counters":{},"syntaxversion":2}`,
    );
  });
});

describe("withSignature()", () => {
  test("keeps the signatures that are there", () => {
    expect(withSignature(parse('{"pgpsignatures":["a"]}'), "b").pgpsignatures).toEqual(["a", "b"]);
  });
});

describe("formBody()", () => {
  test("is one form field", () => {
    expect(formBody('{"id":0,"name":"a b"}')).toBe(
      "action=%7B%22id%22%3A0%2C%22name%22%3A%22a+b%22%7D",
    );
  });
});

describe("actionMistakes()", () => {
  test("finds none in an action that can be posted", () => {
    expect(actionMistakes(dateAction(parse(TEMPLATE), ORDER))).toEqual([]);
  });

  test("finds all that the API would refuse", () => {
    expect(actionMistakes(parse("{}")).map(({ message }) => message)).toEqual([
      "Cannot post the action: its target is empty",
      "Cannot post the action: it has no operations",
    ]);
    const long = parse(`{"target":"${"é".repeat(2_049)}","operations":[{"module":"file"},{}]}`);
    expect(actionMistakes(long).map(({ message }) => message)).toEqual([
      "Cannot post the action: its target has 2049 characters",
      "Cannot post the action: operation 2 names no module",
    ]);
    expect(actionMistakes(parse('{"target":"t","operations":[]}'))).toHaveLength(1);
  });

  test("counts characters, not UTF-16 units", () => {
    const action = { ...parse(TEMPLATE), target: "😀".repeat(2_048) };
    expect(actionMistakes(action)).toEqual([]);
  });
});

describe("parseTemplate() says how to mend", () => {
  const mistakes: Readonly<Record<string, readonly [text: string, hint: string]>> = {
    "an empty file": ["", "The file is empty"],
    "an object that does not end": ['{"a": 1', "Close every brace"],
    "a comma before a brace": ['{"a": 1,}', "Remove the comma before the closing brace"],
    "a comma before a bracket": ['{"a": [1,]}', "Remove the comma before the closing bracket"],
    "a comma too many": ['{"a": 1,, "b": 2}', "Remove the comma: nothing stands before it"],
    "a comma too few": ['{"a": 1 "b": 2}', "Put a comma between two members"],
    "a colon too few": ['{"a" 1}', "Put a colon between"],
    "quotes of another kind": ["{'a': 1}", "Write texts in double quotes"],
    "a name without quotes": ["{a: 1}", "Write the name of a member in double quotes"],
    "a comment": ['{"a": 1 // one\n}', "Remove the comment: JSON has none"],
    "truth in capitals": ['{"a": True}', "Write true, false and null in small letters"],
    "a line end in a text": ['{"a": "x\ny"}', "End the text in its line"],
    "a backslash of a pattern": ['{"a": "\\d"}', "Write each backslash of a text twice"],
    "a number where a text belongs": ['{"target": 5}', "Write a text in double quotes"],
    "an object for the list of operations": ['{"operations": {}}', "with the brackets of a list"],
    "a name for an operation": ['{"operations": ["file"]}', "Write an operation as an object"],
    "a text for a truth": ['{"operations": [{"want_compressed": "yes"}]}', "Write true or false"],
    "a time that is none": ['{"validfrom": "now"}', "Leave validfrom and expireafter out"],
    "text behind the end": ["{} {}", "Remove what stands behind the last brace"],
  };
  for (const [what, [text, hint]] of Object.entries(mistakes)) {
    test(what, () => {
      const thrown = thrownBy(() => parseTemplate(new TextEncoder().encode(text)));
      expect(thrown).toBeInstanceOf(RunnerError);
      expect((thrown as RunnerError).detail.hint).toContain(hint);
    });
  }
});

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
