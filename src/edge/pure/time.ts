// Time: what a body sees of the time, outside of its steps, is the run's clock, in every form.
import { replace, replaceFunction, replaceGetter, type Undo } from "./replace.ts";
import { currentView } from "./view.ts";

/** What of the time a body sees is the run's clock. */
export function replaceTime(): Undo[] {
  const RealDate = Date;
  const realNow = performance.now;
  const shown = (what: string): number | null => {
    const view = currentView();
    view?.used(what);
    return view?.now() ?? null;
  };
  const dateNow = (): number => shown("Date.now()") ?? RealDate.now();
  const RunDate = new Proxy(RealDate, {
    get: (target, name) => (name === "now" ? dateNow : (Reflect.get(target, name) as unknown)),
    construct(target, given, newTarget) {
      const at = given.length === 0 ? shown("new Date()") : null;
      return Reflect.construct(target, at === null ? given : [at], newTarget) as object;
    },
    apply(target, self, given) {
      const at = shown("Date()");
      return at === null ? Reflect.apply(target, self, given) : String(new target(at));
    },
  });
  return [
    replace(globalThis, "Date", RunDate),
    replace(RealDate.prototype, "constructor", RunDate),
    replace(performance, "now", () => shown("performance.now()") ?? realNow.call(performance)),
    ...["mark", "measure", "toJSON", "timerify", "eventLoopUtilization"].map((name) => {
      return replaceFunction(performance, name, { what: `performance.${name}` });
    }),
    replaceGetter(performance, "timeOrigin", { what: "performance.timeOrigin" }),
    replace(globalThis, "File", runFile(shown)),
    ...replaceIntl(shown),
    ...replaceTemporal(shown),
  ];
}

/** A file is of now, unless it is told otherwise. */
function runFile(shown: (what: string) => number | null): unknown {
  return new Proxy(File, {
    construct(target, [parts, name, options, ...more], newTarget) {
      const given = options as { readonly lastModified?: number } | undefined;
      const at = given?.lastModified === undefined ? shown("new File()") : null;
      const dated = at === null ? options : { ...given, lastModified: at };
      return Reflect.construct(target, [parts, name, dated, ...more], newTarget) as object;
    },
  });
}

type Formatter = (at?: unknown, ...more: unknown[]) => unknown;

/** Without a time, these show the present one. */
function replaceIntl(shown: (what: string) => number | null): Undo[] {
  const { prototype } = Intl.DateTimeFormat;
  const before = Object.getOwnPropertyDescriptor(prototype, "format");
  const parts = prototype.formatToParts as Formatter;
  const what = "new Intl.DateTimeFormat()";
  const orNow = (at: unknown): unknown => (at === undefined ? (shown(what) ?? undefined) : at);
  if (before?.get === undefined) return [];
  const { get } = before;
  Object.defineProperty(prototype, "format", {
    ...before,
    get(this: Intl.DateTimeFormat) {
      const format = get.call(this) as Formatter;
      return (at?: unknown) => format(orNow(at));
    },
  });
  return [
    () => Object.defineProperty(prototype, "format", before),
    replace(prototype, "formatToParts", function formatToParts(this: unknown, at?: unknown) {
      return parts.call(this, orNow(at));
    }),
  ];
}

interface TemporalNow {
  readonly Now: Record<string, (...given: unknown[]) => unknown> & { timeZoneId(): string };
  readonly Instant: { fromEpochMilliseconds(at: number): ZonedMaker };
}

interface ZonedMaker {
  toZonedDateTimeISO(zone: unknown): Record<string, () => unknown>;
}

/** Each kind of time that `Temporal.Now` gives, as a member of a ZonedDateTime. */
const KINDS = {
  zonedDateTimeISO: null,
  plainDateTimeISO: "toPlainDateTime",
  plainDateISO: "toPlainDate",
  plainTimeISO: "toPlainTime",
} as const;

function replaceTemporal(shown: (what: string) => number | null): Undo[] {
  const temporal = (globalThis as unknown as { Temporal?: TemporalNow }).Temporal;
  if (temporal === undefined) return [];
  const { Instant, Now } = temporal;
  const kinds = Object.entries({ instant: null, ...KINDS });
  return kinds.map(([name, member]) => {
    const real = Now[name]?.bind(Now);
    return replace(Now, name, (zone: unknown) => {
      const at = shown(`Temporal.Now.${name}()`);
      if (at === null) return real?.(zone);
      const instant = Instant.fromEpochMilliseconds(at);
      if (name === "instant") return instant;
      const zoned = instant.toZonedDateTimeISO(zone ?? Now.timeZoneId());
      return member === null ? zoned : zoned[member]?.();
    });
  });
}
