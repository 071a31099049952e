// Dashboard: the state of the fleet and the last actions, as `GET dashboard` answers them.
//
// The real numbers are counted by the scheduler from time to time; here they are those of now.

import { encodeText } from "../lib/go/json.ts";
import { encodeItem } from "./envelope.ts";
import type { Agent } from "./fleet.ts";
import { encodeFoundAction } from "./print.ts";
import type { Store } from "./store.ts";

/** Actions that are shown. */
const ACTIONS_MAX = 10;

/** The items of the answer. `baseUrl` ends without a slash. */
export function dashboardItems(
  store: Store,
  { baseUrl, now }: { readonly baseUrl: string; readonly now: number },
): string[] {
  const actions = [...store.actions.values()]
    .toReversed()
    .toSorted((left, right) => startOf(right.launchAt, now) - startOf(left.launchAt, now))
    .slice(0, ACTIONS_MAX)
    .map((stored) => {
      const href = `${baseUrl}/action?actionid=${stored.id}`;
      return encodeItem(href, "action", encodeFoundAction(store, stored, now));
    });
  return [summaryItem(store.fleet, `${baseUrl}/dashboard`), ...actions];
}

/** An action that has not begun has a start long ago. */
function startOf(launchAt: number, now: number): number {
  return launchAt > now ? Number.MIN_SAFE_INTEGER : launchAt;
}

/** One item with all numbers. An endpoint is a host: it may have more agents than one. */
function summaryItem(fleet: readonly Agent[], href: string): string {
  const online = fleet.filter(({ status }) => status === "online");
  const endpoints = queuesOf(online);
  const idle = fleet.filter(({ status }) => status === "idle");
  const idleAlone = idle.filter(({ queueLocation }) => !endpoints.has(queueLocation));
  const active = [...online, ...idle].filter(({ mode }) => mode !== "checkin");
  const numbers: readonly (readonly [name: string, value: string | number])[] = [
    ["online agents", online.length],
    ["online agents by version", byVersion(online)],
    ["online endpoints", endpoints.size],
    ["idle agents", idle.length],
    ["idle agents by version", byVersion(idleAlone)],
    ["idle endpoints", queuesOf(idleAlone).size],
    ["new endpoints", 0],
    ["endpoints running 2 or more agents", crowded(active)],
    ["disappeared endpoints", 0],
    ["flapping endpoints", 0],
  ];
  const data = numbers.map(([name, value]) => `{"name":${encodeText(name)},"value":${value}}`);
  return `{"href":${encodeText(href)},"data":[${data.join(",")}]}`;
}

function queuesOf(agents: readonly Agent[]): ReadonlySet<string> {
  return new Set(agents.map(({ queueLocation }) => queueLocation));
}

function crowded(agents: readonly Agent[]): number {
  const counts = Map.groupBy(agents, ({ queueLocation }) => queueLocation);
  return [...counts.values()].filter((those) => those.length > 1).length;
}

/** JSON; null without an agent, as of a list that Go has not made. */
function byVersion(agents: readonly Agent[]): string {
  const counts = [...Map.groupBy(agents, ({ version }) => version)];
  const sums = counts.map(
    ([version, those]) => `{"version":${encodeText(version)},"count":${those.length}}`,
  );
  return sums.length === 0 ? "null" : `[${sums.join(",")}]`;
}
