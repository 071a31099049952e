import { describe, expect, test } from "bun:test";
import { PageError, type PageFault } from "../../src/lib/json/fault.ts";
import { PageSplitter, type PageSummary } from "../../src/mig/page.ts";

interface Read {
  readonly commands: readonly string[];
  readonly summary: PageSummary | null;
  readonly fault: PageFault | null;
  readonly message: string;
}

function read(page: string | Uint8Array, { itemSizeMax = 1 << 20, cut = 1 << 30 } = {}): Read {
  const bytes = typeof page === "string" ? new TextEncoder().encode(page) : page;
  const commands: string[] = [];
  const onCommand = (command: Uint8Array) => commands.push(new TextDecoder().decode(command));
  const splitter = new PageSplitter({ itemSizeMax, onCommand });
  try {
    for (let at = 0; at < bytes.length; at += cut) {
      const chunk = Buffer.from(bytes.subarray(at, at + cut));
      splitter.push(chunk);
      // Its memory is used again for the next one.
      chunk.fill(0);
    }
    return { commands, summary: splitter.finish(), fault: null, message: "" };
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    return { commands, summary: null, fault: error.fault, message: error.message };
  }
}

function pageOf(...entries: string[]): string {
  const items = entries.map((entry) => `{"href":"x","data":[${entry}]}`);
  return `{"collection":{"version":"1.0","items":[${items}],"template":{},"error":{}}}`;
}

function command(value: string): string {
  return `{"name":"command","value":${value}}`;
}

const COMMAND = '{"id":1,"e":[true,null,-1.5e+3,"\\u00e9\\"\\\\{[",{}],"s":"{}]\\n"}';

describe("PageSplitter", () => {
  test("hands out each command's bytes as they came, in order", () => {
    const spaced = '{ "id" : 2 ,\n"x" :\t[ ] }';
    const { commands, summary } = read(pageOf(command(COMMAND), command(spaced)));
    expect(commands).toEqual([COMMAND, spaced]);
    expect(summary).toEqual({ commands: 2, strays: 0, errorMessage: null });
  });

  test("hears the same wherever the chunks are cut", () => {
    const page = pageOf(
      command(COMMAND),
      '{"value":{"a":1},"name":"\\u0063ommand"}',
      command("null"),
    );
    for (const cut of [1, 2, 3, 5, 7, 11, 64]) {
      expect(read(page, { cut })).toEqual(read(page));
    }
    expect(read(page).commands).toEqual([COMMAND, '{"a":1}']);
  });

  test("takes the name before or after the value", () => {
    expect(read(pageOf('{"value":{"id":3},"prompt":"p","name":"command"}')).commands).toEqual([
      '{"id":3}',
    ]);
  });

  test("takes several entries of one item, and none", () => {
    const several = `${command('{"id":1}')},{"name":"x","value":1},${command('{"id":2}')}`;
    const items = `{"data":[${several}]},{"data":[]},{"data":null},{},null`;
    const page = `{"collection":{"items":[${items}]}}`;
    expect(read(page).commands).toEqual(['{"id":1}', '{"id":2}']);
  });

  test("takes only what is named exactly command", () => {
    const names = ["Command", "command ", "commands", "pagination", "search parameters", ""];
    const page = pageOf(...names.map((name) => `{"name":"${name}","value":{"name":"command"}}`));
    expect(read(page)).toMatchObject({ commands: [], summary: { commands: 0, strays: 0 } });
  });

  test("is not fooled by what looks like a page inside a command", () => {
    const inner = pageOf(command('{"id":9}')).replace('"error":{}', '"error":{"message":"no"}');
    const page = pageOf(command(`{"id":1,"collection":${inner},"value":${inner}}`));
    const { commands, summary } = read(page);
    expect(commands).toHaveLength(1);
    expect(summary?.errorMessage).toBeNull();
  });

  test("is not fooled by what looks like a page beside the collection", () => {
    const other = `{"items":[{"data":[${command('{"id":9}')}]}]}`;
    const page = `{"x":${other},"collection":{"template":${other},"items":null},"y":[${other}]}`;
    expect(read(page).summary).toEqual({ commands: 0, strays: 0, errorMessage: null });
  });

  test("counts commands that are none", () => {
    const strays = ["null", '"x"', "[]", "7", "true"].map(command);
    const page = pageOf(...strays, '{"name":"command"}', command("{}"));
    expect(read(page)).toMatchObject({ commands: ["{}"], summary: { commands: 1, strays: 6 } });
  });

  test("lets the last of two values or names count, as Go does", () => {
    const twice = '{"name":"x","name":"command","value":{"a":1},"value":{"b":2}}';
    expect(read(pageOf(twice)).commands).toEqual(['{"b":2}']);
    expect(read(pageOf('{"name":"command","value":{"a":1},"value":null}')).summary?.strays).toBe(1);
    expect(read(pageOf('{"name":"command","value":{"a":1},"name":null}')).commands).toEqual([]);
  });

  test("takes member names in any letter case, as Go does", () => {
    const page = '{"Collection":{"ITEMS":[{"Data":[{"NAME":"command","VALUE":{"id":9}}]}]}}';
    expect(read(page).commands).toEqual(['{"id":9}']);
  });

  test("reads the error's message", () => {
    const page = '{"collection":{"error":{"code":"1","message":"no \\"results\\" f\\u00fcnd"}}}';
    expect(read(page).summary?.errorMessage).toBe('no "results" fünd');
    expect(read('{"collection":{"error":{"message":""}}}').summary?.errorMessage).toBeNull();
    expect(read('{"collection":{"error":{"message":7}}}').summary?.errorMessage).toBeNull();
  });

  test("puts U+FFFD for bytes that are no UTF-8, as Go does", () => {
    const page = Buffer.from(pageOf(command('{"a":"xé"}')), "latin1");
    expect(read(page).commands).toEqual(['{"a":"x\ufffd"}']);
    // The first two bytes of a character of three: one for each, not one for both.
    const cutOff = Buffer.from(pageOf(command('{"a":"\u00e2\u0082"}')), "latin1");
    expect(read(cutOff).commands).toEqual(['{"a":"\ufffd\ufffd"}']);
  });

  test("takes other entries than commands when it is told so", () => {
    const names: string[] = [];
    const splitter = new PageSplitter({
      itemSizeMax: 100,
      isWanted: (name) => name.startsWith("action ID "),
      onCommand: (_, name) => names.push(name),
    });
    splitter.push(new TextEncoder().encode(pageOf('{"name":"action ID 7","value":{"id":7}}')));
    expect(splitter.finish().commands).toBe(1);
    expect(names).toEqual(["action ID 7"]);
  });
});

describe("PageSplitter on commands that share their action", () => {
  const action = '{"id":7,"x":[{"y":"\\u0041"},null],"counters":{"sent":3}}';
  const page = (...commands: readonly string[]) => pageOf(...commands.map(command));

  test("hands out each with its own bytes", () => {
    const commands = [1, 2, 3].map(
      (id) => `{"id":${id},"action":${action},"results":[{"n":${id}}]}`,
    );
    for (const cut of [1, 7, 64, 4_096]) {
      expect(read(page(...commands), { cut })).toMatchObject({ commands, fault: null });
    }
  });

  test("checks what differs from it by a byte", () => {
    const broken = action.replace("null", "nul!");
    const { fault, message } = read(page(`{"action":${action}}`, `{"action":${broken}}`));
    expect({ fault, message }).toMatchObject({ fault: "garbage" });
    expect(message).toContain('"!" at byte');
  });

  test("checks what follows it", () => {
    const first = `{"action":${action}}`;
    for (const second of [`{"action":${action}]}`, `{"action":${action} 1}`]) {
      expect(read(page(first, second))).toMatchObject({ commands: [first], fault: "garbage" });
    }
  });
});

describe("PageSplitter on a broken page", () => {
  test("never takes a part for the whole", () => {
    const page = pageOf(command(COMMAND), command('{"id":2}'));
    for (let size = 0; size < page.length; size++) {
      const { commands, fault } = read(page.slice(0, size));
      expect(fault).toBe("torn");
      for (const text of commands) expect([COMMAND, '{"id":2}']).toContain(text);
    }
  });

  test("says where it stops being JSON", () => {
    const html = read("<html><body>502 Bad Gateway</body></html>");
    expect(html.fault).toBe("garbage");
    expect(html.message).toContain('"<" at byte 0 (it looks like HTML), wanted a value');
    expect(read('{"collection": oops}').message).toContain('"o" at byte 15, wanted a value');
    expect(read('{"collection":{}} x', { cut: 4 }).message).toContain('"x" at byte 18');
    expect(read("").message).toContain("it is empty");
  });

  const broken = {
    "a bare word": "nul1",
    "a number with a leading zero": "01",
    "a number without digits": "-",
    "a fraction without digits": "1.",
    "an exponent without digits": "1e+",
    "a plus sign": "+1",
    "an unknown escape": '"\\x"',
    "a short escape": '"\\u12g4"',
    "a control character": '"a\u0001b"',
    "a comma too many": "[1,]",
    "a member too many": '{"a":1,}',
    "no colon": '{"a" 1}',
    "no comma": "[1 2]",
    "no name": "{1:2}",
    "the wrong bracket": "[1}",
    "single quotes": "{'a':1}",
    "a comment": "{/**/}",
    NaN: "NaN",
  };
  for (const [what, value] of Object.entries(broken)) {
    test(`refuses ${what} inside a command`, () => {
      for (const cut of [1, 3, 1 << 20]) {
        const { commands, fault } = read(pageOf(command(`{"v":${value}}`)), { cut });
        expect({ commands, fault }).toEqual({ commands: [], fault: "garbage" });
      }
    });
  }

  test("refuses what is no collection", () => {
    for (const page of ["{}", "[]", "null", '"x"', "7", '{"collection":null}', '{"items":[]}']) {
      expect(read(page).fault).toBe("shape");
    }
  });

  test("refuses a collection of another shape", () => {
    const shapes = ['{"items":{}}', '{"items":"x"}', '{"items":[7]}', '{"items":[[]]}'];
    const inner = ['{"items":[{"data":{}}]}', '{"items":[{"data":[1]}]}', '{"error":"x"}'];
    for (const shape of [...shapes, ...inner, "[]", "7"]) {
      expect(read(`{"collection":${shape}}`).fault).toBe("shape");
    }
  });

  test("refuses a byte order mark, as Go does", () => {
    expect(read(`\ufeff${pageOf()}`).fault).toBe("garbage");
  });

  test("refuses what is nested too deep, and takes what is just not", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    // The value is at depth 7 and its member's at 8.
    expect(read(pageOf(command(`{"a":${nested(9_993)}}`))).commands).toHaveLength(1);
    expect(read(pageOf(command(`{"a":${nested(9_994)}}`))).fault).toBe("deep");
    expect(read("[".repeat(100_000)).fault).toBe("shape");
    expect(read(`{"x":${"[".repeat(100_000)}`, { cut: 1_000 }).fault).toBe("deep");
  });

  test("refuses a command that is too large, whole or in parts", () => {
    const value = `{"a":"${"x".repeat(100)}"}`;
    for (const cut of [7, 1_000]) {
      expect(read(pageOf(command(value)), { itemSizeMax: value.length, cut }).commands) //
        .toEqual([value]);
      const { commands, fault } = read(pageOf(command(value)), {
        itemSizeMax: value.length - 1,
        cut,
      });
      expect({ commands, fault }).toEqual({ commands: [], fault: "large" });
    }
  });

  test("refuses an endless text that might be a name", () => {
    const page = `{"collection":{"items":[{"data":[{"name":"${"x".repeat(1_000)}`;
    expect(read(page, { itemSizeMax: 100, cut: 50 }).fault).toBe("large");
  });
});

describe("PageSplitter on a large page", () => {
  function push(parts: Iterable<Uint8Array>): { commands: number; grownMb: number } {
    let commands = 0;
    const splitter = new PageSplitter({ itemSizeMax: 1 << 20, onCommand: () => commands++ });
    const before = process.memoryUsage().rss;
    for (const part of parts) splitter.push(part);
    splitter.finish();
    return { commands, grownMb: (process.memoryUsage().rss - before) / 2 ** 20 };
  }

  function* repeat(texts: [string, string, string], times: number): Generator<Uint8Array> {
    const [head, part, tail] = texts.map((text) => new TextEncoder().encode(text));
    yield head as Uint8Array;
    for (let round = 0; round < times; round++) yield part as Uint8Array;
    yield tail as Uint8Array;
  }

  test("holds one command at a time", () => {
    const item = `{"data":[${command(`{"id":1,"x":"${"y".repeat(5_000)}"}`)}]},`;
    const head = '{"collection":{"items":[';
    const read = push(repeat([head, item.repeat(13), "null]}}"], 2_000));
    expect(read.commands).toBe(26_000);
    expect(read.grownMb).toBeLessThan(50);
  });

  test("holds nothing of what it does not want", () => {
    const head = '{"collection":{"template":{"x":"';
    const read = push(repeat([head, "z".repeat(65_536), '"}}}'], 2_000));
    expect(read.grownMb).toBeLessThan(50);
  });
});
