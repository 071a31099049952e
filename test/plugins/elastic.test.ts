// Elastic: the shipped plugin on a listener that answers as the bulk API does.
import { describe, expect, test } from "bun:test";
import elastic from "../../plugins/elastic.ts";
import { command, expired, resultOf } from "../support/results.ts";
import { type Heard, Listener, limitOf, type Reply, tryPlugin } from "../support/shipped.ts";

interface Head {
  readonly index?: { readonly _index: string; readonly _id: string };
  readonly create?: { readonly _index: string; readonly _id: string };
}

interface Document {
  readonly "@timestamp": string;
  readonly kind: string;
  readonly host: string;
  readonly troubles: readonly string[];
  readonly results: readonly { readonly module: string; readonly elements: unknown }[];
}

type Answer = (heard: Heard, index: number) => Reply;

async function deliver(
  result: unknown,
  settings: Record<string, unknown> = {},
  replies: readonly Reply[] | Answer = [TAKEN],
) {
  await using listener = await Listener.open(replies);
  const tried = await tryPlugin(elastic, { settings: { url: listener.url, ...settings }, result });
  const requests = listener.heard.map(({ body }) => {
    const lines = body.trimEnd().split("\n");
    const pairs = lines.map((line) => JSON.parse(line) as Head & Document);
    return {
      heads: pairs.filter((_, at) => at % 2 === 0),
      documents: pairs.filter((_, at) => at % 2),
    };
  });
  return { ...tried, heard: listener.heard, requests };
}

const TAKEN = { status: 200, body: '{"errors":false}' } as const;

/** The bulk API's answer with these statuses. */
function partly(...statuses: readonly number[]): Reply {
  const items = statuses.map((status) =>
    status < 300
      ? { index: { status } }
      : { index: { status, error: { type: "oops", reason: `because of ${status}` } } },
  );
  return { status: 200, body: JSON.stringify({ errors: true, items }) };
}

function commands(count: number): object {
  return resultOf(...Array.from({ length: count }, (_, id) => command({ id, host: `h${id}` })));
}

describe("elastic", () => {
  test("sends one document for each command, with an id that stays", async () => {
    const { heard, kind, requests } = await deliver(commands(2), { index: "mig-x", apikey: "k3y" });
    expect(kind).toBe("delivered");
    expect(heard[0]).toMatchObject({
      method: "POST",
      path: "/_bulk?filter_path=errors%2Citems.*.status%2Citems.*.error",
      headers: { "content-type": "application/x-ndjson", authorization: "ApiKey k3y" },
    });
    expect(requests[0]?.heads.map(({ index }) => index)).toEqual([
      { _index: "mig-x", _id: "nightly/7/shipped/0" },
      { _index: "mig-x", _id: "nightly/7/shipped/1" },
    ]);
    expect(requests[0]?.documents[0]).toMatchObject({
      "@timestamp": "2026-11-20T10:00:09.000Z",
      kind: "result",
      job: "nightly",
      action: { id: 7, name: "sshd hardening" },
      command: { id: 0, status: "success" },
      host: "h0",
      agent: { id: 4892412351434, os: "linux" },
      found: true,
      troubles: [],
    });
  });

  test("marks a host that failed", async () => {
    const { requests } = await deliver(resultOf(expired("a"), command({ id: 2, results: [null] })));
    expect(requests[0]?.documents.map(({ kind, troubles }) => [kind, troubles])).toEqual([
      ["failure", ['its command ended as "expired"', "operation 1 (file) gave no result"]],
      ["failure", ["operation 1 (file) failed"]],
    ]);
  });

  test("keeps what modules found as text, or as members when it is told to", async () => {
    const text = await deliver(resultOf(command()));
    const found = text.requests[0]?.documents[0]?.results[0]?.elements;
    expect(JSON.parse(found as string)).toHaveProperty("rootlogin");
    const object = await deliver(resultOf(command()), { elements: "object" });
    expect(object.requests[0]?.documents[0]?.results[0]?.elements).toHaveProperty("rootlogin");
  });

  /** The type of every member of a document, by its path. */
  function typesOf(value: unknown, path = ""): readonly string[] {
    if (value === null) return [];
    if (Array.isArray(value)) return value.flatMap((item) => typesOf(item, path));
    if (typeof value !== "object") return [`${path}: ${typeof value}`];
    return Object.entries(value).flatMap(([name, item]) => typesOf(item, `${path}/${name}`));
  }

  test("gives each member one type, whatever an agent has sent", async () => {
    const odd: readonly unknown[] = [
      null,
      true,
      7,
      1e300,
      "text",
      ["x", 1, {}],
      { a: { b: 1 } },
      { toString: 1 },
    ];
    const all = odd.flatMap((value, index) => [
      command({ id: 100 + index, agent: { tags: value, version: value, environment: value } }),
      command({
        id: 200 + index,
        agent: { id: value, tags: { operator: value, "a.b..c": value } },
      }),
      command({
        id: 300 + index,
        agent: { environment: { os: value, ident: value, addresses: value }, name: value },
      }),
      { ...command({ id: value, results: value }), status: value, finishtime: value },
      { ...command({ id: 500 + index }), action: { id: value, name: value, description: value } },
      { ...command({ id: 600 + index }), action: { threat: { ref: value, level: value } } },
    ]);
    const { kind, requests } = await deliver(resultOf(command(), ...all));
    expect(kind).toBe("delivered");
    const documents = requests.flatMap((request) => request.documents);
    expect(documents.length).toBe(1 + all.length);
    const types = new Set(documents.flatMap((document) => typesOf(document)));
    const paths = [...types].map((type) => type.replace(/: .*/, ""));
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
    // A dot would make a member of a member, of which the service knows one type only.
    expect(paths.filter((path) => path.includes("."))).toEqual([]);
    expect([...types]).toContain("/agent/tags/a_b__c: string");
  });

  test("does not write a document over another when their ids are no numbers", async () => {
    const odd = [undefined, null, "1", "1", {}, 1.5, 1e300];
    const { requests } = await deliver(
      resultOf(
        command({ id: 1 }),
        ...odd.map((id) => ({
          ...command(),
          id,
        })),
      ),
    );
    const ids = requests.flatMap(({ heads }) => heads.map(({ index }) => index?._id));
    expect(new Set(ids).size).toBe(1 + odd.length);
  });

  test("gives a time that every service takes, whatever an agent has sent", async () => {
    const times = ["+275760-09-13T00:00:00Z", "-000001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 3];
    const all = times.map((time, id) => ({
      ...command({ id }),
      finishtime: time,
      starttime: time,
    }));
    const { requests } = await deliver(resultOf(...all));
    for (const { "@timestamp": at } of requests.flatMap(({ documents }) => documents)) {
      expect(at).toMatch(/^20\d\d-/);
    }
  });

  test("cuts batches, and sends none for no commands", async () => {
    const { requests } = await deliver(commands(5), { commands: "2" });
    expect(requests.map(({ documents }) => documents.length)).toEqual([2, 2, 1]);
    expect((await deliver(resultOf())).heard).toEqual([]);
  });

  test("sends again only the documents that may be taken later", async () => {
    const { kind, requests } = await deliver(commands(3), {}, [partly(201, 429, 503), TAKEN]);
    expect(kind).toBe("delivered");
    expect(requests.map(({ documents }) => documents.map(({ host }) => host))).toEqual([
      ["h0", "h1", "h2"],
      ["h1", "h2"],
    ]);
  });

  test("fails when some are still not taken, and is made again", async () => {
    const { final, heard, kind, message } = await deliver(commands(2), {}, (_, index) =>
      index === 0 ? partly(200, 429) : partly(429),
    );
    expect({ kind, final }).toEqual({ kind: "failed", final: false });
    expect(heard.length).toBe(3);
    expect(message).toBe(
      "1 of 2 documents failed: the cluster answered 429 to a document: oops: because of 429",
    );
  });

  test("logs a refused document, delivers the others and fails for good", async () => {
    const { final, heard, log, message } = await deliver(commands(3), {}, [partly(201, 400, 200)]);
    expect(final).toBe(true);
    expect(heard.length).toBe(1);
    expect(message).toBe("1 of 3 documents were refused: 400 oops: because of 400");
    expect(log).toEqual(["warning: command 1 of h1 was refused: 400 oops: because of 400"]);
  });

  test("takes 409 for taken where documents are only created", async () => {
    const create = await deliver(commands(1), { op: "create" }, [partly(409)]);
    expect(create.kind).toBe("delivered");
    expect(create.requests[0]?.heads[0]?.create?._index).toBe("mig");
    expect((await deliver(commands(1), {}, [partly(409)])).kind).toBe("failed");
  });

  test("halves a batch that is too large for the cluster", async () => {
    const small: Answer = ({ body }) => (body.length > 3_000 ? { status: 413 } : TAKEN);
    const { kind, requests } = await deliver(commands(4), {}, small);
    expect(kind).toBe("delivered");
    expect(requests.map(({ documents }) => documents.length)).toEqual([4, 2, 2]);
  });

  test.each([
    ["401", { status: 401, body: "who are you" }, /answered 401: who are you$/],
    ["500", { status: 500, headers: { "Retry-After": "0" } }, /answered 500$/],
    ["a cut connection", { action: "close" }, /the connection was cut/],
    ["silence", { action: "hang" }, /did not answer within 0\.05 s$/],
    ["a page of something else", { status: 200, body: "<html>" }, /did not answer as the bulk API/],
    ["too few answers", { status: 200, body: '{"errors":true,"items":[]}' }, /as the bulk API/],
  ] as const)("fails on %s, to be made again", async (_, reply, wanted) => {
    const { final, kind, message } = await deliver(commands(2), limitOf(reply), [reply]);
    expect({ kind, final }).toEqual({ kind: "failed", final: false });
    expect(message).toMatch(wanted);
  });

  test("signs in by user and password", async () => {
    const { heard } = await deliver(commands(1), { user: "mig", password: "s3cret" });
    const wanted = `Basic ${Buffer.from("mig:s3cret").toString("base64")}`;
    expect(heard[0]?.headers.authorization).toBe(wanted);
  });
});
