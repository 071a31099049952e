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
import { type Row, type Scale, timesOf } from "./measure.ts";

const COMMAND_BYTES = 2_048;
const PIECE_BYTES = 256 * 1024;

/** What a daemon does every few seconds, and what it does with what the agents answered. */
export async function bench(scale: Scale): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), "mig-runner-bench-"));
  try {
    return [...(await scans(directory, scale)), await results(directory, scale)];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function scans(directory: string, { short }: Scale): Promise<readonly Row[]> {
  const jobs = short ? 200 : 10_000;
  for (let number = 0; number < jobs; number++) {
    const path = join(directory, "runners", `job${number}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "entity.cfg"), "[configuration]\n");
    writeFileSync(join(path, "action.json"), "{}");
  }
  const spool = openSpool({ directory });
  const look = async (at: Pick<typeof spool, "scan">): Promise<void> => {
    const found = (await at.scan()).length;
    if (found !== jobs) throw new Error(`Wrong: ${found} jobs of ${jobs} were seen`);
  };
  const again = await timesOf(() => look(spool), { runs: short ? 2 : 32, warmup: 2 });
  const first = await timesOf(() => look(openSpool({ directory })), { runs: short ? 1 : 5 });
  return [
    {
      figure: `spool: a look at ${jobs} unchanged jobs`,
      unit: "ms",
      samples: again,
      target: { most: 100 },
    },
    { figure: `spool: the first look at ${jobs} jobs`, unit: "ms", samples: first, target: null },
  ];
}

async function results(directory: string, { short }: Scale): Promise<Row> {
  const size = (short ? 8 : 256) * 1024 * 1024;
  const spool = openSpool({ directory });
  const command = new Uint8Array(COMMAND_BYTES).fill(97);
  const ours: number[] = [];
  const plain: number[] = [];
  for (let run = 0; run < (short ? 1 : 5); run++) {
    const once = async (): Promise<void> => {
      const writer = await spool.createResult("job0", "20261123", 7);
      for (let at = 0; at < size; at += COMMAND_BYTES) {
        const written = writer.write(command);
        if (written !== undefined) await written;
      }
      if ((await writer.commit()).bytes !== size) throw new Error("Wrong: the result is not whole");
    };
    ours.push(...(await timesOf(once, { runs: 1 })));
    plain.push(...(await timesOf(() => writePlain(join(directory, "plain"), size), { runs: 1 })));
  }
  return {
    figure: `spool: a result of ${size / 1024 ** 2} MiB in pieces of 2 KiB, durable`,
    unit: "ms",
    samples: ours,
    target: null,
    against: { name: "plain writes and fsync", samples: plain },
  };
}

function writePlain(path: string, size: number): void {
  const piece = new Uint8Array(PIECE_BYTES).fill(97);
  const fd = openSync(path, "w");
  for (let at = 0; at < size; at += PIECE_BYTES) writeSync(fd, piece);
  fsyncSync(fd);
  closeSync(fd);
}
