// Exposition: a strict reader of the text that Prometheus reads, written from its specification.

/** One metric as it was read. */
export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  /** Values by their labels, as sorted JSON. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Families by name. Throws for what Prometheus or promtool would not take, and for what is odd. */
export function readExposition(text: string): ReadonlyMap<string, ReadFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, ReadFamily & { samples: Map<string, number> }>();
  let help: { name: string; text: string } | null = null;
  let current: { name: string; samples: Map<string, number> } | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") {
      if (families.has(name)) throw new Error(`told twice: ${line}`);
      help = { name, text: unescaped(rest, false) };
    } else if (kind === "TYPE") {
      if (help?.name !== name || !NAME.test(name)) throw new Error(`no help before: ${line}`);
      if (!["counter", "gauge"].includes(rest)) throw new Error(`no such type: ${line}`);
      if ((rest === "counter") !== name.endsWith("_total")) throw new Error(`misnamed: ${line}`);
      current = { name, samples: new Map() };
      families.set(name, { type: rest, help: help.text, samples: current.samples });
    } else {
      const { name: sampled, labels, value } = readSample(line);
      if (current?.name !== sampled) throw new Error(`not with its family: ${line}`);
      const key = JSON.stringify(labels.toSorted());
      if (current.samples.has(key)) throw new Error(`sampled twice: ${line}`);
      current.samples.set(key, value);
    }
  }
  for (const [name, { samples }] of families) {
    if (samples.size === 0) throw new Error(`no sample: ${name}`);
  }
  return families;
}

function readSample(line: string) {
  const [, name = "", inner = "", number = ""] =
    /^([^{\s]+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(line) ?? [];
  if (!NAME.test(name)) throw new Error(`no sample: ${line}`);
  const labels: [string, string][] = [];
  let rest = inner;
  while (rest !== "") {
    const found = /^(\w+)="((?:[^"\\]|\\[\\n"])*)"(,(?=.)|$)/.exec(rest);
    if (found === null || !LABEL.test(found[1] ?? "")) throw new Error(`bad labels: ${line}`);
    labels.push([found[1] ?? "", unescaped(found[2] ?? "", true)]);
    rest = rest.slice(found[0].length);
  }
  if (new Set(labels.map(([label]) => label)).size < labels.length) throw new Error(line);
  return { name, labels, value: Number(number) };
}

function unescaped(text: string, quotes: boolean): string {
  return text.replaceAll(/\\(.|$)/g, (whole, next: string) => {
    if (next === "n") return "\n";
    if (next === "\\" || (quotes && next === '"')) return next;
    throw new Error(`no such escape: ${whole}`);
  });
}
