// Show: the verb that prints what a job would post, without a key, an API or a client
// configuration. The signed text is made by the code that signs, so it is what would be signed.

import {
  errorLines,
  isJournalError,
  messageOf,
  type RunnerError,
  RunnerErrors,
} from "../errors.ts";
import { draftAction, loadTemplate } from "../flow/template.ts";
import { scheduleAdvice } from "../jobs/advice.ts";
import type { JobState } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { spreadOffsetMs } from "../jobs/fires.ts";
import { formatFire, nextFire } from "../jobs/schedule.ts";
import { encodeJson } from "../lib/go/json.ts";
import { formatRfc3339Nano } from "../lib/go/time.ts";
import { type Action, encodeAction, hasStaleSignatures, signedText } from "../mig/action.ts";
import type { Spool } from "../ports.ts";
import { type Instant, limitText } from "../time.ts";
import { UsageError } from "./flags.ts";
import { jobHosts, notHere } from "./job-hosts.ts";
import { chooseJobs, describeErrors, errorsOf, hasAction, loadJobs } from "./jobs.ts";
import { openSpoolView, type SpoolView } from "./open.ts";
import { JSON_FLAG, type Verb } from "./verb.ts";

export const show: Verb = {
  usage: "JOB...|--all [--at TIME] [--json]",
  flags: [
    { name: "all", kind: "switch", help: "Every job of the runner directory" },
    {
      name: "at",
      kind: "text",
      value: "TIME",
      help: "As if it were then, in RFC 3339 (default now)",
    },
    JSON_FLAG,
  ],
  help:
    "Shows the action that a job would post now or at another time: dated and compressed, but not\n" +
    "signed, and the exact text that its signature would cover. Posts nothing, and needs neither\n" +
    "key nor API. With --json a job is one line, and a broken job the line\n" +
    '{"job":"...","error":"..."}. Ends with 1 when a job is broken.\n\n' +
    "Examples:\n" +
    "  mig-runner -c runner.cfg show sshd-config\n" +
    "  mig-runner -c runner.cfg show --all --at 2026-01-02T03:04:05Z --json",
  async run(call) {
    const { flags, positionals, terminal } = call;
    if (flags.has("all") !== (positionals.length === 0)) {
      throw new UsageError("show takes names of jobs, or --all");
    }
    const view = await openSpoolView(call);
    const at = flags.instant("at") ?? view.clock.now();
    const path = view.config.runnersDirectory;
    const names = { verb: "show", names: positionals, path };
    const { chosen, unknown } = chooseJobs(await loadJobs(view), names);
    if (unknown.length > 0) throw new RunnerErrors(await elsewhere(view, unknown));
    const places = await placesOf(view);
    let failed = false;
    for (const [index, state] of chosen.entries()) {
      const shown = await draft(view.spool, state, at);
      const place = places?.(state.job) ?? null;
      if (flags.has("json")) terminal.json(jsonLine(state.job, shown, place));
      else if (shown.kind === "broken") terminal.error(shown.errors.flatMap(errorLines));
      else terminal.out([...(index === 0 ? [] : [""]), ...describe(shown, place)]);
      failed ||= shown.kind === "broken";
    }
    return failed ? 1 : 0;
  },
};

/** The same mistakes, of a job that lies on other hosts by their names. */
async function elsewhere(
  { config }: Pick<SpoolView, "config">,
  unknown: readonly RunnerError[],
): Promise<readonly RunnerError[]> {
  const names = unknown.map((error) =>
    notHere({ verb: "show", job: error.detail.job ?? "" }, config),
  );
  return (await Promise.all(names)).map((found, index) => found ?? unknown[index]) as RunnerError[];
}

/** The host of a cluster that has a job. */
interface Place {
  /** Null: none has it, or nobody can say. */
  readonly host: string | null;
  readonly text: string;
}

/** Null: this host works alone. A cluster that cannot be reached hides nothing else. */
async function placesOf({
  config,
}: Pick<SpoolView, "config">): Promise<((job: string) => Place) | null> {
  try {
    const hosts = await jobHosts(config);
    if (hosts === null) return null;
    return (job) => {
      const host = hosts.hostOf(job);
      return { host, text: host ?? "no host has it now" };
    };
  } catch (error) {
    if (!isJournalError(error)) throw error;
    return () => ({ host: null, text: `not known: ${messageOf(error)}` });
  }
}

/** What would be posted at a time. */
interface Draft {
  readonly kind: "sound";
  readonly entity: Entity;
  readonly template: Action;
  readonly action: Action;
  readonly at: Instant;
}

/** A workflow without an action of its own. */
interface Unknown {
  readonly kind: "made by its workflow";
  readonly entity: Entity;
  readonly at: Instant;
}

type Shown = Draft | Unknown | { readonly kind: "broken"; readonly errors: readonly RunnerError[] };

async function draft(spool: Spool, { entity, errors }: JobState, at: Instant): Promise<Shown> {
  if (entity === null) return { kind: "broken", errors };
  if (!(await hasAction(entity))) return { kind: "made by its workflow", entity, at };
  try {
    const template = await loadTemplate({ spool }, entity);
    const action = draftAction(template, entity, at);
    return { kind: "sound", entity, template, action, at };
  } catch (error) {
    return { kind: "broken", errors: errorsOf(error) };
  }
}

/** The action goes in as the bytes that would be posted: reading it again could change numbers. */
function jsonLine(job: string, shown: Shown, place: Place | null): string {
  const where = place === null ? {} : { host: place.host };
  if (shown.kind === "broken") {
    return JSON.stringify({ job, error: describeErrors(shown.errors).join("\n"), ...where });
  }
  if (shown.kind !== "sound") {
    const { plugins, warnings } = shown.entity;
    return JSON.stringify({ job, action: null, plugins, next: nextOf(shown), warnings, ...where });
  }
  const { entity, action } = shown;
  const rest = {
    signedText: signedText(action),
    validFrom: formatRfc3339Nano(action.validfrom),
    expireAfter: formatRfc3339Nano(action.expireafter),
    plugins: entity.plugins,
    sendOnly: entity.sendOnly,
    next: nextOf(shown),
    warnings: warningsOf(shown),
    ...where,
  };
  const tail = JSON.stringify(rest).slice(1);
  return `{"job":${JSON.stringify(job)},"action":${encodeAction(action)},${tail}`;
}

/** When the job fires first after the shown time; null when never, or by hand only. */
function nextOf({ entity: { job, schedule, spreadMs }, at }: Draft | Unknown): string | null {
  if (schedule === null) return null;
  const delayMs = spreadOffsetMs(job, spreadMs);
  const fire = nextFire(schedule, at - delayMs);
  return fire === null ? null : formatFire(schedule, fire + delayMs);
}

function warningsOf({ entity, template, at }: Draft): readonly string[] {
  const { schedule } = entity;
  const advice = schedule === null ? [] : scheduleAdvice(schedule, at);
  const warnings = [...entity.warnings, ...advice];
  if (!hasStaleSignatures(template)) return warnings;
  return [...warnings, "the signature in the template can never hold: it is left out"];
}

/** Lines for people. Nothing is wrapped: every blank of these texts may matter. */
function describe(shown: Draft | Unknown, place: Place | null): string[] {
  if (shown.kind !== "sound") {
    const where = place === null ? [] : [`  host  ${place.text}`];
    const made = "  its actions are made by its workflow";
    return [shown.entity.job, made, `  next  ${nextOf(shown)}`, ...where];
  }
  const { entity, template, action } = shown;
  const expiry = limitText(entity.expiryMs);
  const rows = [
    ["name", action.name],
    ["target", action.target],
    ["valid from", formatRfc3339Nano(action.validfrom)],
    ["expires", `${formatRfc3339Nano(action.expireafter)}, after ${expiry}`],
    ["schedule", entity.schedule?.expression ?? "none: it runs only by mig-runner run"],
    ["next", nextOf(shown) ?? "never"],
    ["plugins", pluginsText(entity)],
    ...(place === null ? [] : [["host", place.text]]),
    ...(template.operations ?? []).map((operation, index) => {
      const { module, parameters, want_compressed: isCompressed } = operation;
      const how = isCompressed ? " (compressed when posted)" : "";
      return [`operation ${index + 1}`, `${module} ${encodeJson(parameters)}${how}`];
    }),
    ["signed text", signedText(action)],
    ...warningsOf(shown).map((warning) => ["warning", warning]),
  ];
  const width = Math.max(...rows.map(([label = ""]) => label.length));
  return [entity.job, ...rows.map(([label = "", text]) => `  ${label.padEnd(width)}  ${text}`)];
}

function pluginsText({ plugins, sendOnly }: Entity): string {
  if (sendOnly) return "none: sendonly is set, no result is collected";
  return plugins.length === 0 ? "none: the result is only written" : plugins.join(", ");
}
