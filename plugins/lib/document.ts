// Document: a command as one flat record, for services that search.
import type { Command, Result } from "mig-runner";
import { hostLabel, readCommand } from "./command.ts";
import { objectOr, textOr } from "./read.ts";

/** A record, and what is needed to send it. */
export interface CommandDocument {
  readonly label: string;
  readonly id: string;
  readonly host: string;
  /** When the command ended, as far as that is known. */
  readonly at: Date;
  /** "result", or "failure" for a command that is not the whole word of its host. */
  readonly kind: "result" | "failure";
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How what modules found is kept: as JSON in one text, or as members of their own. */
export type ElementsForm = "text" | "object";

/** MIG's time that was never set. */
const UNSET = "0001-01-01T00:00:00Z";

/** The record of a command. Never throws. */
export function documentOf(
  command: Command,
  { elements: form, result }: { readonly elements: ElementsForm; readonly result: Result },
): CommandDocument {
  const reading = readCommand(command);
  const agent = objectOr(command.agent);
  const environment = objectOr(agent.environment);
  const keep = (value: unknown): unknown =>
    form === "object" || value === null ? value : JSON.stringify(value);
  const kind = reading.troubles.length === 0 ? "result" : "failure";
  const { description, id, name, threat } = objectOr(command.action ?? result.action);
  const fields = {
    kind,
    job: result.job,
    action: { id, name, description, threat },
    command: { id: reading.id, status: reading.status },
    host: reading.host,
    agent: {
      id: reading.agentId,
      version: agent.version,
      os: environment.os,
      ident: environment.ident,
      addresses: environment.addresses,
      tags: agent.tags,
    },
    found: reading.found,
    troubles: reading.troubles,
    results: reading.answers.map(({ elements, errors, found, module, statistics, trouble }) => ({
      module,
      found,
      success: trouble === null,
      errors,
      elements: keep(elements),
      statistics: keep(statistics),
    })),
  };
  const label = `command ${String(reading.id)} of ${hostLabel(reading)}`;
  return { label, id: String(reading.id), host: reading.host, at: timeOf(command), kind, fields };
}

function timeOf({ finishtime, starttime }: Command): Date {
  for (const text of [textOr(finishtime), textOr(starttime)]) {
    const time = new Date(text);
    if (text !== UNSET && !Number.isNaN(time.getTime())) return time;
  }
  return new Date();
}
