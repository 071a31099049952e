// Webhook: the shipped plugin on a real listener.
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import webhook from "../../plugins/webhook.ts";
import { command, expired, resultOf } from "../support/results.ts";
import { type Heard, Listener, limitOf, type Reply, tryPlugin } from "../support/shipped.ts";

interface Batch {
  readonly name: string;
  readonly action: { readonly id: number };
  readonly commands: readonly { readonly id: number; readonly status: string }[];
  readonly batch: { readonly key: string; readonly last: boolean };
}

async function deliver(
  result: unknown,
  settings: Record<string, unknown> = {},
  replies: readonly Reply[] | ((heard: Heard, index: number) => Reply) = [{ status: 200 }],
) {
  await using listener = await Listener.open(replies);
  const tried = await tryPlugin(webhook, { settings: { url: listener.url, ...settings }, result });
  return { ...tried, heard: listener.heard, bodies: listener.bodies as Batch[] };
}

function commands(count: number): object {
  return resultOf(...Array.from({ length: count }, (_, id) => command({ id, host: `h${id}` })));
}

/** Refuses batches that hold one of these commands. */
function refusing(...ids: readonly number[]): (heard: Heard) => Reply {
  return ({ body }) => {
    const { commands: got } = JSON.parse(body) as Batch;
    return { status: got.some(({ id }) => ids.includes(id)) ? 422 : 200, body: "not this" };
  };
}

describe("webhook", () => {
  test("posts a small result as it is", async () => {
    const result = resultOf(command(), expired("down.example.net", { id: 2 }));
    const { bodies, heard, kind } = await deliver(result);
    expect(kind).toBe("delivered");
    const { action, commands: all } = result as { action: object; commands: object[] };
    const key = "nightly/7/shipped/1-2";
    expect(bodies).toEqual([
      { name: "nightly", action, commands: all, batch: { key, last: true } } as never,
    ]);
    expect(heard[0]?.headers).toMatchObject({
      "content-type": "application/json",
      "idempotency-key": key,
    });
  });

  test("posts once when there are no commands", async () => {
    const { bodies } = await deliver(resultOf());
    expect(bodies.map(({ batch, commands: all }) => [all, batch.last])).toEqual([[[], true]]);
  });

  test("cuts a large result into batches by number and by size", async () => {
    const byNumber = await deliver(commands(7), { commands: "3" });
    expect(byNumber.bodies.map(({ batch, commands: all }) => [all.length, batch.last])).toEqual([
      [3, false],
      [3, false],
      [1, true],
    ]);
    const bySize = await deliver(commands(7), { bytes: "2000" });
    expect(bySize.bodies.length).toBeGreaterThan(3);
    expect(bySize.bodies.flatMap(({ commands: all }) => all.map(({ id }) => id))).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
  });

  test("sends headers and a signature that the receiver can check", async () => {
    const { heard } = await deliver(resultOf(command()), {
      headers: ["Authorization: Bearer t0ken", "X-Team: blue"],
      secret: "s3cret",
    });
    const [{ body = "", headers = {} } = {}] = heard;
    expect(headers).toMatchObject({ authorization: "Bearer t0ken", "x-team": "blue" });
    const wanted = createHmac("sha256", "s3cret").update(body).digest("hex");
    expect(headers["x-mig-runner-signature"]).toBe(`sha256=${wanted}`);
  });

  test("finds the command at fault, delivers the others and fails for good", async () => {
    const { bodies, final, kind, log, message } = await deliver(commands(8), {}, refusing(5));
    expect({ kind, final }).toEqual({ kind: "failed", final: true });
    expect(message).toMatch(/^1 of 8 commands were refused: http.* answered 422: not this$/);
    expect(log).toEqual([expect.stringMatching(/^warning: command 5 of h5 was refused/)]);
    const taken = bodies.filter(({ commands: all }) => all.every(({ id }) => id !== 5));
    expect(taken.flatMap(({ commands: all }) => all.map(({ id }) => id)).sort()).toEqual([
      0, 1, 2, 3, 4, 6, 7,
    ]);
  });

  test("stops asking a service that refuses everything", async () => {
    const { heard, message } = await deliver(commands(200), {}, [{ status: 400 }]);
    expect(heard.length).toBeLessThan(120);
    expect(message).toContain("of 200 commands failed");
  });

  test("keeps a batch's key when it is made again", async () => {
    const { heard } = await deliver(resultOf(command()), {}, [
      { action: "close" },
      { status: 200 },
    ]);
    expect(heard.map(({ headers }) => headers["idempotency-key"])).toEqual([
      "nightly/7/shipped/1-1",
      "nightly/7/shipped/1-1",
    ]);
  });

  test.each([
    ["500", { status: 500, headers: { "Retry-After": "0" } }, /answered 500$/],
    ["a cut connection", { action: "close" }, /the connection was cut/],
    ["silence", { action: "hang" }, /did not answer within 0\.05 s$/],
  ] as const)("fails on %s, to be made again", async (_, reply, wanted) => {
    const { final, kind, message } = await deliver(resultOf(command()), limitOf(reply), [reply]);
    expect({ kind, final }).toEqual({ kind: "failed", final: false });
    expect(message).toMatch(wanted);
  });

  test("asks the runner for the pause that the service wants", async () => {
    const { kind, retryAfterMs } = await deliver(resultOf(command()), {}, [
      { status: 429, headers: { "Retry-After": "600" } },
    ]);
    expect({ kind, retryAfterMs }).toEqual({ kind: "failed", retryAfterMs: 600_000 });
  });

  test("says everything that is wrong with its settings, and no value", async () => {
    const { heard, message } = await deliver(resultOf(), {
      url: "ftp://s3cret@x/",
      headers: "Authorization s3cret",
      commands: "0",
      timeout: "s3cret",
      secrets: "s3cret",
    });
    expect(message).not.toContain("s3cret");
    expect(message.split("; ")).toEqual([
      'unknown key "secrets" (did you mean "secret"?)',
      "url: an http or https URL is wanted",
      'headers: headers such as "Name: value" are wanted',
      "commands: a whole number from 1 to 10000 is wanted",
      'timeout: a time such as "30s" or "5m" is wanted',
    ]);
    expect(heard).toEqual([]);
  });
});
