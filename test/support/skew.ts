// Skew: a program whose clock of the wall is wrong, by a library that is loaded before libc: where
// there is a compiler for C, and the program asks libc for the time (Linux, glibc).
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Milliseconds, SECOND_MS } from "../../src/time.ts";
import type { Program } from "./binary.ts";

/** Shifts the clocks of programs until it is disposed of. */
export class Skew implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "mig-skew-"));

  get #library(): string {
    return join(this.#folder, "skew.so");
  }

  /** Null, where it cannot be made. */
  static make(): Skew | null {
    const skew = new Skew();
    const source = join(import.meta.dirname, "skew.c");
    const made = spawnSync("cc", ["-O2", "-shared", "-fPIC", "-o", skew.#library, source, "-ldl"]);
    const [date = "", ...rest] = skew.shifted(["date", "+%s"], 1_000 * SECOND_MS);
    const told = made.status === 0 ? spawnSync(date, rest).stdout : "";
    if (Math.abs(Number(told) - Date.now() / SECOND_MS - 1_000) < 100) return skew;
    skew[Symbol.dispose]();
    return null;
  }

  /** The same program, with a clock that is ahead by so much. */
  shifted(program: Program, byMs: Milliseconds): Program {
    const seconds = Math.round(byMs / SECOND_MS);
    return ["env", `LD_PRELOAD=${this.#library}`, `CLOCK_SHIFT=${seconds}`, ...program];
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
