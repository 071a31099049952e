// Exposition: metrics as Prometheus reads them, in its text format.
//
// @see https://prometheus.io/docs/instrumenting/exposition_formats/

/** One metric of one name, with its samples. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** What it tells, for people. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One number, under its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The text of all families that have a sample. Of one (name, labels) there must be one. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, type, help, samples }) => {
      const lines = samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}\n`);
      return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function labelsText(labels: Sample["labels"]): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
