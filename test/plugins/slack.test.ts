// Slack: the shipped plugin on a real listener.
import { describe, expect, test } from "bun:test";
import slack from "../../plugins/slack.ts";
import { answer, command, expired, resultOf, scribeElements } from "../support/results.ts";
import { Listener, type Reply, tryPlugin } from "../support/shipped.ts";

async function deliver(
  result: unknown,
  settings: Record<string, unknown> = {},
  replies: readonly Reply[] = [{ status: 200, body: "ok" }],
) {
  await using listener = await Listener.open(replies);
  const url = `${listener.url}/services/T0/B0/s3cret`;
  const tried = await tryPlugin(slack, { settings: { url, ...settings }, result });
  const texts = (listener.bodies as { text: string }[]).map(({ text }) => text);
  return { ...tried, heard: listener.heard, texts };
}

const NOTHING = [answer({}, { foundanything: false })];

describe("slack", () => {
  test("says what was found where, and apart from it who failed", async () => {
    const { kind, texts } = await deliver(
      resultOf(
        command({ host: "a" }),
        command({ host: "b", results: NOTHING }),
        expired("c"),
        command({ host: "d", results: [answer(null, { success: false, errors: ["<x> & y"] })] }),
      ),
    );
    expect(kind).toBe("delivered");
    expect(texts).toEqual([
      [
        "*nightly*: sshd hardening",
        "2 of 4 hosts found something, 2 failed (3 success, 1 expired)",
        "Found on:",
        "• a",
        "• d",
        "Failed:",
        '• c (its command ended as "expired")',
        "• d (operation 1 (file) failed: &lt;x&gt; &amp; y)",
      ].join("\n"),
    ]);
  });

  test("lists as many hosts as it is told, and counts the rest", async () => {
    const hosts = Array.from({ length: 30 }, (_, id) => command({ id, host: `h${id}` }));
    const { texts } = await deliver(resultOf(...hosts), { hosts: "2" });
    expect(texts[0]?.split("\n").slice(2)).toEqual(["Found on:", "• h0", "• h1", "• and 28 more"]);
    const none = await deliver(resultOf(...hosts), { hosts: "0" });
    expect(none.texts[0]?.split("\n").length).toBe(2);
  });

  test("takes scribe at its outcome, not at its word", async () => {
    const elements = scribeElements("x", "high", { masterresult: false });
    const scan = command({ modules: ["scribe"], results: [answer(elements)] });
    const { texts } = await deliver(resultOf(scan));
    expect(texts[0]).toContain("0 of 1 hosts found something, 0 failed");
  });

  test("says that nobody was asked", async () => {
    expect((await deliver(resultOf())).texts[0]).toContain("No host was asked");
  });

  test.each([
    { when: "found", wanted: [1, 0, 0] },
    { when: "trouble", wanted: [1, 1, 0] },
    { when: "always", wanted: [1, 1, 1] },
  ])("tells hits, failures and neither apart: $when", async ({ wanted, when }) => {
    const results = [
      resultOf(command()),
      resultOf(expired("a")),
      resultOf(command({ results: NOTHING })),
    ];
    const counts: number[] = [];
    for (const result of results) counts.push((await deliver(result, { when })).texts.length);
    expect(counts).toEqual([...wanted]);
  });

  test("fails for good when Slack refuses the message", async () => {
    const { final, message } = await deliver(resultOf(), {}, [
      { status: 400, body: "invalid_payload" },
    ]);
    expect(final).toBe(true);
    expect(message).toMatch(/answered 400: invalid_payload$/);
  });

  test.each([
    ["404", { status: 404, body: "no_service" }, /answered 404: no_service$/],
    ["500", { status: 500, headers: { "Retry-After": "0" } }, /answered 500$/],
    ["a cut connection", { action: "close" }, /the connection was cut/],
    ["silence", { action: "hang" }, /did not answer within 0\.05 s$/],
  ] as const)(
    "fails on %s, to be made again, and keeps the URL to itself",
    async (_, reply, why) => {
      const { final, kind, log, message } = await deliver(resultOf(), { timeout: "50ms" }, [reply]);
      expect({ kind, final }).toEqual({ kind: "failed", final: false });
      expect(message).toMatch(why);
      expect(message + log.join("")).not.toContain("s3cret");
    },
  );

  test("passes on the pause that Slack wants", async () => {
    const { retryAfterMs } = await deliver(resultOf(), {}, [
      { status: 429, headers: { "Retry-After": "30" } },
    ]);
    expect(retryAfterMs).toBe(30_000);
  });
});
