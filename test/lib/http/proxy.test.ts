import { describe, expect, test } from "bun:test";
import { basicCredentials, findProxies, hostOf, portOf } from "../../../src/lib/http/proxy.ts";

/** Whether a URL goes through the proxy under a value of no_proxy. */
function isProxied(url: string, noProxy: string): boolean {
  const environment = { http_proxy: "proxy:3128", https_proxy: "proxy:3128", no_proxy: noProxy };
  return findProxies(environment)(new URL(url)) !== null;
}

describe("findProxies()", () => {
  test("takes the proxy of the URL's scheme", () => {
    const find = findProxies({ http_proxy: "http://a:1", https_proxy: "http://b:2" });
    expect(find(new URL("http://mig.test/"))?.href).toBe("http://a:1/");
    expect(find(new URL("https://mig.test/"))?.href).toBe("http://b:2/");
  });

  test("takes the upper-case name first, and neither when both are empty", () => {
    const url = new URL("http://mig.test/");
    expect(findProxies({ HTTP_PROXY: "a:1", http_proxy: "b:2" })(url)?.host).toBe("a:1");
    expect(findProxies({ HTTP_PROXY: "", http_proxy: "b:2" })(url)?.host).toBe("b:2");
    expect(findProxies({ HTTP_PROXY: "", http_proxy: "" })(url)).toBeNull();
    expect(findProxies({ ALL_PROXY: "a:1", all_proxy: "a:1" })(url)).toBeNull();
  });

  test("takes host:port for an http proxy and ignores what is no URL", () => {
    const url = new URL("http://mig.test/");
    expect(findProxies({ http_proxy: "10.0.0.1:3128" })(url)?.href).toBe("http://10.0.0.1:3128/");
    expect(findProxies({ http_proxy: "https://p" })(url)?.protocol).toBe("https:");
    expect(findProxies({ http_proxy: "http://[::bad/" })(url)).toBeNull();
  });

  test("never proxies this host", () => {
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "LOCALHOST"]) {
      expect(isProxied(`http://${host}:1664/`, "")).toBe(false);
    }
    expect(isProxied("http://localhost.example/", "")).toBe(true);
  });

  // The rules of golang.org/x/net/http/httpproxy, with cases of its documentation.
  const rules: readonly (readonly [noProxy: string, direct: string[], proxied: string[]])[] = [
    ["*", ["http://a.test/", "https://10.0.0.1/"], []],
    ["x.test, *", ["http://a.test/"], []],
    [
      "mig.test",
      ["http://mig.test/", "http://api.mig.test/", "http://MIG.test:81/"], //
      ["http://amig.test/", "http://mig.test.example/"],
    ],
    [".mig.test", ["http://api.mig.test/"], ["http://mig.test/"]],
    ["*.mig.test", ["http://api.mig.test/"], ["http://mig.test/"]],
    ["mig.test:81", ["http://mig.test:81/"], ["http://mig.test/", "http://mig.test:82/"]],
    ["mig.test:443", ["https://mig.test/"], ["http://mig.test/"]],
    ["10.1.2.3", ["http://10.1.2.3/"], ["http://10.1.2.4/", "http://x.test/"]],
    ["10.1.2.3:81", ["http://10.1.2.3:81/"], ["http://10.1.2.3/"]],
    ["10.0.0.0/8", ["http://10.200.1.1:99/"], ["http://11.0.0.1/", "http://x.test/"]],
    ["fd00::/8", ["http://[fd12::1]/"], ["http://[fe80::1]/"]],
    ["fd00::1", ["http://[fd00::1]:81/"], ["http://[fd00::2]/"]],
    ["[fd00::1]:81", ["http://[fd00::1]:81/"], ["http://[fd00::1]/"]],
    [" MIG.test , ,b.test", ["http://mig.test/", "http://b.test/"], ["http://c.test/"]],
    [":81,10.0.0.0/99", [], ["http://x.test:81/", "http://10.0.0.1/"]],
  ];
  for (const [noProxy, direct, proxied] of rules) {
    test(`keeps to no_proxy = ${noProxy}`, () => {
      expect(direct.filter((url) => isProxied(url, noProxy))).toEqual([]);
      expect(proxied.filter((url) => !isProxied(url, noProxy))).toEqual([]);
    });
  }
});

describe("parts of a URL", () => {
  test("are those that sockets take", () => {
    expect(hostOf(new URL("http://[fd00::1]:81/"))).toBe("fd00::1");
    expect(portOf(new URL("http://a/"))).toBe(80);
    expect(portOf(new URL("https://a/"))).toBe(443);
    expect(portOf(new URL("https://a:81/"))).toBe(81);
  });

  test("hold credentials with escapes undone", () => {
    expect(basicCredentials(new URL("http://us%40er:p%3Aw@a/"))).toBe("Basic dXNAZXI6cDp3");
    expect(basicCredentials(new URL("http://user@a/"))).toBe("Basic dXNlcjo=");
    expect(basicCredentials(new URL("http://a%zz:b@a/"))).toBe("Basic YSV6ejpi");
    expect(basicCredentials(new URL("http://a/"))).toBeNull();
  });
});
