// Netstat: the module that looks for local, neighbour and connected addresses and open ports.
import * as v from "valibot";
import { isCidr, isIp } from "../../lib/go/ip.ts";
import { defineModule } from "./module.ts";
import { flag, members, pattern, texts } from "./rules.ts";

/** What to look for. Nothing is required. Patterns are RE2. */
export interface NetstatParameters {
  /** Patterns on the host's own hardware addresses, in any case. */
  readonly localmac?: readonly string[] | undefined;
  /** Patterns on hardware addresses of neighbours, in lower case. */
  readonly neighbormac?: readonly string[] | undefined;
  /** Addresses or networks, such as "10.22.0.0/16" or "2001:db8::1". */
  readonly localip?: readonly string[] | undefined;
  /** The same; not on macOS and Windows. */
  readonly neighborip?: readonly string[] | undefined;
  /** The same. */
  readonly connectedip?: readonly string[] | undefined;
  /** Ports as text, "0" to "65535": agents refuse a number. Not on macOS. */
  readonly listeningport?: readonly string[] | undefined;
  /** Look into the network namespace of every process; Linux only. @default false */
  readonly namespaces?: boolean | undefined;
}

/** One address or port that was found. What does not apply is left out. */
export interface NetstatMatch {
  readonly localmacaddr?: string | undefined;
  readonly remotemacaddr?: string | undefined;
  readonly localaddr?: string | undefined;
  readonly localport?: number | undefined;
  /** "masked" from agents that keep it private. */
  readonly remoteaddr?: string | undefined;
  readonly remoteport?: number | undefined;
  /** "default" or an id. */
  readonly namespace?: string | undefined;
}

/** What was found by the value that was asked for; null when nothing was. May repeat itself. */
export type NetstatMatches = Readonly<Record<string, readonly NetstatMatch[] | null>>;

/** What was asked for, each with what was found. */
export interface NetstatElements {
  readonly localmac?: NetstatMatches | undefined;
  readonly neighbormac?: NetstatMatches | undefined;
  readonly localip?: NetstatMatches | undefined;
  readonly neighborip?: NetstatMatches | undefined;
  readonly connectedip?: NetstatMatches | undefined;
  readonly listeningport?: NetstatMatches | undefined;
}

/** What the netstat module counts. */
export interface NetstatStatistics {
  readonly examined: number;
  /** A duration as Go prints it. */
  readonly exectime: string;
  /** Always 0. */
  readonly totalhits: number;
}

function addressRule(address: string): string | null {
  if (address.includes("/") ? isCidr(address) : isIp(address)) return null;
  return 'an address or network such as "192.0.2.1" or "2001:db8::/32" is wanted';
}

/** Agents parse a port with Go's `strconv.Atoi`, which takes a sign and leading zeros as well. */
function portRule(port: string): string | null {
  const isPort = /^\d{1,5}$/.test(port) && Number(port) <= 65_535;
  return isPort ? null : 'a port from "0" to "65535" is wanted';
}

const MatchesSchema = v.optional(
  v.record(
    v.string(),
    v.nullable(
      v.array(
        v.looseObject({
          localmacaddr: v.optional(v.string()),
          remotemacaddr: v.optional(v.string()),
          localaddr: v.optional(v.string()),
          localport: v.optional(v.number()),
          remoteaddr: v.optional(v.string()),
          remoteport: v.optional(v.number()),
          namespace: v.optional(v.string()),
        }),
      ),
    ),
  ),
);

/** The netstat module. @see modules/netstat/netstat.go `ValidateParameters` of the original */
export const netstat = defineModule<NetstatParameters, NetstatElements, NetstatStatistics>({
  module: "netstat",
  parameters: members({
    localmac: v.optional(texts(pattern)),
    neighbormac: v.optional(texts(pattern)),
    localip: v.optional(texts(addressRule)),
    neighborip: v.optional(texts(addressRule)),
    connectedip: v.optional(texts(addressRule)),
    listeningport: v.optional(texts(portRule)),
    namespaces: v.optional(flag()),
  }),
  elements: v.looseObject({
    localmac: MatchesSchema,
    neighbormac: MatchesSchema,
    localip: MatchesSchema,
    neighborip: MatchesSchema,
    connectedip: MatchesSchema,
    listeningport: MatchesSchema,
  }),
  statistics: v.looseObject({
    examined: v.number(),
    exectime: v.string(),
    totalhits: v.number(),
  }),
});
