// API check: what `check --api` asks: whether the API is reached, takes the key, lets it search and
// post, how far the clocks differ, and how many agents each target stands for. Posts nothing.
import type { ClientConfig } from "../config/client.ts";
import type { RunnerConfig } from "../config/runner.ts";
import { describeError, type ErrorDetail, RunnerError } from "../errors.ts";
import { loadTemplate, templatePath } from "../flow/template.ts";
import type { Entity } from "../jobs/entity.ts";
import type { Clock, HttpAnswer } from "../lib/ports.ts";
import type { ApiProbe, CountAnswer, MigApi, PageAnswer } from "../mig/api.ts";
import { resolveTarget } from "../mig/target.ts";
import type { Spool } from "../ports.ts";
import { MINUTE_MS, type Milliseconds, SECOND_MS } from "../time.ts";
import type { ApiView, Gathering, TargetView } from "./findings.ts";
import { hasAction } from "./jobs.ts";
import { renderTable } from "./text.ts";
import type { WireOptions } from "./wire.ts";

/** Clocks that differ by less are told as right: an answer's Date is in whole seconds. */
const CLOCKS_DIFFER_MS: Milliseconds = 30 * SECOND_MS;

/** An action is valid from a minute before it is signed: a clock further ahead holds it back. */
const VALID_BEFORE_MS: Milliseconds = MINUTE_MS;

/** What the check needs. */
export interface ApiCheck {
  readonly config: Pick<RunnerConfig, "client"> & ClientConfig;
  readonly clock: Clock;
  readonly spool: Spool;
  readonly entities: readonly Entity[];
  /** Opens the way to the API. */
  open(seen: NonNullable<WireOptions["seen"]>): Opened;
  /** Called before each target is counted. */
  progress?(text: string): void;
}

interface Opened {
  readonly api: ApiProbe & Pick<MigApi, "commands" | "countAgents">;
  close(): void;
}

/** A view in which nothing was asked. */
export function notAsked(url: string | null, skipped: string): ApiView {
  const unknown = { known: null, maySearch: null, mayPost: null, clockAheadSeconds: null };
  return { url, skipped, reached: false, ...unknown, targets: [] };
}

/** Asks the API, and adds what is wrong to what was found. */
export async function checkApi(found: Gathering, check: ApiCheck): Promise<ApiView> {
  let ahead: Milliseconds | null = null;
  const wire = check.open((answer) => {
    ahead ??= clockAhead(answer, check.clock.now());
  });
  try {
    const rights = await askRights(found, check, wire.api);
    const targets = rights.maySearch === true ? await countTargets(found, check, wire.api) : [];
    const clockAheadSeconds = ahead === null ? null : Math.round(ahead / SECOND_MS);
    if (ahead !== null && Math.abs(ahead) >= CLOCKS_DIFFER_MS) {
      found.warnings.push(clockWarning(ahead, check.config.api.url));
    }
    return { url: check.config.api.url, skipped: null, ...rights, clockAheadSeconds, targets };
  } finally {
    wire.close();
  }
}

/** Null without a Date. It is cut to whole seconds: half of one is the best guess. */
function clockAhead(answer: HttpAnswer, now: number): Milliseconds | null {
  const date = answer.kind === "answer" ? Date.parse(answer.header("date") ?? "") : Number.NaN;
  return Number.isNaN(date) ? null : now - (date + SECOND_MS / 2);
}

function clockWarning(ahead: Milliseconds, url: string): string {
  const seconds = Math.round(Math.abs(ahead) / SECOND_MS);
  const direction = ahead > 0 ? "ahead of" : "behind";
  const effect =
    ahead > VALID_BEFORE_MS
      ? "agents begin its actions that much later"
      : "tokens are refused when it is 10 minutes";
  const message = `This host's clock is ${seconds} s ${direction} that of the API "${url}"`;
  const hint = `let both follow NTP: ${effect}`;
  return describeError(new RunnerError("API", message, { hint }));
}

type Rights = Pick<ApiView, "reached" | "known" | "maySearch" | "mayPost">;

const UNREACHED: Rights = { reached: false, known: null, maySearch: null, mayPost: null };

/** One search as a collect makes it, and the form of an action: each shows a right of its own. */
async function askRights(
  found: Gathering,
  { config }: ApiCheck,
  api: Opened["api"],
): Promise<Rights> {
  const { url } = config.api;
  const where = { path: config.clientPath };
  const search = await searchOnce(api);
  if (search.kind === "failed" && search.status === null) {
    const hint = "look at url in [api], at the network, and at the proxy on the way";
    tell(found, `Cannot reach the API "${url}": ${search.message}`, { ...where, hint });
    return UNREACHED;
  }
  const create = await api.mayCreate();
  const isSearchRefused = search.kind === "failed" && isRefusal(search.status);
  if (isSearchRefused && create.kind !== "allowed") {
    tell(found, `The API "${url}" does not take this key: ${search.message}`, where);
    return { reached: true, known: false, maySearch: false, mayPost: false };
  }
  const hint = "an administrator of MIG gives investigators their rights";
  if (search.kind === "failed") {
    const more = isSearchRefused ? { ...where, hint } : where;
    tell(found, `Cannot search the API "${url}": ${search.message}`, more);
  }
  if (create.kind === "refused") {
    tell(found, `Cannot post actions to the API "${url}": ${create.message}`, { ...where, hint });
  } else if (create.kind !== "allowed") {
    const message = `Cannot ask the API "${url}" whether this key may post: ${create.message}`;
    found.warnings.push(describeError(new RunnerError("API", message, where)));
  }
  const isSearched = search.kind !== "failed";
  return {
    reached: true,
    known: isSearched || create.kind === "allowed" ? true : null,
    maySearch: isSearched ? true : isSearchRefused ? false : null,
    mayPost: create.kind === "allowed" ? true : create.kind === "refused" ? false : null,
  };
}

function isRefusal(status: number | null): boolean {
  return status === 401 || status === 403;
}

/** Any action will do: none has the number 1. */
async function searchOnce(api: Opened["api"]): Promise<PageAnswer> {
  return await api.commands(1, { limit: 1, offset: 0, onCommand: () => {} });
}

function tell({ mistakes }: Gathering, message: string, detail: ErrorDetail): void {
  mistakes.push(new RunnerError("API", message, detail));
}

/** Each target is asked for once, whichever jobs have it. Ends when the API is not reached. */
async function countTargets(
  found: Gathering,
  { config, spool, entities, progress }: ApiCheck,
  api: Opened["api"],
): Promise<readonly TargetView[]> {
  const views: TargetView[] = [];
  const counts = new Map<string, CountAnswer>();
  for (const [index, entity] of entities.entries()) {
    const target = await targetOf(spool, entity, config.targets);
    if (target === null) continue;
    progress?.(`counting agents: job ${index + 1} of ${entities.length}`);
    const count = counts.get(target) ?? (await api.countAgents(target));
    counts.set(target, count);
    const { job } = entity;
    const where = { job, path: templatePath(entity) };
    if (count.kind === "failed") {
      const message = `Cannot count the agents of the target: ${count.message}`;
      const hint = "mend the target, a condition on MIG's table of agents";
      tell(found, message, count.status === null ? where : { ...where, hint });
      views.push({ job, target, agents: null, isAtLeast: false });
      if (count.status === null) break;
      continue;
    }
    const { agents, isAtLeast } = count;
    views.push({ job, target, agents, isAtLeast });
    const warning = countWarning(entity, count);
    if (warning === null) continue;
    found.warnings.push(
      describeError(new RunnerError("ACTION", warning.message, { ...where, hint: warning.hint })),
    );
  }
  progress?.("");
  return views;
}

/** Null without a target of its own, and where the template is broken, which is told elsewhere. */
async function targetOf(
  spool: Spool,
  entity: Entity,
  macros: ReadonlyMap<string, string>,
): Promise<string | null> {
  if (!(await hasAction(entity))) return null;
  try {
    const { target } = await loadTemplate({ spool }, entity);
    if (target === "") return null;
    return entity.template.kind === "file" ? target : resolveTarget(target, macros);
  } catch (error) {
    if (error instanceof RunnerError) return null;
    throw error;
  }
}

interface Warning {
  readonly message: string;
  readonly hint: string;
}

function countWarning(
  { maxAgents }: Entity,
  { agents, isAtLeast }: Extract<CountAnswer, { kind: "counted" }>,
): Warning | null {
  if (agents === 0) {
    const message = "The target matches no agent that is online or idle now";
    return { message, hint: "look at the condition, and whether its agents are up" };
  }
  if (maxAgents === null || agents <= maxAgents) return null;
  const many = `${isAtLeast ? "at least " : ""}${agents}`;
  const message = `The target matches ${many} agents, and the job allows ${maxAgents}`;
  return { message, hint: "the action would not be posted: narrow the target or raise maxagents" };
}

/** What the API said, in lines for people. */
export function apiLines({ url, skipped, targets, ...view }: ApiView): readonly string[] {
  if (skipped !== null) return [`the API was not asked: ${skipped}`];
  const clock = view.clockAheadSeconds;
  const facts = [
    view.reached ? "reached" : "not reached",
    ...(view.maySearch === true ? ["the key may search"] : []),
    ...(view.mayPost === true ? ["the key may post"] : []),
    ...(clock === null ? [] : [`clocks differ by ${Math.abs(clock)} s`]),
  ];
  const rows = targets.map(({ job, agents, isAtLeast, target }) => {
    const count = agents === null ? "?" : `${isAtLeast ? "at least " : ""}${agents}`;
    return [job, `${count} ${agents === 1 ? "agent" : "agents"}`, target];
  });
  return [`API ${url}: ${facts.join(", ")}`, ...renderTable(rows)];
}
