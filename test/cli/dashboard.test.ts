import { describe, expect, test } from "bun:test";
import { dashboard, placeOf } from "../../src/cli/dashboard.ts";
import { NAMED } from "../support/tls-names.ts";
import { Directory } from "../support/verb.ts";

describe("dashboard", () => {
  test("takes no words, and no place that others can reach without TLS", async () => {
    await using directory = await Directory.create();
    expect((await directory.call(dashboard, ["nightly"])).thrown).toBe("dashboard takes no words");
    const { thrown } = await directory.call(dashboard, ["--listen", "0.0.0.0:8787"]);
    expect(thrown).toContain('Cannot listen on "0.0.0.0:8787"');
    expect(thrown).toContain("ssh -L");
  });

  test("takes no name that no browser can ask by", async () => {
    await using directory = await Directory.create();
    for (const name of ["https://mig.example", "mig.example:8443", "*.example", "a b"]) {
      const { thrown } = await directory.call(dashboard, ["--host", name]);
      expect(thrown).toStartWith(`invalid value "${name}" for flag -host: a name such as`);
    }
  });
});

describe("--allow-actions", () => {
  const refused = async (directory: Directory, ...argv: string[]) =>
    (await directory.call(dashboard, ["--listen", "127.0.0.1:0", ...argv])).thrown;

  test("wants one way to know people, and takes none without it", async () => {
    await using directory = await Directory.create();
    const file = await directory.write("token", "0123456789abcdef");
    const wants = "flag -allow-actions wants -token-file FILE or -user-header NAME";
    expect(await refused(directory, "--allow-actions")).toBe(wants);
    const both = ["--token-file", file, "--user-header", "X-User"];
    expect(await refused(directory, "--allow-actions", ...both)).toBe(wants);
    for (const one of [both.slice(0, 2), both.slice(2)]) {
      const only = "flags -token-file and -user-header are for -allow-actions";
      expect(await refused(directory, ...one)).toBe(only);
    }
    for (const name of ["Cookie", "host", "X User", "Sec-Fetch-Site", "User-Agent"]) {
      const thrown = await refused(directory, "--allow-actions", "--user-header", name);
      expect(thrown).toStartWith(`invalid value "${name}" for flag -user-header: the name of`);
    }
  });

  test("takes no token that others know, or can guess", async () => {
    await using directory = await Directory.create();
    const read = async (text: string, mode: number) => {
      const path = await directory.write("token", text, mode);
      return await refused(directory, "--allow-actions", "--token-file", path);
    };
    const secret = "0123456789abcdef";
    expect(await read(secret, 0o644)).toContain("every user of this host can read it (mode 0644)");
    expect(await read(secret, 0o644)).toContain("chmod 600");
    expect(await read(secret, 0o602)).toContain('Cannot trust token "');
    expect(await read("short\n", 0o600)).toContain(
      "it has 5 characters, from 16 to 1024 are wanted",
    );
    expect(await read("", 0o600)).toContain("openssl rand -hex 32");
    const none = ["--allow-actions", "--token-file", directory.at("none")];
    expect(await refused(directory, ...none)).toContain("there is no such file");
    const folder = ["--allow-actions", "--token-file", directory.path];
    expect(await refused(directory, ...folder)).toContain("there is no such file");
  });
});

describe("--tls-cert", () => {
  const TOKEN = "0123456789abcdef";
  const PLACE = ["--listen", "0.0.0.0:0"];

  const files = async (directory: Directory, name = "name", mode = 0o600) => [
    "--tls-cert",
    await directory.write("cert", NAMED.certificates[name] ?? "", 0o644),
    "--tls-key",
    await directory.write("key", NAMED.key, mode),
  ];

  test("is wanted with its key and a token where other hosts ask", async () => {
    await using directory = await Directory.create();
    const tls = await files(directory);
    const token = ["--token-file", await directory.write("token", TOKEN)];
    const thrown = async (...argv: string[]) => (await directory.call(dashboard, argv)).thrown;
    const both = "flags -tls-cert and -tls-key want each other";
    expect(await thrown(...PLACE, ...tls.slice(0, 2), ...token)).toBe(both);
    expect(await thrown(...PLACE, ...tls.slice(2), ...token)).toBe(both);
    expect(await thrown(...PLACE, ...token)).toContain('Cannot listen on "0.0.0.0:0"');
    expect(await thrown(...PLACE, ...tls)).toContain("flag -tls-cert wants -token-file FILE");
    expect(await thrown(...PLACE, ...tls, "--allow-actions")).toContain("wants -token-file FILE");
    const header = ["--allow-actions", "--user-header", "X-User"];
    expect(await thrown(...PLACE, ...tls, ...header)).toContain(
      "-user-header is for a proxy on this",
    );
    const socket = ["--listen", "unix:/tmp/p.sock", ...tls, ...token];
    expect(await thrown(...socket)).toContain("flag -tls-cert is for a port");
  });

  test("takes no key that others know, and no certificate that others can write", async () => {
    await using directory = await Directory.create();
    const token = ["--token-file", await directory.write("token", TOKEN)];
    const thrown = async (argv: readonly string[]) =>
      (await directory.call(dashboard, [...PLACE, ...token, ...argv])).thrown;
    const open = await thrown(await files(directory, "name", 0o644));
    expect(open).toContain("Cannot take the TLS key in");
    expect(open).toContain("every user of this host can read it (mode 0644)");
    const tls = await files(directory);
    await directory.write("cert", NAMED.certificates.name ?? "", 0o666);
    expect(await thrown(tls)).toContain('Cannot trust certificate "');
    await directory.write("cert", "nonsense");
    expect(await thrown(tls)).toContain("it holds no certificate in PEM");
    expect(await thrown([...tls.slice(2), "--tls-cert", directory.at("none")])).toContain("ENOENT");
    const unnamed = await thrown(await files(directory, "common"));
    expect(unnamed).toBe("flag -host is wanted: the certificate names no host");
  });
});

describe("placeOf()", () => {
  test("reads addresses with a port, and paths of sockets", () => {
    const port = (host: string) => ({ kind: "port", host, port: 8787 });
    expect(placeOf("127.0.0.1:8787")).toEqual(port("127.0.0.1") as never);
    expect(placeOf("127.1.2.3:8787")).toEqual(port("127.1.2.3") as never);
    expect(placeOf("localhost:8787")).toEqual(port("127.0.0.1") as never);
    expect(placeOf("[::1]:8787")).toEqual(port("::1") as never);
    expect(placeOf("[::]:8787")).toEqual(port("::") as never);
    expect(placeOf("10.0.0.1:8787")).toEqual(port("10.0.0.1") as never);
    expect(placeOf("unix:/run/p.sock")).toEqual({ kind: "socket", path: "/run/p.sock" });
  });

  test("refuses names, and what is no place", () => {
    for (const text of [":8787", "example.com:80", "127.0.0.1.a.b:80"]) {
      expect(() => placeOf(text)).toThrow("an address in numbers is wanted");
    }
    for (const text of [
      "8787",
      "127.0.0.1",
      "127.0.0.1:x",
      "127.0.0.1:65536",
      "unix:",
      "::1:80",
      "",
    ]) {
      expect(() => placeOf(text)).toThrow("for flag -listen");
    }
  });
});
