// Errno: system errors in the words of the original.
import { describe, expect, test } from "bun:test";
import { openSync, readdirSync, readFileSync } from "node:fs";
import { errnoCode, errnoHint, errnoText, kernelText } from "../../../src/lib/os/errno.ts";
import { UnfitFile } from "../../../src/lib/os/read.ts";

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

describe("errnoText()", () => {
  test("speaks as the original does where the runtime speaks otherwise", () => {
    expect(errnoText(thrownBy(() => openSync("/no/such/x.log", "r")))).toBe(
      "no such file or directory",
    );
    expect(errnoText(thrownBy(() => readdirSync("/dev/null")))).toBe("not a directory");
    expect(errnoText(thrownBy(() => readFileSync("/")))).toBe("is a directory");
    expect(errnoText({ code: "ELOOP" })).toBe("too many levels of symbolic links");
  });

  test("passes on the message of anything else", () => {
    expect(errnoText(new Error("nobody reads it"))).toBe("nobody reads it");
    expect(errnoText("text")).toBe("text");
    expect(errnoText(undefined)).toBe("undefined");
  });
});

describe("kernelText()", () => {
  test("says what the kernel does of a file that this program has refused before it", () => {
    const unfit = new UnfitFile("it is a directory", { code: "EISDIR" });
    expect([errnoText(unfit), kernelText(unfit)]).toEqual(["it is a directory", "is a directory"]);
  });
});

describe("errnoCode()", () => {
  test("is the code of a system error only", () => {
    expect(errnoCode(thrownBy(() => openSync("/no/such", "r")))).toBe("ENOENT");
    expect(errnoCode({ code: "ERR_SQLITE_ERROR" })).toBeNull();
    expect(errnoCode(new Error("no code"))).toBeNull();
    expect(errnoCode(null)).toBeNull();
  });
});

describe("errnoHint()", () => {
  test("says what to do about what an operator can mend", () => {
    expect(errnoHint({ code: "ENOSPC" })).toStartWith("Free space");
    expect(errnoHint({ code: "EROFS" })).toStartWith("Mount");
    expect(errnoHint({ code: "EACCES" })).toStartWith("Give the user");
    expect(errnoHint({ code: "EIO" })).toBeNull();
  });
});
