// Next bench: a hundred thousand fire times, where the clock never jumps and where it does.
import { type Row, type Scale, timesOf } from "./measure.ts";
import { runProgram } from "./program.ts";

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const count = short ? 1_000 : 100_000;
  const row = async (zone: string, most: number): Promise<Row> => {
    const from = "2026-01-01T00:00:00Z";
    const argv = ["next", "*/5 * * * *", "-n", `${count}`, "--from", from, "--tz", zone, "--json"];
    const once = async (): Promise<void> => {
      const { stdout } = await runProgram(argv);
      const found = stdout.split("T").length - 1;
      if (found < count) throw new Error(`Wrong: ${found} fire times of ${count}`);
    };
    const samples = await timesOf(once, { runs: short ? 1 : 5, warmup: 1 });
    const figure = `next: ${count} fire times of */5 * * * *, ${zone}`;
    return { figure, unit: "ms", samples, target: { most } };
  };
  return [await row("UTC", 1_000), await row("Europe/Berlin", 3_000)];
}
