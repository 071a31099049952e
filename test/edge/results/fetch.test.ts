import { describe, expect, test } from "bun:test";
import { fetchOver } from "../../../src/edge/results/fetch.ts";
import { fakeHttp } from "../../support/fake-http.ts";

const LIMIT = { bytesMax: 10 };

describe("fetchOver()", () => {
  test("leaves host and length to the client, and sends an empty body where there is none", async () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* ["ab", "cd"].map((part) => new TextEncoder().encode(part));
    }
    const named = { header: () => "x", headers: [["ETag", "x"]] as const };
    const http = fakeHttp([{ kind: "answer", status: 201, ...named, body: body() }]);
    const headers = { host: "h", "Content-Length": "0", "x-amz-date": "now" };
    const fetch = fetchOver(http, LIMIT);
    const answer = await fetch("https://s3.test/b/k", { method: "POST", headers });
    expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([
      201,
      "x",
      "abcd",
    ]);
    expect(http.requests).toEqual([
      {
        method: "POST",
        url: "https://s3.test/b/k",
        redirects: "returned",
        headers: [["x-amz-date", "now"]],
        body: new Uint8Array(),
      },
    ]);
  });

  test("gives no body to an answer that has none", async () => {
    const fetch = fetchOver(fakeHttp([{ status: 204 }, { status: 200 }]), LIMIT);
    expect((await fetch("https://s3.test/", { method: "DELETE" })).body).toBe(null);
    expect((await fetch("https://s3.test/", { method: "HEAD" })).body).toBe(null);
  });

  test.each([
    ["is cut", { body: ["ab"], cut: "torn" }, "torn"],
    ["is too large", { body: ["abcdef", "ghijkl"] }, "more than 10 bytes"],
  ])("an answer that %s is none", async (_, answer, why) => {
    const asked = fetchOver(fakeHttp([answer]), LIMIT)("https://s3.test/");
    await expect(asked).rejects.toThrow(why);
  });

  test("says why nothing came", async () => {
    const http = fakeHttp([{ kind: "unreachable", sent: false, message: "Cannot reach it" }]);
    await expect(fetchOver(http, LIMIT)("https://s3.test/")).rejects.toThrow("Cannot reach it");
  });
});
