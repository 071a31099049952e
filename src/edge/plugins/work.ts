// Work: what the daemon and the worker of a plugin say to each other.
//
//   daemon ── PluginWork (as the worker's data), abort, saved ──▶ plugin
//   plugin ── log, progress, ended ──▶ daemon
//
// A plugin is foreign code in the same process as its host and can send anything: the daemon checks
// all that it gets.
import * as v from "valibot";
import type { AlarmOrder, DeliveryOrder, PluginUse } from "../../ports.ts";
import { PROGRESS_SIZE_MAX } from "../../sdk/progress.ts";
import { firstOf } from "../../text.ts";
import type { Milliseconds } from "../../time.ts";
import type { Environment } from "../environment.ts";
import type { Settings } from "./settings.ts";

/** Characters of a message of a plugin. Longer ones are cut. */
export const MESSAGE_SIZE_MAX = 2_000;

/** What one worker is for. */
export interface PluginWork {
  readonly plugin: string;
  /** The module's file; null: the module of this name that the runner brings with it. */
  readonly path: string | null;
  /** The runner directory, which the file is in. */
  readonly below: string;
  /** Its section of the configuration; null: there is none. */
  readonly settings: Settings | null;
  /** Where that begins, for messages. */
  readonly place: string;
  /** For proxies and certificates. */
  readonly environment: Environment;
  /** For each HTTP exchange: the daemon ends the delivery itself. */
  readonly timeoutMs: Milliseconds;
  /** Null: only look whether it could deliver. */
  readonly delivery: Delivery | null;
  /** What is to be told in place of a delivery. */
  readonly alarm: Alarm | null;
  /** What it has to be able to take. */
  readonly use: PluginUse;
}

/** The same of an alarm. */
export type Alarm = Pick<AlarmOrder, "body" | "key" | "attempt">;

/** The part of an order that a plugin gets to see. */
export type Delivery = Pick<
  DeliveryOrder,
  "job" | "actionId" | "resultPath" | "key" | "attempt" | "progress"
>;

/** Asks the plugin to end: its time is over, or the runner is stopping. */
export interface AbortMessage {
  readonly reason: string;
}

/** Answers all that the plugin has said of its progress up to one serial number. */
export interface SavedMessage {
  readonly saved: number;
  /** Why it could not be saved; null when it is durable. */
  readonly problem: string | null;
}

/** What a plugin's worker hears. */
export type ToPlugin = AbortMessage | SavedMessage;

const LEVELS = ["err", "warning", "notice", "info", "debug"] as const;

const Text = v.pipe(v.string(), v.maxLength(MESSAGE_SIZE_MAX + 1));

const Outcome = v.variant("kind", [
  /** `commands`: how many of the result it has read. */
  v.strictObject({ kind: v.literal("done"), commands: v.number() }),
  v.strictObject({
    kind: v.literal("failed"),
    message: v.pipe(v.string(), v.transform(boundMessage)),
    final: v.boolean(),
    retryAfterMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
  }),
]);

const Progress = v.strictObject({
  kind: v.literal("progress"),
  serial: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  text: v.pipe(v.string(), v.maxLength(PROGRESS_SIZE_MAX)),
});

const FromPlugin = v.variant("kind", [
  v.strictObject({ kind: v.literal("log"), level: v.picklist(LEVELS), message: Text }),
  Progress,
  v.strictObject({ kind: v.literal("ended"), outcome: Outcome }),
]);

/** What a plugin says is done, as JSON. */
export type ProgressMessage = v.InferOutput<typeof Progress>;

/** How it ended. */
export type Outcome = v.InferOutput<typeof Outcome>;

/** What a plugin's worker says. */
export type FromPlugin = v.InferOutput<typeof FromPlugin>;

/** A message of a plugin's worker, or null when it is none. */
export function parseFromPlugin(message: unknown): FromPlugin | null {
  const parsed = v.safeParse(FromPlugin, message);
  return parsed.success ? parsed.output : null;
}

/** Of the look at a plugin's settings a message may have some lines. */
function boundMessage(text: string): string {
  return text.length <= MESSAGE_SIZE_MAX ? text : `${firstOf(text, MESSAGE_SIZE_MAX)}…`;
}

/** A text in one line, cut to what a message may hold. */
export function cutMessage(text: string): string {
  const line = text.trim().replace(/\s*\n\s*/g, " ");
  return boundMessage(line);
}
