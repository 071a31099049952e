// Damage: a journal with flipped bits, pages of zeros or a torn tail, thousands of times. Each must
// open and work, or be refused by name; and what is refused is salvaged into one that works.
//
//   bun test/faults/damage.ts [COUNT] [SEED]        default 2000 journals, seed 1
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RunnerError } from "../../src/errors.ts";
import { advance } from "../../src/journal/inflight.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { salvageJournal } from "../../src/journal/sqlite/copies.ts";
import { openJournal } from "../../src/journal/sqlite/journal.ts";
import { verifyJournal } from "../../src/journal/sqlite/maintenance.ts";
import { dice } from "./kill.ts";

const ROWS = 60;
const PAGE = 4_096;
/** What is there after a kill, by the end of its name. */
const FILES = ["", "-wal", "-seal"];
const NOW = Date.UTC(2026, 10, 28);

export interface DamageTally {
  /** Journals that were damaged. */
  readonly damaged: number;
  /** Those that opened and worked all the same. */
  readonly worked: number;
  /** Those that were refused by name, with the way out. */
  readonly refused: number;
  /** Those that failed in any other way, each with its number and what it said. */
  readonly nameless: readonly string[];
  /** Refused ones that salvage did not bring back, each with its number and why. */
  readonly lost: readonly string[];
  /** The share of actions that salvage brought back on average. */
  readonly savedShare: number;
}

/** A journal as a killed daemon leaves it: rows in the file, and the newest in its log. */
async function make(path: string): Promise<void> {
  const journal = openJournal({ path, isOwned: () => true });
  for (let number = 1; number <= ROWS; number++) {
    await journal.write((tables) => {
      const order = { job: "nightly", firesAt: number, cause: "schedule" } as const;
      const run = tables.insertRun(order, "open", NOW);
      if (run === null) throw new Error("the run is there already");
      const own = { runId: run.id, job: "nightly", step: "", name: "n", signature: "s" };
      const more = { body: "x".repeat(2_000), expireAt: NOW, sendOnly: false, plugins: ["mail"] };
      const row = tables.insertAction({ ...own, ...more }, NOW);
      const reply = new TextEncoder().encode("y".repeat(1_000));
      const times = { expireAt: NOW, collectAt: NOW };
      const event = { kind: "posted", actionId: number, reply, ...times } as const;
      tables.saveAction(advance(row, event, NOW));
    });
    if (number === ROWS / 2) checkpoint(path);
  }
  // Whoever closes a journal empties its log: so this one is copied while it is open.
  for (const end of FILES) copyFileSync(`${path}${end}`, `${path}.base${end}`);
  await journal.close();
}

function checkpoint(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  database.close();
}

type Roll = () => number;

/** Damages one of the two files. */
function damage(path: string, roll: Roll): void {
  const file = roll() < 0.7 ? path : `${path}-wal`;
  const bytes = readFileSync(file);
  const at = Math.floor(roll() * bytes.length);
  const how = roll();
  if (how < 0.25) {
    writeFileSync(file, bytes.subarray(0, at));
    return;
  }
  if (how < 0.45) {
    const page = at - (at % PAGE);
    bytes.fill(0, page, page + PAGE);
  } else {
    const bits = how < 0.75 ? 1 : 1 + Math.floor(roll() * 500);
    for (let bit = 0; bit < bits; bit++) {
      const place = Math.floor(roll() * bytes.length);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << Math.floor(roll() * 8));
    }
  }
  writeFileSync(file, bytes);
}

/** Asks what a daemon asks, and writes. */
async function work(journal: Journal): Promise<void> {
  journal.counts();
  journal.nextAt(0);
  journal.pendingActions(1_000);
  for (const state of ["planned", "posted", "collected"] as const) {
    journal.dueActions(state, NOW, 1_000);
  }
  for (const { id } of journal.runs("nightly", 1_000)) journal.actionsOf(id);
  journal.dueDeliveries(NOW, 1_000);
  journal.dueBodies(NOW, 1_000, []);
  journal.dueSteps(NOW, 1_000);
  journal.cursor("nightly");
  const missed = { job: "nightly", firstAt: 1, lastAt: 1, count: 1, reason: "", recordedAt: NOW };
  await journal.write((tables) => tables.insertMissed(missed));
}

/** Null when the journal works, else the error that it was refused by. */
async function refusal(path: string): Promise<unknown> {
  let journal: Journal | null = null;
  try {
    journal = openJournal({ path });
    await work(journal);
    return null;
  } catch (error) {
    return error;
  } finally {
    await journal?.close().catch(() => {});
  }
}

/** The share of actions that salvage brings back. Throws when the new journal does not work. */
async function salvage(path: string): Promise<number> {
  const { tables } = await salvageJournal(path);
  const { damage: left } = await verifyJournal(path);
  if (left.length > 0) throw new Error(left.join("; "));
  const again = await refusal(path);
  if (again !== null) throw again;
  return (tables.find(({ table }) => table === "action")?.saved ?? 0) / ROWS;
}

/** Damages `count` journals, each in its own way. */
export async function damageLoop(count: number, seed: number): Promise<DamageTally> {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-damage-"));
  const path = join(folder, "journal.db");
  const base = join(folder, "base.db");
  let [worked, refused, share] = [0, 0, 0];
  const nameless: string[] = [];
  const lost: string[] = [];
  try {
    await make(base);
    for (let number = 0; number < count; number++) {
      for (const end of ["-shm", ".damaged", ".damaged-wal", ".damaged-shm"]) {
        rmSync(`${path}${end}`, { force: true });
      }
      for (const end of FILES) copyFileSync(`${base}.base${end}`, `${path}${end}`);
      damage(path, dice(seed * 1_000_003 + number));
      const error = await refusal(path);
      if (error === null) worked++;
      else if (!(error instanceof RunnerError) || error.detail.hint === undefined) {
        nameless.push(`${number}: ${error}`);
      } else {
        refused++;
        share += await salvage(path).catch((why: unknown) => lost.push(`${number}: ${why}`) * 0);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const savedShare = refused === 0 ? 1 : share / refused;
  return { damaged: count, worked, refused, nameless, lost, savedShare };
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 2_000);
  const seed = Number(process.argv[3] ?? 1);
  const tally = await damageLoop(count, seed);
  console.log(JSON.stringify(tally, null, 2));
  process.exitCode = tally.nameless.length + tally.lost.length === 0 ? 0 : 1;
}
