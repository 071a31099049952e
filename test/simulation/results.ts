// Results: whether a result file is what the API served, whole and once (I5).
import type { ApiAction, PageMode } from "./api.ts";
import type { World } from "./world.ts";

const DECODER = new TextDecoder();

interface ResultFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** True time at which its collect began. */
  readonly since: number;
}

interface Document {
  readonly action?: { readonly id: number };
  readonly commands: readonly { readonly id: number }[];
  readonly name: string;
}

/** What is wrong with a result file; null when nothing is. */
export function resultProblem(
  { api, profile }: Pick<World, "api"> & { readonly profile: Pick<World["profile"], "manners"> },
  { path, bytes, since }: ResultFile,
): string | null {
  const [, job, , id] =
    /runners\/([^/]+)\/results\/(\d{8}(?:-\d+)?)\/(\d+)\.json$/.exec(path) ?? [];
  if (job === undefined) return "no name of a result";
  const text = DECODER.decode(bytes);
  const result = parse(text);
  if (result === null) return "it is not JSON";
  const actionId = Number(id);
  if (result.name !== job || result.action?.id !== actionId) return "another job's or action's";
  const ids = new Set(result.commands.map((command) => command.id));
  if (ids.size !== result.commands.length) return "it holds a command twice";
  const truth = api.actions.get(actionId);
  if (truth === undefined) return ids.size === 0 ? null : "commands of no action";
  for (const commandId of ids) {
    const served = [...(truth.served.get(commandId) ?? [])];
    if (!served.some((bytesOfIt) => text.includes(bytesOfIt))) {
      return `command ${commandId} is not as it was sent`;
    }
  }
  if (!mustBeComplete(truth, profile.manners.pages)) return null;
  const there = truth.commands.filter(({ startAt }) => startAt <= since);
  const missing = there.filter((command) => !ids.has(command.id)).length;
  return missing === 0 ? null : `${missing} commands are missing`;
}

function parse(text: string): Document | null {
  try {
    return JSON.parse(text) as Document;
  } catch {
    return null;
  }
}

/** Whether the API gave what it takes to notice that something is missing. */
function mustBeComplete({ counters }: ApiAction, pages: PageMode): boolean {
  return counters === "honest" || counters === "high" || pages === "stable";
}
