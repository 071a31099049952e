// Ping: the module that tries an address by ICMP, TCP or UDP.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { filled, members, text, whole } from "./rules.ts";

/** Whom to try, and how. A port belongs to tcp and udp, which need one. */
export type PingParameters = {
  /** An IPv4 or IPv6 address, or a name that the agent can resolve. */
  readonly destination: string;
  /** Tries. @default 0: three */
  readonly count?: number | undefined;
  /** Whole seconds for one try. @default 0: five */
  readonly timeout?: number | undefined;
} & (
  | { readonly protocol: "icmp"; readonly destinationport?: undefined }
  | {
      readonly protocol: "tcp" | "udp";
      /** 1 to 65535. Agents would take port 0 for one that is left out. */
      readonly destinationport: number;
    }
);

/** What came back. */
export interface PingElements {
  /** Milliseconds, one for each try: 9999999 timed out, -1 refused, 0 failed otherwise. */
  readonly latencies: readonly number[] | null;
  readonly protocol: string;
  /** "host:port (ip)" or "host (ip)". */
  readonly resolvedhost: string;
  readonly failures: readonly string[] | null;
}

const destination = text(filled);
const count = v.optional(whole(0));
/** Agents cut decimals off, and would then wait without a limit for half a second. */
const timeout = v.optional(whole(0));

const IcmpSchema = members({
  protocol: v.literal("icmp"),
  destination,
  destinationport: v.optional(v.undefined("icmp has no ports")),
  count,
  timeout,
});

const PortSchema = members({
  protocol: v.picklist(["tcp", "udp"]),
  destination,
  destinationport: whole(1, 65_535),
  count,
  timeout,
});

/** The ping module. @see modules/ping/ping.go `ValidateParameters` of the original */
export const ping = defineModule<PingParameters, PingElements, unknown>({
  module: "ping",
  parameters: v.variant("protocol", [IcmpSchema, PortSchema], "icmp, tcp or udp is wanted"),
  elements: v.looseObject({
    latencies: v.nullable(v.array(v.number())),
    protocol: v.string(),
    resolvedhost: v.string(),
    failures: v.nullable(v.array(v.string())),
  }),
  statistics: v.unknown(),
});
