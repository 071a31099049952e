import { describe, expect, test } from "bun:test";
import { dashboard, placeOf } from "../../src/cli/dashboard.ts";
import { Directory } from "../support/verb.ts";

describe("dashboard", () => {
  test("takes no words, and no place that others can reach", async () => {
    await using directory = await Directory.create();
    expect((await directory.call(dashboard, ["nightly"])).thrown).toBe("dashboard takes no words");
    const { thrown } = await directory.call(dashboard, ["--listen", "0.0.0.0:8787"]);
    expect(thrown).toContain('Cannot listen on "0.0.0.0:8787"');
    expect(thrown).toContain("ssh -L");
  });

  test("takes no name that no browser can ask by", async () => {
    await using directory = await Directory.create();
    for (const name of ["https://mig.example", "mig.example:8443", "*.example", "a b"]) {
      const { thrown } = await directory.call(dashboard, ["--host", name]);
      expect(thrown).toStartWith(`invalid value "${name}" for flag -host: a name such as`);
    }
  });
});

describe("placeOf()", () => {
  test("reads loopback addresses with a port, and paths of sockets", () => {
    const port = (host: string) => ({ kind: "port", host, port: 8787 });
    expect(placeOf("127.0.0.1:8787")).toEqual(port("127.0.0.1") as never);
    expect(placeOf("127.1.2.3:8787")).toEqual(port("127.1.2.3") as never);
    expect(placeOf("localhost:8787")).toEqual(port("127.0.0.1") as never);
    expect(placeOf("[::1]:8787")).toEqual(port("::1") as never);
    expect(placeOf("unix:/run/p.sock")).toEqual({ kind: "socket", path: "/run/p.sock" });
  });

  test("refuses what others reach, and what is no place", () => {
    for (const text of [
      ":8787",
      "[::]:8787",
      "10.0.0.1:80",
      "example.com:80",
      "127.0.0.1.a.b:80",
    ]) {
      expect(() => placeOf(text)).toThrow(`Cannot listen on "${text}"`);
    }
    for (const text of [
      "8787",
      "127.0.0.1",
      "127.0.0.1:x",
      "127.0.0.1:65536",
      "unix:",
      "::1:80",
      "",
    ]) {
      expect(() => placeOf(text)).toThrow("for flag -listen");
    }
  });
});
