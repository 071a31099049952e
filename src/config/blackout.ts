// Blackout: the sections [blackout "NAME"] of runner.cfg: times in which the fire times of jobs are
// held, once or each week.
import { messageOf, nearest, RunnerError } from "../errors.ts";
import { parseWeekly, WEEKLY_HINT, type WeeklySpan } from "../lib/cron/weekly.ts";
import { isZone } from "../lib/cron/zone.ts";
import { instantOf, parseTime } from "../lib/go/time.ts";
import type { Instant } from "../time.ts";
import { BLACKOUT_KEYS } from "./keys.ts";
import { type Resolver, textOf } from "./resolve.ts";
import { isList, type Section } from "./settings.ts";

/** One section, by its name. */
export interface BlackoutConfig {
  readonly name: string;
  /** Patterns of names of jobs. */
  readonly jobs: readonly string[];
  readonly action: "skip" | "delay";
  /** "" where nobody said why. */
  readonly why: string;
  readonly span:
    | { readonly kind: "once"; readonly from: Instant; readonly until: Instant }
    | { readonly kind: "weekly"; readonly week: WeeklySpan };
}

/** What is wrong with a section, and where. */
class Fault extends Error {
  readonly key: keyof typeof BLACKOUT_KEYS | null;
  readonly hint: string;

  constructor(message: string, place: { key: Fault["key"]; hint: string }) {
    super(message);
    this.key = place.key;
    this.hint = place.hint;
  }
}

/** The blackouts of a file; mistakes are noted in the resolver. */
export function blackoutsOf(resolver: Resolver): readonly BlackoutConfig[] {
  const { file, mistakes } = resolver;
  return [...(file.subsections.get("blackout") ?? [])].flatMap(([name, section]) => {
    try {
      return [blackoutOf(name, section, textOf(resolver, ["runner", "timezone"]))];
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { key, hint } = error;
      // A key that is misspelt was told of: it may be the one that seems to be missing.
      const place = `section "blackout", subsection "${name}"`;
      if (key === null && mistakes.some(({ message }) => message.includes(place))) return [];
      const at = section.get(key ?? "") ?? [...section.values()][0];
      const position = at === undefined ? {} : { line: at.line, column: at.column };
      const message = `Cannot use [blackout "${name}"]: ${error.message}`;
      mistakes.push(new RunnerError("CONFIG", message, { path: file.path, ...position, hint }));
      return [];
    }
  });
}

function blackoutOf(name: string, section: Section, timezone: string | null): BlackoutConfig {
  const text = (key: keyof typeof BLACKOUT_KEYS): string | null => {
    const value = section.get(key)?.value;
    return typeof value === "string" && value !== "" ? value : null;
  };
  const jobs = section.get("jobs")?.value ?? [];
  return {
    name,
    jobs: isList(jobs) && jobs.length > 0 ? jobs : ["*"],
    action: actionOf(text("action")),
    why: text("why") ?? "",
    span: spanOf(text, timezone),
  };
}

const ACTIONS = ["skip", "delay"] as const;

function actionOf(text: string | null): BlackoutConfig["action"] {
  const action = ACTIONS.find((word) => word === (text ?? BLACKOUT_KEYS.action.default));
  if (action !== undefined) return action;
  const near = nearest(text ?? "", ACTIONS);
  const hint = near === null ? `One of ${ACTIONS.join(", ")}` : `Did you mean ${near}?`;
  throw new Fault(`there is no action "${text}"`, { key: "action", hint });
}

function spanOf(
  text: (key: keyof typeof BLACKOUT_KEYS) => string | null,
  fallback: string | null,
): BlackoutConfig["span"] {
  const [from, until, weekly] = [text("from"), text("until"), text("weekly")];
  if (weekly !== null) {
    if (from !== null || until !== null) {
      const hint = "Make two sections of it";
      throw new Fault("it has from or until beside weekly", { key: "weekly", hint });
    }
    return { kind: "weekly", week: weekOf(weekly, text("timezone") ?? fallback) };
  }
  if (from === null || until === null) {
    const hint = 'Set from and until, or weekly, such as "sat 22:00 - sun 06:00"';
    throw new Fault("when it holds is not set", { key: null, hint });
  }
  const span = { kind: "once", from: timeOf("from", from), until: timeOf("until", until) } as const;
  if (span.until > span.from) return span;
  throw new Fault("it ends before it begins", { key: "until", hint: "Set until to a later time" });
}

function weekOf(text: string, timezone: string | null): WeeklySpan {
  if (timezone !== null && !isZone(timezone)) {
    const hint = "Use a name such as UTC or Europe/Berlin";
    throw new Fault(`there is no time zone "${timezone}"`, { key: "timezone", hint });
  }
  try {
    return parseWeekly(text, timezone);
  } catch (error) {
    throw new Fault(messageOf(error), { key: "weekly", hint: WEEKLY_HINT });
  }
}

function timeOf(key: "from" | "until", text: string): Instant {
  try {
    return instantOf(parseTime(text));
  } catch {
    const hint = "Write it such as 2026-12-24T00:00:00Z or 2026-12-24T00:00:00+01:00";
    throw new Fault(`"${text}" is no time`, { key, hint });
  }
}
