// Timedrift: the module that gives the local time and compares it with an NTP server.
import * as v from "valibot";
import { messageOf } from "../../errors.ts";
import { parseDuration } from "../../lib/go/duration.ts";
import { defineModule } from "./module.ts";
import { members, text } from "./rules.ts";

/** How far the clock may be off. */
export interface TimedriftParameters {
  /** A duration such as "5s" or "1m30s". @default "": only the local time is given */
  readonly drift?: string | undefined;
}

/** The time of the host. */
export interface TimedriftElements {
  readonly hascheckeddrift: boolean;
  /** Left out when false. */
  readonly iswithindrift?: boolean | undefined;
  readonly drifts?: readonly string[] | undefined;
  /** RFC 3339. */
  readonly localtime: string;
}

/** What each server that was asked said. */
export interface TimedriftStatistics {
  /** A duration as Go prints it. */
  readonly exectime: string;
  readonly ntpstats?: readonly TimedriftServer[] | undefined;
}

/** One NTP server as an agent saw it. */
export interface TimedriftServer {
  readonly host: string;
  readonly time: string;
  readonly latency: string;
  readonly drift: string;
  readonly reachable: boolean;
}

function driftRule(drift: string): string | null {
  if (drift === "") return null;
  try {
    parseDuration(drift);
    return null;
  } catch (error) {
    return `${messageOf(error)}, a duration such as "5s" is wanted`;
  }
}

/** The timedrift module. @see modules/timedrift/timedrift.go `ValidateParameters` */
export const timedrift = defineModule<TimedriftParameters, TimedriftElements, TimedriftStatistics>({
  module: "timedrift",
  parameters: members({ drift: v.optional(text(driftRule)) }),
  elements: v.looseObject({
    hascheckeddrift: v.boolean(),
    iswithindrift: v.optional(v.boolean()),
    drifts: v.optional(v.array(v.string())),
    localtime: v.string(),
  }),
  statistics: v.looseObject({
    exectime: v.string(),
    ntpstats: v.optional(
      v.array(
        v.looseObject({
          host: v.string(),
          time: v.string(),
          latency: v.string(),
          drift: v.string(),
          reachable: v.boolean(),
        }),
      ),
    ),
  }),
});
