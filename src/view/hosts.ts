// Hosts: what is shown of one command of a result: the host, how it ended, what was found there.
// Agents write these bytes: any member may be missing, or be something else.

/** One host's part of a result. */
export interface HostView {
  readonly commandId: number | null;
  readonly agentId: number | null;
  readonly host: string;
  readonly status: string;
  /** Whether a module says that it found something. */
  readonly found: boolean;
  /** What its modules say went wrong. */
  readonly errors: readonly string[];
  /** What its modules give: `elements` of each that found something. */
  readonly elements: readonly unknown[];
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What of a command is shown; null for bytes that are no JSON object. */
export function hostView(bytes: Uint8Array): HostView | null {
  const command = objectOf(parsed(bytes));
  if (command === null) return null;
  const agent = objectOf(command.agent);
  const given: readonly unknown[] = Array.isArray(command.results) ? command.results : [];
  const results = given.map(objectOf).filter((result) => result !== null);
  const finds = results.filter(({ foundanything }) => foundanything === true);
  return {
    commandId: numberOf(command.id),
    agentId: numberOf(agent?.id),
    host: textOf(agent?.name),
    status: textOf(command.status),
    found: finds.length > 0,
    errors: results.flatMap(({ errors }) => (Array.isArray(errors) ? errors.map(textOf) : [])),
    elements: finds.map(({ elements }) => elements ?? null),
  };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}
