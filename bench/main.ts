// Bench: builds the program when it is stale, runs bench/*.bench.ts one after the other, and
// prints the table of all figures, and how cost grows as another.
//
//   npm run bench                   all, in some twelve minutes
//   npm run bench -- start          those whose file name contains a word
//   npm run bench -- --short        less of everything: what CI runs
//   npm run bench -- --write        also puts both tables into BENCHMARKS.md
//
// The exit status is 1 when a result was wrong, never for a time.
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildWhenStale } from "../scripts/built.ts";
import { type Bench, formatGrowth, formatTable, type Growth, type Row } from "./measure.ts";

const root = resolve(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { short: { type: "boolean" }, write: { type: "boolean" } },
});
const names = globSync("*.bench.ts", { cwd: import.meta.dirname })
  .filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)))
  .sort();
if (names.length === 0) {
  console.error(`Cannot bench "${positionals.join(" ")}": no file in bench/ has that in its name`);
  process.exit(2);
}
if (values.write && (values.short || positionals.length > 0)) {
  console.error("Cannot write BENCHMARKS.md: it holds the whole table, measured in full");
  process.exit(2);
}

await build();
const startedAt = performance.now();
const loadBefore = loadavg()[0] ?? 0;
const rows: Row[] = [];
const growth: Growth[] = [];
const wrong: string[] = [];
for (const name of names) {
  const began = performance.now();
  const { bench } = (await import(`./${name}`)) as { bench: Bench };
  try {
    for (const line of await bench({ short: values.short ?? false })) {
      if ("count" in line) growth.push(line);
      else rows.push(line);
    }
  } catch (error) {
    wrong.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
  }
  console.error(`${name}: ${Math.round((performance.now() - began) / 1_000)} s`);
}
const seconds = Math.round((performance.now() - startedAt) / 1_000);
const tables = [
  ...(rows.length > 0 ? [formatTable(rows, values.short !== true)] : []),
  ...(growth.length > 0 ? [formatGrowth(growth)] : []),
];
const report = [describeMachine(), ...tables].join("\n\n");
console.log(report);
for (const text of wrong) console.error(`\nwrong: ${text}`);
if (values.write && wrong.length === 0) writeReport();
process.exitCode = wrong.length > 0 ? 1 : 0;

async function build(): Promise<void> {
  const answer = await buildWhenStale();
  if (answer === null || answer.exit === 0) return;
  console.error(answer.lines.join("\n"));
  process.exit(1);
}

function describeMachine(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  const day = new Date().toISOString().slice(0, 10);
  const machine = `${processors.length} × ${processors[0]?.model}, ${arch()}, ${memory} GiB`;
  const short = values.short ? " (short form: the numbers say little)" : "";
  const load = `load ${loadBefore.toFixed(1)} before it began, ${seconds} s in all`;
  return `${machine}, Linux ${release()}, Bun ${Bun.version}, ${day}, ${load}${short}`;
}

/** Replaces what is between the two marks. */
function writeReport(): void {
  const path = resolve(root, "BENCHMARKS.md");
  const text = readFileSync(path, "utf8");
  const marked = /(<!-- npm run bench -->\n)[\s\S]*(\n<!-- end -->)/;
  writeFileSync(
    path,
    text.replace(marked, (_, begin, end) => `${begin}\n${report}\n${end}`),
  );
}
