// Slack: the shipped plugin on a real listener.
import { describe, expect, test } from "bun:test";
import slack from "../../plugins/slack.ts";
import { answer, command, expired, resultOf, scribeElements } from "../support/results.ts";
import { Listener, limitOf, type Reply, tryPlugin } from "../support/shipped.ts";

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
        "• `a`",
        "• `d`",
        "Failed:",
        '• `c` (its command ended as "expired")',
        "• `d` (`operation 1 (file) failed: &lt;x&gt; &amp; y`)",
      ].join("\n"),
    ]);
  });

  test("lists as many hosts as it is told, and counts the rest", async () => {
    const hosts = Array.from({ length: 30 }, (_, id) => command({ id, host: `h${id}` }));
    const { texts } = await deliver(resultOf(...hosts), { hosts: "2" });
    expect(texts[0]?.split("\n").slice(2)).toEqual([
      "Found on:",
      "• `h0`",
      "• `h1`",
      "• and 28 more",
    ]);
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
      const { final, kind, log, message } = await deliver(resultOf(), limitOf(reply), [reply]);
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

  /** What of a message Slack shows as it is: what is in code has no meaning. */
  function outsideOfCode(text: string): string {
    return text.replace(/`[^`\n]*`/g, "");
  }

  const FORGED = [
    "web1\n• `web2`\n*Failed:*",
    "web1\r\u2028\u0085• b\u000bc",
    "`*bold*` _it_ ~gone~",
    "https://evil.example/?a=1|b",
    "<!channel> <https://evil.example|ok> @here @channel &amp;",
    "\u202ekcals\u2066",
    "evil.example",
  ];

  test.each(FORGED)("gives a host called %j no line, link, mention or style", async (name) => {
    const failed = answer(null, { success: false, errors: [name] });
    const { texts } = await deliver(
      resultOf(
        command({ host: name }),
        command({ host: name, status: name, modules: [name], results: [failed] }),
        command({ host: "", agent: { id: { name }, name: null } }),
      ),
    );
    const lines = texts[0]?.split("\n") ?? [];
    expect(lines.map((line) => line.replace(/`[^`]*`.*/, "CODE").replace(/\(.*/, ""))).toEqual([
      "*nightly*: sshd hardening",
      "3 of 3 hosts found something, 1 failed ",
      "Found on:",
      ...Array(3).fill("• CODE"),
      "Failed:",
      "• CODE",
    ]);
    const shown = lines.slice(1).map(outsideOfCode).join("\n");
    expect(shown).not.toMatch(/[*_~<>@|`]|:\/\/|evil|\p{Cf}/u);
    for (const [index, line] of lines.entries()) {
      expect([index, (line.match(/`/g) ?? []).length % 2]).toEqual([index, 0]);
    }
    const hosts = lines.filter((line) => line.startsWith("•")).map((line) => line.split("` (")[0]);
    expect(hosts.join("")).not.toMatch(/[*~@|<>]|:\/\/|\p{Cc}|\p{Zl}/u);
  });

  test("does not let a long name or many failures push out the findings", async () => {
    const long = "&".repeat(30_000);
    const failures = Array.from({ length: 50 }, (_, id) =>
      expired(`${id}${long}`, { id, status: long }),
    );
    const hits = Array.from({ length: 9 }, (_, id) => command({ id: 100 + id, host: `hit${id}` }));
    const { texts } = await deliver(
      resultOf(command({ id: 99, host: long }), ...failures, ...hits),
      { hosts: "50" },
    );
    const [text = ""] = texts;
    expect(text.length).toBeLessThanOrEqual(4_000);
    for (let id = 0; id < 9; id++) expect(text).toContain(`\n• \`hit${id}\``);
    expect(text).toMatch(/\n• and \d+ more$/);
    // Every entity is whole.
    expect(text.replace(/&(?:amp|lt|gt);/g, "")).not.toContain("&");
  });

  test("cuts between characters, so that Slack takes the message", async () => {
    for (let pad = 0; pad < 4; pad++) {
      const odd = `${"x".repeat(pad)}${"\u{1f9a0}".repeat(300)}`;
      const failed = answer(null, { success: false, errors: [odd, `${odd}\ud83d`] });
      const { heard, texts } = await deliver(
        resultOf(
          command({ host: odd }),
          command({ host: "half \udd00 \ud83e", results: [failed], status: odd }),
        ),
      );
      expect(texts[0]?.isWellFormed()).toBe(true);
      expect(heard[0]?.body).not.toMatch(/\\ud[89a-f]/);
    }
  });

  test("tells few ways to end apart, however many there are", async () => {
    const all = Array.from({ length: 500 }, (_, id) => expired("a", { id, status: `s${id}` }));
    const { texts } = await deliver(resultOf(...all));
    expect(texts[0]).toContain("(1 s0, 1 s1, 1 s2, 1 s3, 1 s4, 1 s5, 494 other)");
  });

  test("asks Slack for no previews", async () => {
    const { heard } = await deliver(resultOf(command()));
    expect(JSON.parse(heard[0]?.body ?? "")).toMatchObject({
      unfurl_links: false,
      unfurl_media: false,
    });
  });
});
