// Bench: runs bench/*.bench.ts one after the other and prints one table.
//
//   npm run bench                all
//   npm run bench -- start       those whose file name contains a word
import { globSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { formatTable, type Row } from "./measure.ts";

const words = process.argv.slice(2);
const names = globSync("*.bench.ts", { cwd: import.meta.dirname })
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort();
if (names.length === 0) {
  console.error(`Cannot bench "${words.join(" ")}": no file in bench/ has that in its name`);
  process.exit(2);
}

const rows: Row[] = [];
for (const name of names) {
  const { bench } = (await import(`./${name}`)) as { bench: () => Promise<readonly Row[]> };
  rows.push(...(await bench()));
}
const processors = cpus();
console.log(`${processors.length} × ${processors[0]?.model}, ${arch()}, Linux ${release()}`);
console.log(`Bun ${Bun.version}, ${new Date().toISOString().slice(0, 10)}\n`);
console.log(formatTable(rows));
