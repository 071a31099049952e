// MozDef compliance: what the shipped plugin does where the original's runner-compliance failed.
import { describe, expect, test } from "bun:test";
import compliance from "../../plugins/mozdef-compliance.ts";
import { answer, command, expired, fileElements, resultOf } from "../support/results.ts";
import { Listener, type Reply, tryPlugin } from "../support/shipped.ts";

interface ComplianceEvent {
  readonly category: string;
  readonly severity: string;
  readonly summary: string;
  readonly details: {
    readonly target: string;
    readonly compliance?: boolean;
    readonly link: string;
    readonly tags: object | null;
    readonly check: { readonly name: string; readonly location: string; readonly test: object };
    readonly errors?: readonly string[];
  };
}

async function deliver(
  result: unknown,
  {
    replies = [{ status: 200 }] as readonly Reply[],
    ...settings
  }: Record<string, unknown> & {
    replies?: readonly Reply[];
  } = {},
) {
  await using listener = await Listener.open(replies);
  const url = `${listener.url}/custom/complianceitems`;
  const tried = await tryPlugin(compliance, {
    settings: { url, connections: "1", ...settings },
    result,
  });
  return { ...tried, heard: listener.heard, events: listener.bodies as ComplianceEvent[] };
}

describe("what runner-compliance gets wrong", () => {
  test("C1: an operator tag is shown, and costs nothing", async () => {
    const tagged = command({ host: "a", agent: { tags: { operator: "IT", bu: "x" } } });
    const { events, kind } = await deliver(resultOf(tagged, command({ host: "b" })));
    expect(kind).toBe("delivered");
    expect(events.map(({ details }) => [details.target, details.tags])).toEqual([
      ["a", { operator: "IT" }],
      ["b", null],
    ]);
  });

  test.each([404, 401, 500, 503])("C2: an answer of %d is no delivery", async (status) => {
    const { final, kind, message } = await deliver(resultOf(command()), {
      replies: [{ status, headers: { "Retry-After": "0" }, body: "no" }],
    });
    expect({ kind, final }).toEqual({ kind: "failed", final: false });
    expect(message).toMatch(new RegExp(`^1 of 1 events failed: http://.* answered ${status}: no$`));
  });

  test("C3: what cannot be read costs neither its command nor the later ones", async () => {
    const odd = answer({ rootlogin: [{ file: 3 }, { file: "/ok" }], banner: "x" });
    const result = resultOf(command({ host: "a", results: [odd] }), command({ host: "b" }));
    const { events } = await deliver(result);
    expect(events.map(({ category, details }) => [category, details.target])).toEqual([
      ["complianceitems", "a"],
      ["complianceerrors", "a"],
      ["complianceitems", "b"],
    ]);
    expect(events[1]?.details.errors).toEqual([
      "operation 1 (file) gave what cannot be read: elements.rootlogin[0].file is no text",
      "operation 1 (file) gave what cannot be read: elements.banner is no list",
    ]);
  });

  test("C4: a cut connection is tried again, and costs no other event", async () => {
    const result = resultOf(command({ host: "a", id: 1 }), command({ host: "b", id: 2 }));
    const { events, heard, kind } = await deliver(result, {
      replies: [{ action: "close" }, { status: 200 }],
    });
    expect(kind).toBe("delivered");
    expect(events.map(({ details }) => details.target)).toEqual(["a", "a", "b"]);
    const keys = heard.map(({ headers }) => headers["idempotency-key"]);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[1]);
  });

  test("C5: a host that was not checked neither passes nor fails, and is named", async () => {
    const failed = answer(null, { success: false, errors: ["no such path"] });
    const { events, kind } = await deliver(
      resultOf(
        expired("a"),
        command({ host: "b", status: "timeout" }),
        command({ host: "c", results: [failed] }),
        command({ host: "d", results: [answer(null)] }),
        command({ host: "e", modules: ["pkg"], results: [failed] }),
      ),
    );
    expect(kind).toBe("delivered");
    const unchecked = events.filter(({ category }) => category === "complianceerrors");
    expect(unchecked.map(({ details }) => details.target)).toEqual(["a", "b", "c", "d"]);
    expect(unchecked.map(({ details }) => details.compliance)).toEqual(
      unchecked.map(() => undefined),
    );
    expect(unchecked.map(({ severity }) => severity)).toEqual(unchecked.map(() => "WARNING"));
    expect(unchecked[2]?.summary).toBe(
      "c was not checked for compliance with sysmediumssh1: " +
        "operation 1 (file) failed: no such path",
    );
    // What a host did find before its time was over still counts.
    expect(events.filter(({ details }) => details.target === "b").length).toBe(2);
  });

  test("C6: a check that is turned around is shown so", async () => {
    const search = { contents: ["x"], names: ["y"], options: { mismatch: ["content"] } };
    const results = [answer({ s: [{ file: "/a", search }] })];
    const { events } = await deliver(resultOf(command({ results })));
    expect(events[0]?.details.check.test).toEqual({
      type: "file",
      value: "name='y' and content!='x'",
    });
  });

  test("C7: events come in the order of the result", async () => {
    const elements = { ...fileElements("/1", "zulu"), ...fileElements("/2", "alpha") };
    const { events } = await deliver(resultOf(command({ results: [answer(elements)] })));
    expect(events.map(({ details }) => details.check.name)).toEqual(["zulu", "alpha"]);
  });

  test.each([
    ["https://api.example.net", "https://api.example.net/api/v1/command?commandid=1"],
    ["https://api.example.net/mig/", "https://api.example.net/mig/command?commandid=1"],
    [undefined, ""],
  ])("C8: the link of api %p leads somewhere", async (api, link) => {
    const { events } = await deliver(resultOf(command()), api === undefined ? {} : { api });
    expect(events[0]?.details.link).toBe(link);
  });

  test("C9: a summary and a location name something", async () => {
    const gone = answer({ rootlogin: [{ file: "" }] });
    const { events } = await deliver(resultOf(command({ host: "", results: [gone] })));
    expect(events[0]?.summary).toBe("agent 4892412351434 fails compliance with sysmediumssh1");
    expect(events[0]?.details.check.location).toBe("/etc/ssh");
  });

  test("C10: a redirect that would drop the event is a failure that names the place", async () => {
    const { heard, message } = await deliver(resultOf(command()), {
      replies: [{ status: 302, headers: { Location: "https://mozdef.example.net/login" } }],
    });
    expect(heard.map(({ method }) => method)).toEqual(["POST"]);
    expect(message).toContain(
      "answered 302, a redirect to https://mozdef.example.net: set the URL",
    );
  });

  test("C11: a wrong type that does not matter is let through", async () => {
    const odd = { ...command({ id: "x", agent: { tags: ["a"] } }), starttime: "", finishtime: 3 };
    const { events, kind } = await deliver(resultOf(odd, command({ host: "b" })));
    expect(kind).toBe("delivered");
    expect(events.length).toBe(2);
  });

  test("C12: a setting without a meaning is refused", async () => {
    const { kind, message } = await deliver(resultOf(), { bin: "/usr/bin/vmintgr" });
    expect(kind).toBe("unset");
    expect(message).toContain('unknown key "bin"');
  });
});

describe("mozdef-compliance", () => {
  test("sends errors where errorurl says", async () => {
    await using errors = await Listener.open([{ status: 200 }]);
    const { events } = await deliver(resultOf(expired("a"), command({ host: "b" })), {
      errorurl: `${errors.url}/events`,
    });
    expect(events.map(({ details }) => details.target)).toEqual(["b"]);
    expect(errors.heard.map(({ path }) => path)).toEqual(["/events"]);
  });

  test("fails for good when only refused events are left, after the others went out", async () => {
    const result = resultOf(...["a", "b", "c"].map((host, id) => command({ host, id })));
    const { events, final, kind, log, message } = await deliver(result, {
      replies: [{ status: 200 }, { status: 400, body: "bad event" }, { status: 200 }],
    });
    expect(events.length).toBe(3);
    expect({ kind, final }).toEqual({ kind: "failed", final: true });
    expect(message).toMatch(/^1 of 3 events were refused: http:.* answered 400: bad event$/);
    expect(log).toEqual([
      expect.stringMatching(/^warning: the event about .* of b was refused: .* 400: bad event$/),
    ]);
  });

  test("leaves a service alone that does not take anything", async () => {
    const commands = Array.from({ length: 40 }, (_, id) => command({ id, host: `h${id}` }));
    const { heard, message } = await deliver(resultOf(...commands), { replies: [{ status: 403 }] });
    expect(heard.length).toBe(5);
    expect(message).toContain("5 of 5 events failed");
    expect(message).toEndWith("; the rest was not tried");
  });

  test("sends several events at the same time when it may", async () => {
    const commands = Array.from({ length: 24 }, (_, id) => command({ id, host: `h${id}` }));
    const { events, kind } = await deliver(resultOf(...commands), { connections: "8" });
    expect(kind).toBe("delivered");
    expect(new Set(events.map(({ details }) => details.target)).size).toBe(24);
  });
});
