// Packages: what is installed on each host, and how two inventories differ.
import { type Command, modules } from "mig-runner";

/** Versions by package, by host. */
export type Inventory = Record<string, Readonly<Record<string, string>>>;

/**
 * Takes an inventory from the commands of a result, one at a time. A host that did not answer is in
 * it as it was before.
 */
export async function takeInventory(
  commands: AsyncIterable<Command>,
  before: Inventory,
): Promise<Inventory> {
  const hosts: Inventory = { ...before };
  for await (const { agent, results } of commands) {
    const { elements, success } = modules.pkg.read(results[0]);
    if (!success || elements === null) continue;
    const packages = elements.packages.map(({ name, version }) => [name, version] as const);
    hosts[agent.name] = Object.fromEntries(packages);
  }
  return hosts;
}

/** What has changed, one line a change. A host that was never seen before is one line. */
export function changesOf(before: Inventory, after: Inventory): readonly string[] {
  return Object.entries(after).flatMap(([host, packages]) => {
    const known = before[host];
    if (known === undefined) return [`${host}: new, ${Object.keys(packages).length} packages`];
    const names = [...new Set([...Object.keys(known), ...Object.keys(packages)])].sort();
    return names.flatMap((name) => {
      const [was, is] = [known[name], packages[name]];
      if (was === is) return [];
      if (was === undefined) return [`${host}: ${name} ${is} is new`];
      if (is === undefined) return [`${host}: ${name} ${was} is gone`];
      return [`${host}: ${name} ${was} became ${is}`];
    });
  });
}
