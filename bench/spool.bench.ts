// Spool bench: a scan of ten thousand unchanged jobs, and a large result against plain writes.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSpool } from "../src/edge/spool.ts";
import { measure, type Row } from "./measure.ts";

const JOBS = 10_000;
const RESULT_BYTES = 256 * 1024 * 1024;
const COMMAND_BYTES = 2_048;
const PIECE_BYTES = 256 * 1024;

/** What a daemon does every few seconds, and what it does with what the agents answered. */
export async function bench(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-bench-"));
  try {
    return [...(await scans(directory)), ...(await results(directory))];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function scans(directory: string): Promise<readonly Row[]> {
  for (let number = 0; number < JOBS; number++) {
    const path = join(directory, "runners", `job${number}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "entity.cfg"), "[configuration]\n");
    writeFileSync(join(path, "action.json"), "{}");
  }
  const spool = openSpool({ directory });
  const again = await measure(() => spool.scan(), { runs: 32 });
  const first = await measure(() => openSpool({ directory }).scan(), { runs: 5 });
  return [
    { name: `scan of ${JOBS} unchanged jobs`, summary: again, rate: null },
    { name: `first scan of ${JOBS} jobs`, summary: first, rate: null },
  ];
}

async function results(directory: string): Promise<readonly Row[]> {
  const spool = openSpool({ directory });
  const command = new Uint8Array(COMMAND_BYTES).fill(97);
  const ours = await measure(
    async () => {
      const writer = await spool.createResult("job0", "20261123", 7);
      for (let size = 0; size < RESULT_BYTES; size += COMMAND_BYTES) await writer.write(command);
      await writer.commit();
    },
    { runs: 5, warmup: 1 },
  );
  const piece = new Uint8Array(PIECE_BYTES).fill(97);
  const plain = await measure(
    () => {
      const fd = openSync(join(directory, "plain"), "w");
      for (let size = 0; size < RESULT_BYTES; size += PIECE_BYTES) writeSync(fd, piece);
      fsyncSync(fd);
      closeSync(fd);
    },
    { runs: 5, warmup: 1 },
  );
  const rate = (ms: number): string => `${Math.round(RESULT_BYTES / 1_000 / ms)} MB/s`;
  return [
    { name: "result of 256 MiB, durable", summary: ours, rate: rate(ours.medianMs) },
    { name: "plain writes and fsync of 256 MiB", summary: plain, rate: rate(plain.medianMs) },
  ];
}
