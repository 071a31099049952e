// Main: searches seeds for one that breaks an invariant.
//
//   npm run simulate -- --seeds 100000            many seeds, on all processors
//   npm run simulate -- --seed 4711               one seed, with everything that happened in it
import { simulate } from "./simulate.ts";

const arg = (name: string): number | null => {
  const at = process.argv.indexOf(name);
  return at < 0 ? null : Number(process.argv[at + 1]);
};
const seed = arg("--seed");
const seeds = arg("--seeds") ?? 1;
let unhandled: unknown = null;
process.on("unhandledRejection", (e) => {
  unhandled = e;
});
if (seed !== null && seeds === 1) {
  const o = simulate({ seed, traced: true });
  console.log(o.lines.join("\n"));
  console.log(o.violations);
} else {
  const from = seed ?? 1;
  const t = performance.now();
  let virtual = 0;
  let failed = 0;
  let calls = 0;
  const kinds = new Map<string, number[]>();
  const faults = new Map<string, number>();
  for (let s = from; s < from + seeds; s++) {
    const o = simulate({ seed: s });
    await new Promise<void>((r) => setImmediate(r));
    virtual += o.virtualMs;
    calls += o.calls;
    for (const [k, v] of o.faults) faults.set(k, (faults.get(k) ?? 0) + v);
    const violations =
      unhandled === null ? o.violations : [...o.violations, `unhandled ${unhandled}`];
    unhandled = null;
    if (violations.length > 0) {
      failed++;
      const k = violations[0]!.replace(/\d+/g, "#").slice(0, 110);
      kinds.set(k, [...(kinds.get(k) ?? []), s]);
    }
  }
  const ms = performance.now() - t;
  for (const [k, v] of [...kinds].sort((a, b) => b[1].length - a[1].length))
    console.log(v.length, k, "seeds", v.slice(0, 5).join(","));
  if (process.argv.includes("-v")) for (const [k, v] of [...faults].sort()) console.log(v, k);
  console.log({ seeds, failed, msPerSeed: ms / seeds, years: virtual / 31557600e3, calls });
}
