// Bounds: what code of jobs and plugins takes ends with it, and never with the daemon (I8).
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { childrenOf } from "../../src/lib/os/family.ts";
import { eventually, programUnderTest, type Running, underTest } from "../support/binary.ts";
import { patience } from "../support/patience.ts";
import { Listener } from "../support/shipped.ts";
import { ended, Site } from "../support/site.ts";

const HEAD = 'import { plugin } from "mig-runner";\n';

/** A plugin whose delivery does this. */
function pluginOf(code: string): string {
  return `${HEAD}export default plugin({ async deliver(result, context) { ${code} } });\n`;
}

/** A workflow without actions: one step that does this. */
function stepOf(code: string): string {
  return `import { job } from "mig-runner";
export default job({ expiry: "1s" }, async (run) => {
  await run.step("only", { retry: 0 }, async () => { ${code} });
});
`;
}

function descriptorsOf({ pid }: Running): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

async function numberIn(path: string): Promise<number> {
  return await eventually(async () => Number(await readFile(path, "utf8")) || null);
}

describe.concurrent("the daemon goes on when", () => {
  test("a step takes memory without a bound: its run fails, and says why", async () => {
    await using site = await Site.create();
    const code = "const a = []; for (;;) a.push(new Array(1e6).fill(Math.random()));";
    await site.scenario.job("greedy", { "job.ts": stepOf(code) });
    await site.job("drift");
    const daemon = await site.daemon();
    ended(await site.run("run", "greedy"));
    await daemon.prints(/greedy: run \d+ failed: it took more than 1024 MiB of memory/);
    ended(await site.run("run", "drift"));
    await daemon.prints(/wrote results for/);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("top-level code of a job does: the job is broken, and says why", async () => {
    await using site = await Site.create();
    // It has ten seconds, which a loaded machine may need for less than 512 MiB.
    const code = "const a = []; for (;;) a.push(Buffer.alloc(1e8, 1));";
    await site.scenario.job("greedy", { "job.ts": code });
    await site.job("drift");
    const daemon = await site.daemon();
    await daemon.prints(/greedy.*(it took more than 512 MiB of memory|has not come to its end)/);
    ended(await site.run("run", "drift"));
    await daemon.prints(/wrote results for/);
  });

  test("a module opens files until it fails, and gives back what it took", async () => {
    await using site = await Site.create();
    const code = `const { openSync } = await import("node:fs");
      for (;;) openSync("/dev/null", "r");`;
    await site.scenario.write("plugins/open.ts", pluginOf(code));
    await site.scenario.plugin("keep", "cat > /dev/null");
    await site.job("drift", ['plugin = "open"']);
    await site.job("other", ['plugin = "keep"']);
    const daemon = await site.daemon();
    const before = descriptorsOf(daemon);
    for (let turn = 1; turn <= 3; turn++) {
      ended(await site.run("run", "drift"));
      await eventually(() => {
        const failures = daemon.lines.filter((line) => /open:.*too many open files/i.test(line));
        return failures.length >= turn || null;
      });
    }
    ended(await site.run("run", "other"));
    await daemon.prints(/keep: wrote \d+ bytes to plugin/);
    // The runtime keeps a few connections to the API.
    await eventually(() => descriptorsOf(daemon) <= before + 6 || null);
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });

  test("it has few descriptors and many deliveries: all are made in time", async () => {
    await using service = await Listener.open(() => ({ status: 200 }));
    // Deno opens some thirty for itself.
    const few = underTest === "deno" ? 80 : 40;
    const limited = `ulimit -n ${few}; exec "$@"`;
    const program = ["sh", "-c", limited, "sh", ...programUnderTest()] as const;
    await using site = await Site.create({
      program,
      logging: [
        'mode = "stdout"',
        'level = "info"',
        '[plugin "webhook"]',
        `url = "${service.url}"`,
      ],
    });
    const jobs = Array.from({ length: 6 }, (_, index) => `drift${index}`);
    for (const job of jobs) await site.job(job, ['plugin = "webhook"']);
    const daemon = await site.daemon();
    for (const job of jobs) ended(await site.run("run", job));
    await eventually(
      () =>
        new Set(service.bodies.map((body) => (body as { action: { id: number } }).action.id))
          .size === jobs.length || null,
      120_000,
    );
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
  });
});

describe.concurrent("a stop by SIGTERM", () => {
  test.each([
    ["a module loops", "for (;;) {}"],
    ["a module ignores its signal", "await new Promise(() => setInterval(() => {}, 1000));"],
  ])("takes less than five seconds although %s", async (_, code) => {
    await using site = await Site.create();
    await site.scenario.write("plugins/loop.ts", pluginOf(`console.log("begun"); ${code}`));
    await site.job("drift", ['plugin = "loop"']);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await daemon.prints(/loop: begun/);
    const begun = performance.now();
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect(performance.now() - begun).toBeLessThan(patience(5_000));
  });

  test("takes less than five seconds although a program ignores it", async () => {
    await using site = await Site.create();
    await site.scenario.plugin("deaf", "trap '' TERM; echo begun; while :; do sleep 1; done");
    await site.job("drift", ['plugin = "deaf"']);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await daemon.prints(/deaf: begun/);
    const begun = performance.now();
    daemon.signal("SIGTERM");
    ended(await daemon.ended());
    expect(performance.now() - begun).toBeLessThan(patience(5_000));
  });
});

describe.concurrent("children of a module", () => {
  const code = (path: string): string =>
    `const { spawn } = await import("node:child_process");
     const { writeFileSync } = await import("node:fs");
     const child = spawn("sleep", ["1000"], { stdio: "ignore" });
     writeFileSync(${JSON.stringify(path)}, String(child.pid));`;

  test("end with its delivery", async () => {
    await using site = await Site.create();
    const path = site.scenario.path("child");
    await site.scenario.write("plugins/parent.ts", pluginOf(code(path)));
    await site.job("drift", ['plugin = "parent"']);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    await daemon.prints(/parent: took the result/);
    const child = await numberIn(path);
    await eventually(() => !isAlive(child) || null);
  });

  test("end with the daemon, also when it is killed while the module loops", async () => {
    await using site = await Site.create();
    const path = site.scenario.path("child");
    await site.scenario.write("plugins/parent.ts", pluginOf(`${code(path)}\nfor (;;) {}`));
    await site.job("drift", ['plugin = "parent"']);
    const daemon = await site.daemon();
    ended(await site.run("run", "drift"));
    const child = await numberIn(path);
    const parent = Number(
      /^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${child}/status`, "utf8"))?.[1],
    );
    daemon.signal("SIGKILL");
    await eventually(() => !(isAlive(child) || isAlive(parent)) || null);
  });
});

/** Makes what comes after it the first process of a container. */
const FIRST = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] as const;
const canBeFirst = spawnSync("unshare", [...FIRST.slice(1), "true"]).status === 0;

describe.concurrent("as the first process of a container", () => {
  test.skipIf(!canBeFirst)("it leaves no ended orphans of plugins in the list", async () => {
    await using site = await Site.create({ program: [...FIRST, ...programUnderTest()] });
    await site.scenario.plugin("orphans", "cat > /dev/null; (sleep 1 &); (sleep 1 &); echo left");
    await site.job("drift", ['schedule = "* * * * * * *"', 'plugin = "orphans"']);
    const daemon = await site.daemon();
    await daemon.prints(/orphans: left/);
    const [first = 0] = childrenOf(daemon.pid);
    const statesOf = (pid: number): readonly string[] =>
      childrenOf(pid).map((child) => {
        const stat = readFileSync(`/proc/${child}/stat`, "latin1");
        return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
      });
    // Plugins go on to run meanwhile: none of what they leave may stay.
    await eventually(() => statesOf(first).includes("Z") || null);
    await site.scenario.write("runners/drift/entity.cfg", "");
    await eventually(() => !statesOf(first).includes("Z") || null);
  });
});

describe.concurrent("the passphrase of the environment", () => {
  test("is not in the environment of plugins, jobs and their programs", async () => {
    await using site = await Site.create();
    const file = (name: string): string => site.scenario.path(name);
    const look = (name: string): string =>
      `const { readFileSync, writeFileSync } = await import("node:fs");
       writeFileSync(${JSON.stringify(file(name))}, JSON.stringify(process.env) +
         readFileSync("/proc/self/environ", "latin1"));`;
    await site.scenario.write("plugins/module.ts", pluginOf(look("module.txt")));
    await site.scenario.plugin("script", `cat > /dev/null; env > "${file("script.txt")}"`);
    await site.job("drift", ['plugins = "module"', 'plugins = "script"']);
    await site.scenario.job("flow", {
      "job.ts": `${look("top.txt")}\n${stepOf(look("step.txt"))}`,
    });
    const daemon = await site.daemon({ env: { MIGPGPPASSPHRASE: "open sesame" } });
    ended(await site.run("run", "drift"));
    ended(await site.run("run", "flow"));
    for (const name of ["module.txt", "script.txt", "top.txt", "step.txt"]) {
      const text = await eventually(async () => (await readFile(file(name), "utf8")) || null);
      expect(text).toContain("HOME");
      expect(text).not.toContain("sesame");
    }
    expect(daemon.lines.join("\n")).not.toContain("sesame");
    const own = await readFile(`/proc/${daemon.pid}/environ`, "latin1");
    expect(own).toContain("HOME=");
    expect(own).not.toContain("sesame");
  });
});
