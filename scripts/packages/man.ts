// Man: manual pages, made from what each command says of itself by --help.
import type { FlagSpec } from "../../src/cli/flags.ts";
import { CONFIG_FLAG, type Verb, type VerbEntry } from "../../src/cli/verb.ts";

/** What a page is about. */
export interface Page {
  /** Of the command; "" is the program itself. */
  readonly name: string;
  readonly summary: string;
  readonly verb: Pick<Verb, "usage" | "flags" | "help">;
  /** All commands. */
  readonly table: readonly Pick<VerbEntry, "name" | "summary">[];
}

/** What all pages have in common. */
export interface Edition {
  readonly version: string;
  /** Such as 2026-01-02. */
  readonly date: string;
}

/** The name of a page, such as mig-runner-check. */
export function pageName(command: string): string {
  return command === "" ? "mig-runner" : `mig-runner-${command}`;
}

/** The page of a command, in roff. */
export function manPage(page: Page, { version, date }: Edition): string {
  const { name, summary, table, verb } = page;
  const program = name === "" ? "mig-runner" : `mig-runner ${name}`;
  const [description = "", examples = ""] = verb.help.split(/\n*^Examples?:\n/m);
  const others = table.filter((entry) => name === "" || entry.name !== name);
  return [
    `.TH "${escaped(pageName(name).toUpperCase())}" 1 "${date}" "mig-runner ${version}"`,
    ".SH NAME",
    `${escaped(pageName(name))} \\- ${line(summary)}`,
    ".SH SYNOPSIS",
    `\\fB${escaped(program)}\\fR ${escaped(verb.usage)}`.trimEnd(),
    ".SH DESCRIPTION",
    ...prose(description),
    ".SH OPTIONS",
    ...[...verb.flags, CONFIG_FLAG].flatMap(option),
    ...(name === "" ? [".SH COMMANDS", ...table.flatMap(command)] : []),
    ...(examples === "" ? [] : [".SH EXAMPLES", ...literal(examples.split("\n"))]),
    ".SH SEE ALSO",
    (name === "" ? others : [{ name: "" }, ...others])
      .map((other) => `\\fB${escaped(pageName(other.name))}\\fR(1)`)
      .join(", "),
    "",
  ].join("\n");
}

function option({ name, value, help }: FlagSpec): string[] {
  const dashes = name.length === 1 ? "-" : "--";
  const shown = value === undefined ? "" : ` \\fI${escaped(value)}\\fR`;
  return [".TP", `\\fB${escaped(dashes + name)}\\fR${shown}`, line(help)];
}

function command({ name, summary }: Pick<VerbEntry, "name" | "summary">): string[] {
  return [".TP", `\\fB${escaped(name)}\\fR`, line(summary)];
}

/** Paragraphs are filled; those that are indented stand as they are. */
function prose(text: string): string[] {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== "")
    .flatMap((paragraph) => {
      const lines = paragraph.split("\n");
      return lines.some((each) => each.startsWith("  "))
        ? literal(lines)
        : [".PP", ...lines.map(line)];
    });
}

function literal(lines: readonly string[]): string[] {
  return [".PP", ".nf", ...lines.map(line), ".fi"];
}

/** A line of text that roff takes for no request. */
function line(text: string): string {
  return escaped(text).replace(/^(?=[.'])/, "\\&");
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}
