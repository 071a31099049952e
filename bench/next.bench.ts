// Next bench: a hundred thousand fire times, where the clock never jumps and where it does.
import { type Row, type Scale, timesOf } from "./measure.ts";
import { runProgram } from "./program.ts";

const STEP_MS = 5 * 60_000;

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const count = short ? 1_000 : 100_000;
  const from = "2026-01-01T00:00:00Z";
  const row = async (zone: string, most: number, skippedMs: number): Promise<Row> => {
    const argv = ["next", "*/5 * * * *", "-n", `${count}`, "--from", from, "--tz", zone, "--json"];
    const once = async (): Promise<void> => {
      const { stdout } = await runProgram(argv);
      const { next } = JSON.parse(stdout) as { next: readonly string[] };
      const last = Date.parse(next.at(-1) ?? "");
      if (next.length !== count || last !== Date.parse(from) + count * STEP_MS + skippedMs) {
        throw new Error(`Wrong: ${next.length} fire times of ${count}, the last ${next.at(-1)}`);
      }
    };
    const samples = await timesOf(once, { runs: short ? 1 : 5, warmup: 1 });
    const figure = `next: ${count} fire times of */5 * * * *, ${zone}`;
    return { figure, unit: "ms", samples, target: { most } };
  };
  // The hour that comes twice in October is taken once, so the last one comes an hour later.
  const hours = short ? 0 : 1;
  return [await row("UTC", 1_000, 0), await row("Europe/Berlin", 3_000, hours * 3_600_000)];
}
