// Life: one process of the runner in a simulated world, and who watches it.
import type { ApiAction } from "./api.ts";

/** One life of the runner's process. What belongs to it does nothing any more once it is over. */
export interface Life {
  readonly number: number;
  /** True time. */
  readonly bornAt: number;
  alive: boolean;
  stopping: boolean;
}

/** Where a crash is wanted: at a port call, counted from 1. */
export interface CrashPoint {
  readonly call: number;
  readonly side: "before" | "after";
  readonly power: boolean;
}

/** Told of everything that an invariant may be broken by. */
export interface Watch {
  arrived(body: string): void;
  accepted(action: ApiAction): void;
  collecting(path: string): void;
  published(path: string, bytes: Uint8Array): void;
  delivering(order: { plugin: string; resultPath: string; key: string; attempt: number }): void;
  committed(): void;
  woken(): void;
  worked(key: string): void;
  logged(message: string): void;
  /** A request was answered as a whole, or not at all. */
  exchanged(isAnswered: boolean): void;
  /** An outage of the API is about to end. */
  outageEnds(): void;
  /** People are to be told of something, by a transaction that is being made. */
  raised(about: { event: string; job: string; subject: string }): void;
  noticed(notice: { alarmId: number; plugin: string; body: string }): void;
  /** Somebody was told. */
  told(key: string, body: string): void;
}

/** A port's failure, before its effect or after it. */
export type Side = "before" | "after";

/** A promise that is never settled: what a dead process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
