// Plugins: what in plugins/ may take a result, and what an operator is told about the rest.
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { openPlugins } from "../../../src/edge/plugins/plugins.ts";
import { RunnerError } from "../../../src/errors.ts";
import type { Plugins } from "../../../src/ports.ts";
import { MemoryLog, Scratch } from "../../support/edge.ts";

const SCRIPT = "#!/bin/sh\nexit 0\n";

function open(scratch: Scratch, modules?: Plugins) {
  const options = {
    directory: scratch.path,
    timeoutMs: 20_000,
    graceMs: 1_000,
    log: new MemoryLog(),
    environment: { PATH: process.env.PATH },
  };
  return openPlugins(modules === undefined ? options : { ...options, modules });
}

function order(scratch: Scratch, plugin: string) {
  const resultPath = scratch.file("7.json", "{}");
  return { plugin, job: "nightly", actionId: 7, resultPath, key: "k", attempt: 1 };
}

/** Modules that answer for these names. */
function modulesNamed(...known: readonly string[]): Plugins {
  return {
    names: async () => known,
    check: async (name) => (name === "broken" ? "line 3: Unexpected }" : null),
    deliver: async ({ plugin }) => ({ kind: "delivered", message: `module ${plugin}` }),
  };
}

describe("openPlugins().names()", () => {
  test("are the executable files in plugins/, sorted", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/zeta", SCRIPT, 0o755);
    scratch.file("plugins/alpha", SCRIPT, 0o010);
    scratch.file("plugins/.hidden", SCRIPT, 0o700);
    scratch.file("plugins/readme.txt", "text");
    scratch.folder("plugins/adir");
    symlinkSync("/no/such/x", scratch.in("plugins/dangling"));
    expect(await open(scratch).names()).toEqual([".hidden", "alpha", "zeta"]);
  });

  test("include modules, once each", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/mozdef", SCRIPT, 0o755);
    const plugins = open(scratch, modulesNamed("slack", "mozdef"));
    expect(await plugins.names()).toEqual(["mozdef", "slack"]);
  });

  test("reject without the folder, in the original's words", async () => {
    using scratch = new Scratch();
    const path = scratch.in("plugins");
    const refused = await open(scratch)
      .names()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RunnerError);
    expect((refused as RunnerError).code).toBe("PLUGIN");
    expect((refused as RunnerError).message).toBe(
      `loadPlugins() -> open ${path}: no such file or directory`,
    );
    scratch.file("plugins");
    expect(open(scratch).names()).rejects.toThrow(
      `loadPlugins() -> readdirent ${path}: not a directory`,
    );
  });
});

describe("openPlugins().list()", () => {
  test("says of each entry why it cannot be used", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/good", SCRIPT, 0o755);
    scratch.file("plugins/readme.txt", "text");
    scratch.file("plugins/slack.ts", "export {};");
    expect(await open(scratch, modulesNamed("slack")).list()).toEqual([
      { name: "good", problem: null },
      {
        name: "readme.txt",
        problem: `not executable, mend it with: chmod +x ${scratch.in("plugins/readme.txt")}`,
      },
      { name: "slack", problem: null },
    ]);
  });
});

describe("openPlugins().list() of folders", () => {
  test("names one, unless it lies beside modules, where it is for helpers", async () => {
    using scratch = new Scratch();
    scratch.folder("plugins/lib");
    const plugins = open(scratch, modulesNamed("slack"));
    const problem = `${scratch.in("plugins/lib")} is a directory`;
    expect(await plugins.list()).toEqual([{ name: "lib", problem }]);
    scratch.file("plugins/slack.ts", "export {};");
    expect(await plugins.list()).toEqual([{ name: "slack", problem: null }]);
    expect(await open(scratch).list()).toHaveLength(2);
  });
});

describe("openPlugins().check()", () => {
  test("has nothing against a good program, a link to one, or a module", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/good", SCRIPT, 0o755);
    scratch.file("lib/real", SCRIPT, 0o755);
    symlinkSync(scratch.in("lib/real"), scratch.in("plugins/link"));
    symlinkSync("good", scratch.in("plugins/alias"));
    const plugins = open(scratch, modulesNamed("slack"));
    for (const name of ["good", "link", "alias", "slack"]) {
      expect(await plugins.check(name)).toBeNull();
    }
  });

  test("passes on what is wrong with a module", async () => {
    using scratch = new Scratch();
    scratch.folder("plugins");
    const plugins = open(scratch, modulesNamed("broken"));
    expect(await plugins.check("broken")).toBe("line 3: Unexpected }");
  });

  test("names the nearest plugin for one that is not there", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/mozdef", SCRIPT, 0o755);
    const plugins = open(scratch);
    expect(await plugins.check("mozdeff")).toBe(
      'unable to locate plugin "mozdeff" (nearest: "mozdef")',
    );
    expect(await plugins.check("scribe")).toBe('unable to locate plugin "scribe"');
  });

  test.each(["../runner.sh", "/bin/sh", "sub/x", "..", ".", "", "a\0b"])(
    "does not leave plugins/ for %p",
    async (name) => {
      using scratch = new Scratch();
      scratch.file("runner.sh", SCRIPT, 0o755);
      scratch.file("plugins/sub/x", SCRIPT, 0o755);
      expect(await open(scratch).check(name)).toStartWith("unable to locate plugin");
      expect((await open(scratch).deliver(order(scratch, name))).kind).toBe("missing");
    },
  );

  test("says how to make a file executable", async () => {
    using scratch = new Scratch();
    const path = scratch.file("plugins/flat", SCRIPT, 0o644);
    expect(await open(scratch).check("flat")).toBe(
      `not executable, mend it with: chmod +x ${path}`,
    );
  });

  test("refuses what all can write: the file, the folder, or where a link leads", async () => {
    using scratch = new Scratch();
    const loose = scratch.file("plugins/loose", SCRIPT, 0o757);
    expect(await open(scratch).check("loose")).toBe(
      `every user can write to it (mode 0757), mend it with: chmod o-w ${loose}`,
    );
    const target = scratch.file("lib/x", SCRIPT, 0o757);
    symlinkSync(target, scratch.in("plugins/link"));
    expect(await open(scratch).check("link")).toContain(`chmod o-w ${target}`);
    chmodSync(target, 0o755);
    chmodSync(scratch.in("lib"), 0o777);
    expect(await open(scratch).check("link")).toContain(`chmod o-w ${scratch.in("lib")}`);
    chmodSync(scratch.in("lib"), 0o1777);
    expect(await open(scratch).check("link")).toBeNull();
    chmodSync(scratch.in("plugins"), 0o777);
    const folder = scratch.in("plugins");
    expect(await open(scratch).check("link")).toBe(
      `every user can write to the folder "${folder}" (mode 0777), ` +
        `mend it with: chmod o-w ${folder}`,
    );
  });

  test("refuses folders, FIFOs' kin and links to nothing or in a circle", async () => {
    using scratch = new Scratch();
    mkdirSync(scratch.folder("plugins", "adir"), { recursive: true });
    symlinkSync(scratch.in("nowhere"), scratch.in("plugins/dangling"));
    symlinkSync("circle", scratch.in("plugins/circle"));
    symlinkSync("/dev/null", scratch.in("plugins/device"));
    const plugins = open(scratch);
    expect(await plugins.check("adir")).toEndWith("plugins/adir is a directory");
    expect(await plugins.check("dangling")).toEndWith("plugins/dangling is a link to nothing");
    expect(await plugins.check("circle")).toEndWith("too many levels of symbolic links");
    expect(await plugins.check("device")).toEndWith("/dev/null is not a regular file");
  });
});

describe("openPlugins().deliver()", () => {
  test("runs a program before a module of the same name", async () => {
    using scratch = new Scratch();
    scratch.file("plugins/both", SCRIPT, 0o755);
    const plugins = open(scratch, modulesNamed("both", "slack"));
    expect((await plugins.deliver(order(scratch, "both"))).message).toBe("wrote 2 bytes to plugin");
    expect((await plugins.deliver(order(scratch, "slack"))).message).toBe("module slack");
  });

  test("runs a link under its own name", async () => {
    using scratch = new Scratch();
    scratch.file("lib/real", '#!/bin/sh\ncase "$0" in */link) exit 0;; *) exit 1;; esac\n', 0o755);
    symlinkSync(scratch.in("lib/real"), `${scratch.folder("plugins")}/link`);
    expect((await open(scratch).deliver(order(scratch, "link"))).kind).toBe("delivered");
  });

  test("finds a plugin that came after the start, and misses one that went", async () => {
    using scratch = new Scratch();
    scratch.folder("plugins");
    const plugins = open(scratch);
    expect((await plugins.deliver(order(scratch, "late"))).kind).toBe("missing");
    scratch.file("plugins/late", SCRIPT, 0o755);
    expect((await plugins.deliver(order(scratch, "late"))).kind).toBe("delivered");
  });

  test("never rejects, not even when modules do", async () => {
    using scratch = new Scratch();
    const failing: Plugins = {
      ...modulesNamed("x"),
      deliver: () => Promise.reject(new Error("worker died")),
    };
    scratch.folder("plugins");
    const answer = await open(scratch, failing).deliver(order(scratch, "x"));
    expect(answer).toEqual({ kind: "failed", message: "worker died" });
  });
});
