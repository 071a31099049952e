import { describe, expect, test } from "bun:test";
import {
  assert,
  describeError,
  isPassing,
  messageOf,
  nearest,
  RunnerError,
  RunnerErrors,
} from "../src/errors.ts";

describe("nearest()", () => {
  const keys = ["schedule", "plugin", "expiry", "sendonly", "level"];

  test("finds the word behind a slip of the finger", () => {
    const slips = ["schedul", "shedule", "plugn", "exipry", "levle", "SendOnly"];
    expect(slips.map((slip) => nearest(slip, keys))).toEqual([
      "schedule",
      "schedule",
      "plugin",
      "expiry",
      "level",
      "sendonly",
    ]);
  });

  test("finds a half-typed word", () => {
    expect(nearest("sched", keys)).toBe("schedule");
  });

  test("finds nothing for another word", () => {
    expect(nearest("timezone", keys)).toBeNull();
  });
});

describe("describeError()", () => {
  test("says where, what and how to mend it, as far as it is known", () => {
    const detail = { path: "a/entity.cfg", line: 3, column: 7, hint: "write 5m" };
    const error = new RunnerError("ENTITY", 'Cannot read expiry "5"', detail);
    expect(describeError(error)).toBe('a/entity.cfg:3:7: Cannot read expiry "5" (write 5m)');
    expect(describeError(new RunnerError("API", "no answer"))).toBe("no answer");
  });

  test("names a file twice at most", () => {
    const path = "/a/b.db";
    const error = new RunnerError("JOURNAL", `Cannot read "${path}": it is no database`, { path });
    expect(describeError(error)).toBe(`${path}: Cannot read "${path}": it is no database`);
    const hint = `chmod 600 ${path}`;
    const mended = new RunnerError("KEYRING", `Cannot trust "${path}"`, { path, hint });
    expect(describeError(mended)).toBe(`Cannot trust "${path}" (${hint})`);
  });
});

describe("assert()", () => {
  test("lets through what holds, and stops at a bug by its message", () => {
    expect(() => assert(1, "never")).not.toThrow();
    expect(() => assert("" as unknown, "a name is never empty")).toThrow("a name is never empty");
  });
});

describe("messageOf()", () => {
  test("has words for whatever was thrown, and never throws itself", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const odd = {
      get message(): string {
        throw new Error("no");
      },
    };
    const thrown: readonly (readonly [unknown, string])[] = [
      [new TypeError("no such thing"), "no such thing"],
      [{ message: "from elsewhere" }, "from elsewhere"],
      [{ code: 5, why: "full" }, '{"code":5,"why":"full"}'],
      [["a", 1], '["a",1]'],
      ["a text", "a text"],
      [undefined, "undefined"],
      [null, "null"],
      [Symbol("s"), "Symbol(s)"],
      [new AggregateError([new Error("one"), new Error("two")]), "one; two"],
      [circular, "a thrown object that cannot be shown"],
      [odd, "a thrown object that cannot be shown"],
      [Object.create(null), "{}"],
    ];
    for (const [value, text] of thrown) expect(messageOf(value)).toBe(text);
    expect(messageOf({ long: "x".repeat(5_000) }).length).toBeLessThan(600);
  });
});

describe("isPassing()", () => {
  const system = (code: string) => Object.assign(new Error("it failed"), { code });
  const because = (cause: unknown) => new RunnerError("SPOOL", "Cannot read file", {}, { cause });

  test.each(["EMFILE", "ENFILE", "EAGAIN", "EIO", "ENOSPC", "ESTALE", "ENOMEM", "EBUSY"])(
    "is true of %s, however deep below",
    (code) => {
      expect(isPassing(system(code))).toBe(true);
      expect(isPassing(because(system(code)))).toBe(true);
      expect(isPassing(because(because(new Error(`${code}: so much at once`))))).toBe(true);
      expect(isPassing(new RunnerErrors([because(null), because(system(code))]))).toBe(true);
    },
  );

  test.each(["ENOENT", "EACCES", "EISDIR", "ENOTDIR", "ELOOP"])("is false of %s", (code) => {
    expect(isPassing(because(system(code)))).toBe(false);
  });

  test("is what an error says of itself, and true of a directory that is taken", () => {
    const says = (passing: boolean) =>
      new RunnerError("KEYRING", "Cannot sign", { passing }, { cause: system("EMFILE") });
    expect([isPassing(says(true)), isPassing(says(false))]).toEqual([true, false]);
    expect(isPassing(new RunnerError("BUSY", "Cannot start"))).toBe(true);
    expect(isPassing(new RunnerError("ACTION", "its target is empty"))).toBe(false);
    expect([isPassing(null), isPassing("EMFILE")]).toEqual([false, false]);
  });

  test("does not follow causes for ever", () => {
    const circle = because(null);
    Object.assign(circle, { cause: circle });
    expect(isPassing(circle)).toBe(false);
  });
});
