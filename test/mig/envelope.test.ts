import { describe, expect, test } from "bun:test";
import { faultText, readEnvelope, readFailure, shorten } from "../../src/mig/envelope.ts";

async function* bodyOf(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

/** A body that never ends, and what of it was read. */
function endless(part: string): { body: AsyncGenerator<Uint8Array>; read: () => number } {
  let size = 0;
  const bytes = new TextEncoder().encode(part);
  const body = (async function* () {
    for (;;) {
      size += bytes.length;
      yield bytes;
    }
  })();
  return { body, read: () => size };
}

const page = '{"collection":{"items":[{"data":[{"name":"action ID 7","value":{"id":7}}]}]}}';

describe("readEnvelope()", () => {
  test("gives the wanted values as they came", async () => {
    const values: string[] = [];
    const summary = await readEnvelope(bodyOf(page.slice(0, 70), page.slice(70)), {
      isWanted: (name) => name === "action ID 7",
      onValue: (bytes) => values.push(new TextDecoder().decode(bytes)) > 0,
    });
    expect(values).toEqual(['{"id":7}']);
    expect(summary).toEqual({ commands: 1, strays: 0, errorMessage: null });
  });

  test("reads no further once it has what was wanted", async () => {
    const { body, read } = endless(`${page.slice(0, -3)},`);
    const options = { isWanted: () => true, onValue: () => false };
    expect(await readEnvelope(body, options)).toBeNull();
    expect(read()).toBeLessThan(1_000);
  });

  test("gives up an answer that is too large, without holding it", async () => {
    const { body, read } = endless(" ".repeat(65_536));
    const options = { isWanted: () => false, onValue: () => true, sizeMax: 10 << 20 };
    await expect(readEnvelope(body, options)).rejects.toThrow("it is over 10485760 bytes");
    expect(read()).toBeLessThan(11 << 20);
  });

  test("passes on what the body throws", async () => {
    const body = (async function* () {
      yield* bodyOf(page.slice(0, 20));
      throw new Error("cut");
    })();
    const options = { isWanted: () => true, onValue: () => true };
    await expect(readEnvelope(body, options)).rejects.toThrow("cut");
  });
});

describe("readFailure()", () => {
  test("gives the API's own message", async () => {
    const body = '{"collection":{"error":{"code":"1","message":"action target is empty"}}}';
    expect(await readFailure(500, bodyOf(body))).toEqual({
      message: "HTTP 500: action target is empty",
      apiMessage: "action target is empty",
    });
  });

  test("gives the words of a page that is not the API's", async () => {
    const html =
      "<html><head><style>b{}</style><title>502 Bad Gateway</title></head>\n" +
      "<body>nginx</body></html>";
    expect((await readFailure(502, bodyOf(html))).message).toBe("HTTP 502: 502 Bad Gateway nginx");
    const plain = await readFailure(404, bodyOf("404 page not found\n"));
    expect(plain).toEqual({ message: "HTTP 404: 404 page not found", apiMessage: null });
  });

  test("gives the status alone when nobody says anything", async () => {
    for (const body of ["", "{}", '{"collection":{"error":{}}}', "{ torn"]) {
      expect((await readFailure(500, bodyOf(body))).message).toBe("HTTP 500");
    }
  });

  test("reads little of what never ends", async () => {
    for (const part of ["garbage ", "[", '{"a":']) {
      const { body, read } = endless(part.repeat(8_000));
      await readFailure(500, body);
      expect(read()).toBeLessThan(1 << 20);
    }
  });

  test("does not fail when the body does", async () => {
    const body = (async function* () {
      yield* bodyOf("Service Unav");
      throw new Error("cut");
    })();
    expect((await readFailure(503, body)).message).toBe("HTTP 503: Service Unav");
  });
});

describe("shorten()", () => {
  test("makes one line of at most 300 characters", () => {
    expect(shorten(" a\r\n\tb\u0000\u001b[31mc\u0085d ")).toBe("a b [31mc d");
    expect(Array.from(shorten("😀".repeat(1_000)))).toHaveLength(300);
    expect(shorten("x".repeat(300))).toBe("x".repeat(300));
    expect(shorten("x".repeat(301))).toBe(`${"x".repeat(299)}…`);
  });

  test("serves for anything thrown", () => {
    expect(faultText(new Error("a\nb"))).toBe("a b");
    expect(faultText("c")).toBe("c");
  });
});
