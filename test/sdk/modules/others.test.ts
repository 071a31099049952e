import { describe, expect, test } from "bun:test";
import { modules } from "../../../src/sdk/modules.ts";
import { mistakesOf } from "../../support/thrown.ts";

type Call = (parameters: never) => unknown;

/** Calls a builder with parameters that its types may forbid. */
function call(builder: Call, parameters: unknown): () => unknown {
  return () => builder(parameters as never);
}

function accepts(builder: Call, lines: readonly unknown[]): void {
  test.each(lines.map((line) => [line]))("accepts %j", (parameters) => {
    expect(call(builder, parameters)).not.toThrow();
  });
}

/** Parameters, and the end of the one message that they are to be refused with. */
function refuses(builder: Call, lines: readonly (readonly [unknown, string])[]): void {
  test.each(lines.map(([parameters, end]) => [parameters, end] as const))(
    "refuses %j",
    (parameters, end) => {
      const mistakes = mistakesOf(call(builder, parameters));
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toStartWith("Cannot use modules.");
      expect(mistakes[0]).toContain(end);
    },
  );
}

describe("memory()", () => {
  accepts(modules.memory, [
    { searches: { s1: { names: ["/sshd$"], bytes: ["afd37df8"], options: { matchall: true } } } },
    { searches: { "a_B-9": { options: { offset: 0, maxlength: 50_000, logfailures: true } } } },
    { searches: { s: { libraries: ["libssl"], contents: ["(?s)a.b"], bytes: ["FF00d1"] } } },
    { searches: { s: { description: "x", names: ["!a"] } } },
  ]);
  refuses(modules.memory, [
    [{}, "searches: it is missing"],
    [{ searches: { "a b": {} } }, "a label has 1 to 64 letters"],
    [{ searches: { ["x".repeat(65)]: {} } }, "a label has 1 to 64 letters"],
    [{ searches: { s: { names: [""] } } }, 'searches.s.names[0] "": it is empty'],
    [{ searches: { s: { libraries: ["("] } } }, "missing closing )"],
    [{ searches: { s: { contents: ["\\1"] } } }, "invalid escape sequence"],
    [{ searches: { s: { bytes: [""] } } }, "an even number of hexadecimal digits"],
    [{ searches: { s: { bytes: ["abc"] } } }, "an even number of hexadecimal digits"],
    [{ searches: { s: { bytes: ["0xab"] } } }, "an even number of hexadecimal digits"],
    [{ searches: { s: { options: { maxlength: -1 } } } }, "a whole number from 0 on"],
    [{ searches: { s: { paths: ["/"] } } }, "paths: there is no such parameter"],
  ]);
});

describe("netstat()", () => {
  accepts(modules.netstat, [
    {},
    { listeningport: ["22"], connectedip: ["203.0.113.0/24"], namespaces: false },
    { localmac: ["^8c:70", ""], neighbormac: ["(?i)AA"] },
    { localip: ["10.0.0.1", "::1", "2001:db8::/32"], neighborip: ["::ffff:10.0.0.2/120"] },
    { listeningport: ["0", "65535"] },
  ]);
  refuses(modules.netstat, [
    [{ listeningport: [22] }, "listeningport[0] 22: a text is wanted"],
    [{ listeningport: ["65536"] }, 'a port from "0" to "65535" is wanted'],
    [{ listeningport: ["-1"] }, 'a port from "0" to "65535" is wanted'],
    [{ listeningport: ["ssh"] }, 'a port from "0" to "65535" is wanted'],
    [{ connectedip: ["10.0.0.0/33"] }, "an address or network"],
    [{ localip: ["web1.example.net"] }, "an address or network"],
    [{ neighborip: [""] }, "an address or network"],
    [{ localmac: ["["] }, "missing closing ]"],
    [{ listeningports: ["22"] }, "did you mean listeningport?"],
  ]);
});

describe("ping()", () => {
  accepts(modules.ping, [
    { destination: "192.0.2.10", protocol: "tcp", destinationport: 443, count: 1, timeout: 2 },
    { destination: "web1", protocol: "icmp" },
    { destination: "2001:db8::1", protocol: "udp", destinationport: 53, count: 0, timeout: 0 },
  ]);
  refuses(modules.ping, [
    [{ destination: "web1", protocol: "tcp" }, "destinationport: it is missing"],
    [{ destination: "web1", protocol: "udp" }, "destinationport: it is missing"],
    [{ destination: "web1", protocol: "tcp", destinationport: 0 }, "from 1 to 65535"],
    [{ destination: "web1", protocol: "tcp", destinationport: 65_536 }, "from 1 to 65535"],
    [{ destination: "web1", protocol: "tcp", destinationport: "80" }, "a whole number"],
    [{ destination: "web1", protocol: "icmp", destinationport: 80 }, "icmp has no ports"],
    [{ destination: "web1", protocol: "http" }, 'protocol "http": icmp, tcp or udp is wanted'],
    [{ destination: "web1" }, "protocol: icmp, tcp or udp is wanted"],
    [{ destination: "", protocol: "icmp" }, "it is empty"],
    [{ protocol: "icmp" }, "destination: it is missing"],
    [{ destination: "web1", protocol: "icmp", timeout: 0.5 }, "timeout 0.5: a whole number"],
    [{ destination: "web1", protocol: "icmp", count: -1 }, "a whole number from 0 on"],
  ]);
});

describe("pkg()", () => {
  accepts(modules.pkg, [
    { pkgmatch: { matches: ["^openssl$"] }, vermatch: "" },
    { pkgmatch: { matches: ["a", "b"] }, vermatch: "!^1\\.0" },
  ]);
  refuses(modules.pkg, [
    [{}, "pkgmatch: it is missing"],
    [{ pkgmatch: { matches: [] } }, "pkgmatch.matches: at least one pattern is wanted"],
    [{ pkgmatch: { matches: ["*"] } }, "missing argument to repetition operator: `*`"],
    [{ pkgmatch: { matches: ["a"] }, vermatch: "!(" }, "missing closing ): `(`"],
  ]);
});

describe("sshkey()", () => {
  accepts(modules.sshkey, [{}, { paths: ["/home"], maxdepth: 4 }, { maxdepth: 0 }, { paths: [] }]);
  refuses(modules.sshkey, [
    [{ maxdepth: 1_001 }, "maxdepth 1001: a whole number from 0 to 1000 is wanted"],
    [{ maxdepth: -1 }, "from 0 to 1000"],
    [{ maxdepth: 1.5 }, "from 0 to 1000"],
    [{ paths: "/home" }, "a list of texts is wanted"],
  ]);
});

describe("timedrift()", () => {
  accepts(modules.timedrift, [{}, { drift: "" }, { drift: "5s" }, { drift: "1h30m" }]);
  refuses(modules.timedrift, [
    [{ drift: "5" }, 'drift "5": time: missing unit in duration "5", a duration such as'],
    [{ drift: "5d" }, 'time: unknown unit "d" in duration "5d"'],
    [{ drift: "5 seconds" }, 'unknown unit " seconds"'],
    [{ drift: 5 }, "a text is wanted"],
  ]);
});

describe("yara()", () => {
  const rules = 'rule r { strings: $a = "evil" condition: $a }';
  accepts(modules.yara, [
    { yara: rules },
    { yara: rules, filesearch: "-path /usr/bin -name '^ls$'" },
    { yara: rules, filesearch: `--path=/bin -matchall -size <1m -md5 ${"a".repeat(32)}` },
    { yara: rules, filesearch: `-path /etc -name 'a b' -content "c d" -mismatch name` },
    { yara: rules, filesearch: "" },
  ]);
  refuses(modules.yara, [
    [{ yara: "" }, "yara"],
    [{ filesearch: "-path /" }, "yara: it is missing"],
    [{ yara: rules, filesearch: "/usr/bin" }, "there is no option /usr/bin"],
    [{ yara: rules, filesearch: "help" }, "there is no option help"],
    [{ yara: rules, filesearch: "-pth /" }, "there is no option -pth"],
    [{ yara: rules, filesearch: "-constructor x" }, "there is no option -constructor"],
    [{ yara: rules, filesearch: "-name ls" }, "-path is wanted"],
    [{ yara: rules, filesearch: "-path / -name" }, "-name: it needs a value"],
    [{ yara: rules, filesearch: "-path / -name (" }, "-name: missing closing )"],
    [{ yara: rules, filesearch: "-path / -size k" }, "-size: a size such as"],
    [{ yara: rules, filesearch: "-path / -mismatch x" }, "-mismatch: there is no such check"],
    [{ yara: rules, filesearch: "-path / -maxdepth x" }, "-maxdepth: a whole number is wanted"],
    [{ yara: rules, filesearch: "-path '/a' -name 'b'" }, "agents read '/a' -name 'b' as one"],
  ]);
});

describe("agentdestroy()", () => {
  accepts(modules.agentdestroy, [
    { pid: 12_345, version: "20170913-0.a1b2c3d.prod" },
    { pid: 2, version: "1" },
    { pid: 65_535, version: "1" },
  ]);
  refuses(modules.agentdestroy, [
    [{ pid: 1, version: "1" }, "pid 1: a whole number from 2 to 65535 is wanted"],
    [{ pid: 65_536, version: "1" }, "from 2 to 65535"],
    [{ pid: 12.5, version: "1" }, "from 2 to 65535"],
    [{ pid: 12 }, "version: it is missing"],
    [{ pid: 12, version: "" }, "it is empty"],
  ]);
});

describe("example()", () => {
  accepts(modules.example, [
    {},
    { gethostname: true, getaddresses: false, lookuphost: ["www.example.net", "localhost"] },
  ]);
  refuses(modules.example, [
    [{ lookuphost: ["-a"] }, 'lookuphost[0] "-a": a name such as'],
    [{ lookuphost: ["a..b"] }, "a name such as"],
    [{ lookuphost: ["a_b"] }, "a name such as"],
    [{ lookuphost: [""] }, "a name such as"],
    [{ gethostname: "yes" }, "true or false is wanted"],
  ]);
});

describe("examplepersist()", () => {
  accepts(modules.examplepersist, [{ string: "hello" }]);
  refuses(modules.examplepersist, [
    [{ string: "" }, "it is empty"],
    [{}, "string: it is missing"],
  ]);
});

describe.each(["fswatch", "audit", "dispatch"] as const)("%s()", (name) => {
  accepts(modules[name] as Call, [undefined, {}]);
  refuses(modules[name] as Call, [[{ paths: ["/etc"] }, "paths: there is no such parameter"]]);

  test("sends an empty object", () => {
    expect(modules[name]()).toEqual({ module: name, parameters: {} });
  });
});

describe("modules", () => {
  test("names each module as agents do", () => {
    for (const [name, builder] of Object.entries(modules)) {
      expect("module" in builder ? builder.module : "raw").toBe(name);
    }
  });

  test("asks for compression when it is wanted", () => {
    const compressed = { module: "sshkey", parameters: {}, want_compressed: true };
    expect(modules.sshkey({}, { compress: true })).toEqual(compressed);
    expect(modules.fswatch({}, { compress: true }).want_compressed).toBe(true);
    expect(modules.sshkey({}, { compress: false })).not.toHaveProperty("want_compressed");
  });

  test("leaves out what is undefined", () => {
    const { parameters } = modules.sshkey({ paths: undefined, maxdepth: 2 });
    expect(JSON.stringify(parameters)).toBe('{"maxdepth":2}');
  });

  test("makes a copy that later changes do not reach (R1)", () => {
    const paths = ["/home"];
    const operation = modules.sshkey({ paths });
    paths.push("/root");
    expect(operation.parameters).toEqual({ paths: ["/home"] });
    expect(Object.isFrozen(operation.parameters)).toBe(true);
    expect(Object.isFrozen(operation)).toBe(true);
  });

  // The examples of MIG's own documentation and what each module answers to them.
  test.each([
    [modules.netstat, { elements: { listeningport: { "22": [{ localport: 22 }] } } }],
    [modules.ping, { elements: { latencies: [3.2], protocol: "tcp", resolvedhost: "a (b)" } }],
    [modules.sshkey, { elements: { keys: null }, statistics: null }],
    [modules.agentdestroy, { elements: "PID 5 has been killed" }],
    [modules.fswatch, { elements: { ok: true } }],
    [modules.examplepersist, { elements: { string: "hello" } }],
    [modules.yara, { elements: { Matches: [{ Object: "/bin/ls", MatchedRules: ["r"] }] } }],
    [modules.timedrift, { elements: { hascheckeddrift: true, localtime: "2026-01-02T03:04:05Z" } }],
    [modules.example, { elements: { lookeduphost: { localhost: ["127.0.0.1"] } } }],
    [modules.pkg, { elements: { packages: [] } }],
    [modules.memory, { elements: { s1: [{ process: { name: "", pid: 0 }, search: {} }] } }],
  ] as const)("reads a result of its module", (builder, part) => {
    const result = {
      foundanything: true,
      success: true,
      statistics: null,
      errors: null,
      ...part,
      elements: "latencies" in Object(part.elements) ? withFailures(part.elements) : part.elements,
    };
    expect(builder.read(result)).toEqual(result as never);
  });

  test("does not take the result of another module for its own (R2)", () => {
    const result = {
      foundanything: false,
      success: true,
      elements: { packages: [] },
      statistics: { execruntime: "1s" },
      errors: null,
    };
    expect(modules.ping.read(result).success).toBe(false);
    expect(modules.pkg.read(result).success).toBe(true);
  });

  test.each([["text"], [7], [[]], [{}]])("makes a failure of %j in place of a result", (junk) => {
    const read = modules.pkg.read(junk as never);
    expect(read.success).toBe(false);
    expect(read.elements).toBeNull();
    expect(read.errors?.at(-1)).toStartWith("Cannot read the result");
  });
});

function withFailures(elements: unknown): unknown {
  return { ...Object(elements), failures: null };
}

describe("raw()", () => {
  test("takes any JSON", () => {
    const parameters = { list: [1, "a", null, true, { deep: {} }] };
    expect(modules.raw("custom", parameters)).toEqual({ module: "custom", parameters });
  });

  test.each<[string, unknown, string]>([
    ["NaN", { a: [Number.NaN] }, " a[0] NaN: JSON has no such number"],
    ["a date", { at: new Date(0) }, " at: JSON holds only plain objects and lists"],
    ["a map", { all: new Map() }, " all: JSON holds only plain objects and lists"],
    ["a bigint", { big: 1n }, " big 1: JSON has no bigint"],
    ["a hole in a list", [undefined], " [0]: JSON has no undefined"],
    ["nothing", undefined, ": JSON has no undefined"],
    ["half a pair", { a: "\ud800" }, ' a "\\ud800": it has half a surrogate pair in it'],
  ])("refuses %s, which JSON would lose", (_, parameters, end) => {
    const message = `Cannot use modules.custom${end}`;
    expect(mistakesOf(() => modules.raw("custom", parameters))).toEqual([message]);
  });

  test("refuses an object that contains itself", () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(mistakesOf(() => modules.raw("custom", loop))[0]).toContain("it nests too deeply");
  });

  test("refuses an empty name", () => {
    expect(() => modules.raw("", {})).toThrow("the name of a module is wanted");
  });
});
