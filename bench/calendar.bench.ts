// Calendar bench: a thousand windows signed by two people, and installed, each by a command.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeCalendar } from "../src/calendar/file.ts";
import { requestCalendar } from "../src/calendar/request.ts";
import { parseSchedule } from "../src/jobs/schedule.ts";
import { generateSigningKey } from "../src/lib/pgp/generate.ts";
import { parseTemplate } from "../src/mig/action.ts";
import { type Row, type Scale, timesOf } from "./measure.ts";
import { PROGRAM, runCommand } from "./program.ts";

const HOUR = 3_600_000;

const TEMPLATE = JSON.stringify({
  target: "status='online'",
  operations: [{ module: "timedrift", parameters: {} }],
});

/** Milliseconds of `calendar install`, each on a host that has never had one. */
async function timeInstalls(
  folder: string,
  {
    file,
    keys,
    runs,
  }: {
    readonly file: string;
    readonly keys: readonly { readonly publicBytes: Uint8Array }[];
    readonly runs: number;
  },
): Promise<readonly number[]> {
  const ring = join(folder, "ring.gpg");
  await Bun.write(ring, Buffer.concat(keys.map(({ publicBytes }) => publicBytes)));
  const write = async (path: string, text: string) => await Bun.write(join(folder, path), text);
  await write(".migrc", '[api]\nurl = "http://127.0.0.1:1/"\n[gpg]\nuseapikeyauth = "x"\n');
  const entity = ['schedule = "0 * * * *"', 'timezone = "UTC"', 'expiry = "30m"'];
  const signing = ["signing = calendar", "minsigners = 2"];
  for (let host = 0; host < runs; host++) {
    await write(
      `host${host}/runner.cfg`,
      `[runner]\ndirectory = "${join(folder, `host${host}`)}"\n` +
        `[client]\nclientconfpath = "default"\n[calendar]\nkeyring = "${ring}"\n`,
    );
    const job = `host${host}/runners/bench`;
    await write(`${job}/entity.cfg`, ["[configuration]", ...entity, ...signing, ""].join("\n"));
    await write(`${job}/action.json`, TEMPLATE);
  }
  let host = 0;
  return await timesOf(
    async () => {
      const config = join(folder, `host${host++}`, "runner.cfg");
      const argv = ["-c", config, "calendar", "install", file];
      const ended = await runCommand(["/usr/bin/env", `HOME=${folder}`, PROGRAM, ...argv]);
      if (ended.exit !== 0) throw new Error(`It ended with ${ended.exit}: ${ended.stderr}`);
    },
    { runs },
  );
}

export async function bench({ short }: Scale): Promise<readonly Row[]> {
  const windows = short ? 10 : 1_000;
  const runs = short ? 1 : 3;
  const folder = await mkdtemp(join(tmpdir(), "mig-runner-bench-"));
  try {
    const now = Math.floor(Date.now() / 1_000) * 1_000;
    const keys = await Promise.all(
      ["ann", "bob"].map((name) =>
        generateSigningKey({ name, email: `${name}@example.net`, now: now - 60_000 }),
      ),
    );
    for (const { fingerprint, bytes } of keys) {
      await Bun.write(join(folder, fingerprint), bytes);
    }
    const calendar = requestCalendar({
      job: "bench",
      template: parseTemplate(Buffer.from(TEMPLATE)),
      schedule: parseSchedule("0 * * * *", { timezone: "UTC" }),
      timezone: "UTC",
      offsetMs: 0,
      expiryMs: HOUR / 2,
      leadMs: null,
      minSigners: 2,
      until: Number.MAX_SAFE_INTEGER,
      count: windows,
      before: null,
      audit: null,
      agents: null,
      now,
    });
    const file = join(folder, "bench.calendar");
    const sign = async (fingerprint: string): Promise<void> => {
      const key = ["--key", fingerprint, "--home", join(folder, fingerprint)];
      const argv = ["calendar", "sign", file, ...key, "--confirm", "bench", "--json"];
      // What was signed is remembered at home.
      const ended = await runCommand(["/usr/bin/env", `HOME=${folder}`, PROGRAM, ...argv]);
      if (ended.exit !== 0) throw new Error(`It ended with ${ended.exit}: ${ended.stderr}`);
    };
    const signOnce = async (): Promise<void> => {
      await Bun.write(file, encodeCalendar(calendar));
      await sign(keys[0]?.fingerprint ?? "");
    };
    const signed = await timesOf(signOnce, { runs });
    await sign(keys[1]?.fingerprint ?? "");
    const installed = await timeInstalls(folder, { file, keys, runs });
    const { size } = await stat(file);
    const each = `calendar: ${windows} windows, RSA 2048`;
    return [
      { figure: `${each}: sign`, unit: "ms", samples: signed, target: { most: 5_000 } },
      {
        figure: `${each}: install, 2 signers`,
        unit: "ms",
        samples: installed,
        target: { most: 3_000 },
      },
      {
        figure: "the same: its file, a window and signer",
        unit: "bytes",
        samples: [size / windows / 2],
        target: { most: 1_000 },
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
