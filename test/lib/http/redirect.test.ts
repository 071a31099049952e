import { describe, expect, test } from "bun:test";
import { isSameOrigin, redirected } from "../../../src/lib/http/redirect.ts";
import type { HttpRequest } from "../../../src/lib/ports.ts";

const BASE = "https://api.example/api/v1/action/create/";

function request(headers: HttpRequest["headers"], url = BASE): HttpRequest {
  return { method: "POST", url, headers, body: new TextEncoder().encode("action=x") };
}

function after(status: number, location: string, from: HttpRequest): HttpRequest {
  const next = redirected(from, { status, location });
  if (next === null) throw new Error("Cannot follow: it is no redirect");
  return next;
}

const SECRETS: HttpRequest["headers"] = [
  ["Authorization", "Bearer a"],
  ["Cookie", "s=1"],
  ["Proxy-Authorization", "Basic a"],
  ["X-Pgpauthorization", "1;t;n;s"],
  ["X-Migapikey", "k"],
  ["X-Auth-Token", "a"],
  ["Private-Token", "a"],
  ["DD-API-KEY", "a"],
  ["Referer", "https://elsewhere.example/"],
];

const HARMLESS: HttpRequest["headers"] = [
  ["User-Agent", "MIG Client mig-runner"],
  ["Content-Type", "application/json"],
  ["accept", "*/*"],
];

const names = (next: HttpRequest): string[] => next.headers.map(([name]) => name.toLowerCase());

describe("isSameOrigin()", () => {
  test.each([
    ["https://a.example/x", "https://a.example:443/y", true],
    ["http://a.example", "http://A.Example:80/", true],
    ["https://u:p@a.example/", "https://a.example/", true],
    ["https://a.example", "http://a.example", false],
    ["http://a.example:443", "https://a.example:443", false],
    ["https://a.example", "https://a.example:8443", false],
    ["https://a.example", "https://b.a.example", false],
    ["https://a.example", "https://a.example.", false],
    ["http://127.0.0.1", "http://localhost", false],
  ])("%s and %s: %p", (a, b, same) => {
    expect(isSameOrigin(new URL(a), new URL(b))).toBe(same);
    expect(isSameOrigin(new URL(b), new URL(a))).toBe(same);
  });
});

describe("redirected()", () => {
  test("keeps all headers at the same origin", () => {
    for (const location of ["/x", "?y", "https://API.example:443/x", "//api.example/x"]) {
      const next = after(307, location, request([...HARMLESS, ...SECRETS]));
      const all = [...HARMLESS, ...SECRETS].map(([name]) => name.toLowerCase());
      expect(names(next).toSorted()).toEqual(all.toSorted());
      expect(next.headers).toContainEqual(["Referer", BASE]);
    }
  });

  test("takes to another origin only what is harmless", () => {
    const places = [
      "https://api.example:8443/x",
      "http://api.example/x",
      "https://other.example/x",
      "https://sub.api.example/x",
      "//other.example/x",
      String.raw`\\other.example\x`,
      "https://api.example@other.example/x",
    ];
    for (const location of places) {
      for (const status of [301, 302, 303, 307, 308]) {
        const next = after(status, location, request([...HARMLESS, ...SECRETS]));
        const kept = names(next).filter((name) => name !== "referer");
        expect(kept).toEqual(["user-agent", "content-type", "accept"]);
      }
    }
  });

  test("does not give a secret back after a way through another origin", () => {
    const away = after(307, "https://other.example/x", request([...HARMLESS, ...SECRETS]));
    expect(names(after(307, BASE, away))).not.toContain("authorization");
  });

  test("tells another origin where it comes from, but no path, and nothing in plain", () => {
    const from = request([], "https://user:pass@api.example/secret/path?key=1");
    const refererAfter = (location: string): string | undefined =>
      after(307, location, from).headers.find(([name]) => name === "Referer")?.[1];
    expect(refererAfter("/x")).toBe("https://api.example/secret/path?key=1");
    expect(refererAfter("https://other.example/")).toBe("https://api.example/");
    expect(refererAfter("http://other.example/")).toBeUndefined();
  });

  test("repeats HEAD as HEAD", () => {
    const head: HttpRequest = { method: "HEAD", url: BASE, headers: [] };
    expect(after(302, "/x", head).method).toBe("HEAD");
    expect(after(302, "/x", request([]))).toMatchObject({ method: "GET" });
    expect(after(302, "/x", request([])).body).toBeUndefined();
  });

  test("refuses what is no web address", () => {
    for (const location of ["ftp://a.example/", "javascript:1", "file:///etc/passwd", "http://"]) {
      expect(() => after(302, location, request([]))).toThrow("not an http or https URL");
    }
  });
});
