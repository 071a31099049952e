import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/errors.ts";
import {
  encodeInflight,
  parseInflight,
  parsePostedAction,
  resultHead,
  resultTail,
} from "../../src/mig/result.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

const ACTION =
  '{"id":28061811146766,"name":"mig-runner: drift",' +
  '"expireafter":"2026-11-23T15:31:25.012958564Z","pgpsignatures":["one","two"]}';

describe("resultHead() and resultTail()", () => {
  test("close around the commands to one document", () => {
    const document = `${text(resultHead(bytes(ACTION)))}{"id":1}${text(resultTail("jób<", "p&"))}`;
    expect(document).toBe(
      `{"action":${ACTION},"commands":[{"id":1}],"name":"jób\\u003c","plugin":"p\\u0026"}`,
    );
  });
});

describe("encodeInflight()", () => {
  test("holds the action's own bytes and no commands", () => {
    const odd = '{ "id" : 1.0 }';
    expect(text(encodeInflight(bytes(odd), "drift"))).toBe(
      `{"action":${odd},"commands":null,"name":"drift","plugin":""}`,
    );
    expect(text(encodeInflight(bytes("{}"), "a", { plugin: "p" }))).toEndWith('"plugin":"p"}');
  });
});

describe("parsePostedAction()", () => {
  test("takes what the runner goes by", () => {
    expect(parsePostedAction(bytes(ACTION))).toEqual({
      actionId: 28_061_811_146_766,
      name: "mig-runner: drift",
      signatures: ["one", "two"],
      expireAt: Date.UTC(2026, 10, 23, 15, 31, 25, 13),
      counters: null,
    });
  });

  test("rounds the expiry up to a millisecond", () => {
    const at = (time: string) =>
      parsePostedAction(bytes(`{"id":1,"expireafter":"2026-01-02T03:04:${time}"}`)).expireAt;
    const second = Date.UTC(2026, 0, 2, 3, 4, 5);
    expect(at("05Z")).toBe(second);
    expect(at("05.001Z")).toBe(second + 1);
    expect(at("05.001000001Z")).toBe(second + 2);
    expect(at("04.9999999Z")).toBe(second);
  });

  test("tells counters that are still 0 from those that count", () => {
    const counted = (counters: string) =>
      parsePostedAction(bytes(ACTION.replace("{", `{"counters":${counters},`))).counters;
    expect(counted("{}")).toBeNull();
    expect(counted("null")).toBeNull();
    expect(counted('{"sent":80,"done":79}')).toEqual({
      sent: 80,
      done: 79,
      inflight: 0,
      success: 0,
      cancelled: 0,
      expired: 0,
      failed: 0,
      timeout: 0,
    });
  });

  test("is not disturbed by members that it does not need", () => {
    const odd = ACTION.replace("{", '{"investigators":7,"starttime":"never","operations":"?",');
    expect(parsePostedAction(bytes(odd)).actionId).toBe(28_061_811_146_766);
  });

  test("takes ids below 2^53, whole and positive, and says what is wrong with others", () => {
    const id = (digits: string) => () =>
      parsePostedAction(bytes(ACTION.replace("28061811146766", digits)));
    expect(id("9007199254740991")().actionId).toBe(2 ** 53 - 1);
    for (const digits of ["9007199254740992", "9007199254740993", "1e300", "0", "-1", "1.5"]) {
      const wanted = "wanted a whole number from 1 to 9007199254740991";
      expect(id(digits)).toThrow(RunnerError);
      expect(id(digits)).toThrow(wanted);
    }
    expect(id("null")).toThrow(RunnerError);
    expect(id('"1"')).toThrow("Cannot read the action that the API returned: json: cannot");
  });

  test.each(["-1", "9007199254740992", "9223372036854775807"])(
    "takes counters of %s for none: they count nothing",
    (sent) => {
      const counted = ACTION.replace("{", `{"counters":{"sent":${sent},"done":1},`);
      expect(parsePostedAction(bytes(counted)).counters).toBeNull();
    },
  );

  test("refuses times that no calendar has", () => {
    for (const time of ["292277026596-12-04T15:30:08Z", "-001-01-01T00:00:00Z", "1e9"]) {
      const odd = ACTION.replace("2026-11-23T15:31:25.012958564Z", time);
      expect(() => parsePostedAction(bytes(odd))).toThrow("parsing time");
    }
    const first = ACTION.replace("2026-11-23T15:31:25.012958564Z", "0000-01-01T00:00:00Z");
    expect(parsePostedAction(bytes(first)).expireAt).toBe(-62_167_219_200_000);
  });
});

describe("parseInflight()", () => {
  test("gives the action's bytes unchanged, with what is in them", () => {
    const spaced = ACTION.replaceAll(",", " ,\n");
    const record = parseInflight(
      bytes(`{"plugin":"p","name":"drift","unknown":1,"action": ${spaced} }`),
    );
    expect(text(record.actionBytes)).toBe(spaced);
    expect(record).toMatchObject({
      actionId: 28_061_811_146_766,
      actionName: "mig-runner: drift",
      signatures: ["one", "two"],
      job: "drift",
      plugin: "p",
    });
  });

  test("reads what encodeInflight() wrote", () => {
    const record = parseInflight(encodeInflight(bytes(ACTION), "drift"));
    expect(text(record.actionBytes)).toBe(ACTION);
    expect(record.job).toBe("drift");
  });

  const whole = `{"action":${ACTION},"commands":null,"name":"drift","plugin":""}`;
  test.each([
    ["", "it is empty"],
    [whole.slice(0, 90), "unexpected end of JSON input"],
    ["{}", "it has no action"],
    [whole.replace('"id":28061811146766,', ""), "its action has the id 0"],
    [whole.replace("28061811146766", "0"), "its action has the id 0"],
    [whole.replace("28061811146766", "9007199254740992"), "its action has the id 9007199254740992"],
    ['{"action":null,"name":"a"}', "its action has the id 0"],
    ["[]", "cannot unmarshal array into Go value of type mig.RunnerResult"],
    ["\0\0\0", "invalid character '\\x00' looking for beginning of value"],
  ])("refuses %j", (broken, reason) => {
    const parse = () => parseInflight(bytes(broken));
    expect(parse).toThrow(RunnerError);
    expect(parse).toThrow("Cannot read the in-flight record: ");
    expect(parse).toThrow(reason);
  });

  test("has the code SPOOL, and API for what the API said", () => {
    const codeOf = (read: () => unknown) => {
      try {
        return read();
      } catch (error) {
        return error instanceof RunnerError ? error.code : error;
      }
    };
    expect(codeOf(() => parseInflight(bytes("")))).toBe("SPOOL");
    expect(codeOf(() => parsePostedAction(bytes("")))).toBe("API");
  });
});
