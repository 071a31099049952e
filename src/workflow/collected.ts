// Collected: a collected result as a body gets it: agents in memory, commands in their file.
import { resultParts } from "../mig/result-parts.ts";
import type { Command, PostedAction } from "../sdk/action.ts";
import type { AgentSummary, CollectedResult } from "../sdk/run.ts";
import type { CollectValue } from "./messages.ts";

/** Whose result it is, and how its file is read. */
export interface ResultSource {
  readonly job: string;
  /** Of the collect. */
  readonly name: string;
  readFile(path: string): AsyncIterable<Uint8Array>;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Reads the summary of a result from its file, one command after the other.
 *
 * @throws {Error} When the file cannot be read or is no result.
 */
export async function loadResult(
  value: CollectValue,
  { job, name, readFile }: ResultSource,
): Promise<CollectedResult> {
  const { actionIds, path, completeness } = value;
  const agents: AgentSummary[] = [];
  let action: PostedAction = NO_ACTION;
  if (path !== null) {
    for await (const { kind, bytes } of resultParts(readFile(path))) {
      const decoded = JSON.parse(UTF8.decode(bytes));
      if (kind === "action") action = decoded as PostedAction;
      else agents.push(summaryOf(decoded as Command));
    }
  }
  return {
    job,
    name,
    action,
    actionId: actionIds[0] ?? null,
    actionIds,
    path: path ?? "",
    agents: agents.sort(byName),
    completeness,
    commands: { [Symbol.asyncIterator]: () => commandsOf(path, readFile) },
  };
}

async function* commandsOf(
  path: string | null,
  readFile: ResultSource["readFile"],
): AsyncGenerator<Command> {
  if (path === null) return;
  for await (const { kind, bytes } of resultParts(readFile(path))) {
    if (kind === "command") yield JSON.parse(UTF8.decode(bytes)) as Command;
  }
}

/** The action of a result without agents: nothing was posted. */
const NO_ACTION: PostedAction = {
  id: 0,
  name: "",
  target: "",
  validfrom: "0001-01-01T00:00:00Z",
  expireafter: "0001-01-01T00:00:00Z",
  operations: [],
  status: "",
};

/** Members that the API left out count as empty: a summary never throws for what an agent sent. */
function summaryOf({ id, agent, status, results }: Partial<Command>): AgentSummary {
  const answers = results ?? [];
  return {
    id: agent?.id ?? 0,
    name: agent?.name ?? "",
    commandId: id ?? 0,
    status: status ?? "sent",
    found: answers.some((answer) => answer?.foundanything === true),
    success: status === "success" && answers.every((answer) => answer?.success === true),
    errors: answers.flatMap((answer) => answer?.errors ?? []),
  };
}

function byName(left: AgentSummary, right: AgentSummary): number {
  if (left.name !== right.name) return left.name < right.name ? -1 : 1;
  return left.commandId - right.commandId;
}
