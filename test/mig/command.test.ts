import { describe, expect, test } from "bun:test";
import { commandFacts } from "../../src/mig/command.ts";

const none = { id: null, status: null, finished: false, actionId: null, counters: null };
const zero = {
  sent: 0,
  done: 0,
  inflight: 0,
  success: 0,
  cancelled: 0,
  expired: 0,
  failed: 0,
  timeout: 0,
};

function factsOf(text: string) {
  return commandFacts(new TextEncoder().encode(text));
}

describe("commandFacts()", () => {
  test("reads the members that the API writes", () => {
    const text =
      '{"id":28061815341676,"action":{"id":28061811146768,"name":"mig-runner: plug",' +
      '"operations":[{"module":"pkg","parameters":{"id":3,"counters":{"sent":9}}}],' +
      '"counters":{"sent":80,"done":79,"inflight":1,"success":70,"cancelled":1,"expired":2,' +
      '"failed":3,"timeout":4},"syntaxversion":2},' +
      '"agent":{"id":28061811146759,"status":"online"},' +
      '"status":"success","results":[{"status":"x","id":5}],"starttime":"2026-11-23T15:31:00Z"}';
    expect(factsOf(text)).toEqual({
      id: 28061815341676,
      status: "success",
      finished: true,
      actionId: 28061811146768,
      counters: {
        sent: 80,
        done: 79,
        inflight: 1,
        success: 70,
        cancelled: 1,
        expired: 2,
        failed: 3,
        timeout: 4,
      },
    });
  });

  test("gives null for what is missing or of another type", () => {
    expect(factsOf("{}")).toEqual(none);
    expect(factsOf('{"id":"7","status":7,"action":[],"x":null}')).toEqual(none);
    expect(factsOf('{"id":null,"status":null,"action":null}')).toEqual(none);
    expect(factsOf('{"id":1.5,"action":{"id":-1,"counters":3}}')).toEqual(none);
    expect(factsOf('{"id":0,"action":{"id":1e400}}')).toEqual(none);
    expect(factsOf('{"action":{"counters":{}}}').counters).toEqual(zero);
    for (const count of ["-5", "9007199254740992", "1e300", "1.5", '"7"']) {
      const { counters } = factsOf(`{"id":${count},"action":{"counters":{"sent":${count}}}}`);
      expect(counters).toEqual(zero);
    }
    expect(factsOf('{"id":9007199254740992}').id).toBeNull();
  });

  test("is not fooled by texts and deeper members", () => {
    const text =
      '{"x":"\\"id\\":9,\\\\","y":"}{][\\"","results":[{"id":9,"status":"failed",' +
      '"elements":{"id":8,"status":"}"}}],' +
      '"agent":{"action":{"id":4,"counters":{"sent":7}}},"id":1}';
    expect(factsOf(text)).toEqual({ ...none, id: 1 });
  });

  test("reads spaced JSON and escaped statuses", () => {
    const text = ' { "id" : 12 ,\n "status"\t: "s\\u0065nt" , "action" : { "id" : 3 } } ';
    expect(factsOf(text.trim())).toEqual({ ...none, id: 12, status: "sent", actionId: 3 });
  });

  test("calls a command finished when its status cannot change by itself", () => {
    const finished = ["success", "failed", "timeout", "expired", "cancelled"];
    for (const status of finished) expect(factsOf(`{"status":"${status}"}`).finished).toBe(true);
    for (const status of ["sent", "prepared", "", "other"]) {
      expect(factsOf(`{"status":"${status}"}`).finished).toBe(false);
    }
  });

  test("answers whatever the bytes are", () => {
    for (const text of ["", "x", "[]", '"', '{"id"', '{"id":', '{"id":1', '{"a":[[', '{"a":"\\']) {
      expect(typeof factsOf(text)).toBe("object");
    }
  });
});
