// Tests of edge/terminal.ts: what a process asks of its streams.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const TERMINAL = resolve(import.meta.dirname, "../../src/edge/terminal.ts");

test("counts nothing for a line of progress that nobody sees", () => {
  const program = `
    import { processTerminal } from ${JSON.stringify(TERMINAL)};
    const terminal = processTerminal();
    let counted = 0;
    terminal.progress(() => \`\${++counted} counted\`);
    terminal.progress("a text");
    terminal.progress("");
    terminal.out([\`counted \${counted} times\`]);
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  expect({ stdout, stderr }).toEqual({ stdout: "counted 0 times\n", stderr: "" });
});
