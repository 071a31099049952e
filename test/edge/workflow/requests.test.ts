import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openRequests } from "../../../src/edge/workflow/requests.ts";

describe("openRequests()", () => {
  test("sends by the runner's client, and ends with the signal", async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.end(`${request.method} ${request.headers["user-agent"]}`);
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const end = new AbortController();
    const fetch = openRequests(end.signal);
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "a" });
    expect(await response.text()).toMatch(/^POST mig-runner/i);
    end.abort(new Error("its time is over"));
    expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow("its time is over");
    server.close();
  });
});
