// Convert: the verb that rewrites a job between entity.cfg, entity.toml and job.ts.
import { posix } from "node:path";
import { replaceDefinition } from "../edge/spool/replace.ts";
import { nearest, RunnerError, RunnerErrors } from "../errors.ts";
import { loadTemplate } from "../flow/template.ts";
import {
  encodeDefinition,
  formFile,
  JOB_FORMS,
  type JobForm,
  type Outline,
  obstacles,
} from "../jobs/convert.ts";
import { type RawDefinition, TEMPLATE_NAME } from "../jobs/keys.ts";
import {
  DEFINITION_FILES,
  definitionFile,
  isModuleFile,
  JOB_FILE_SIZE_MAX,
  loadDefinition,
  loadEntity,
} from "../jobs/load.ts";
import { encodeAction, parseTemplate } from "../mig/action.ts";
import type { JobDirectory } from "../ports.ts";
import { UsageError } from "./flags.ts";
import { unknownJob } from "./jobs.ts";
import { openSpoolView, type SpoolView } from "./open.ts";
import type { Verb } from "./verb.ts";

export const convert: Verb = {
  usage: "JOB --to cfg|toml|ts [--inline] [--write]",
  flags: [
    { name: "to", kind: "text", value: "FORM", help: "cfg, toml or ts" },
    { name: "inline", kind: "switch", help: "With --to ts: the action inside of job.ts" },
    { name: "write", kind: "switch", help: "Replace the definition; the old one is kept as .bak" },
  ],
  help:
    "Prints the definition of a job in another form: entity.cfg, entity.toml or job.ts. It loads to\n" +
    "the same job. Comments are not carried over. What a form cannot say, such as the function of\n" +
    "a workflow, is refused.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg convert sshd-config --to ts\n" +
    "  mig-runner -c runner.cfg convert sshd-config --to toml --write",
  async run({ flags, positionals, terminal, ...call }) {
    const [job, ...others] = positionals;
    if (job === undefined || others.length > 0) throw new UsageError("convert takes one JOB");
    const form = formOf(flags.text("to"));
    const inline = flags.has("inline");
    if (inline && form !== "ts") throw new UsageError("flag -inline goes with --to ts");
    const view = await openSpoolView({ flags, positionals, terminal, ...call });
    const source = await readJob(view, job);
    const outline = inline ? await withAction(view, source) : source.outline;
    const reasons = obstacles(outline, form);
    if (reasons.length > 0) throw refusal(source, { form, reasons });
    const { text, template } = encodeDefinition(outline.definition, form);
    if (form !== "ts" && !isModuleFile(source.name)) requireSame(view, source, { form, text });
    if (source.hasComments) terminal.error(["Comments are not carried over"]);
    if (!flags.has("write")) {
      if (template !== null) terminal.error([`Its action goes into ${TEMPLATE_NAME}`]);
      terminal.file(text);
      return 0;
    }
    const aside = await replaceDefinition({
      folder: source.directory.path,
      from: source.name,
      to: formFile(form),
      text,
      others: new Map(template === null ? [] : [[TEMPLATE_NAME, template]]),
    });
    const path = posix.join(source.directory.path, formFile(form));
    terminal.out([`${path}: written`, `${aside}: the old definition`]);
    return 0;
  },
};

function formOf(text: string | null): JobForm {
  const form = JOB_FORMS.find((candidate) => candidate === text);
  if (form !== undefined) return form;
  const meant = text === null ? null : nearest(text, JOB_FORMS);
  const hint = meant === null ? "" : `, did you mean ${meant}?`;
  throw new UsageError(`convert needs --to ${JOB_FORMS.join("|")}${hint}`);
}

/** A job as it is. */
interface Source {
  readonly directory: JobDirectory;
  /** The name of the file that defines it. */
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly outline: Outline;
  readonly hasComments: boolean;
}

async function readJob({ spool, config }: SpoolView, job: string): Promise<Source> {
  const directories = await spool.scan();
  const directory = directories.find((candidate) => candidate.job === job);
  if (directory === undefined) {
    const jobs = directories.map((candidate) => candidate.job);
    throw unknownJob({ verb: "convert", job }, { jobs, path: config.runnersDirectory });
  }
  const { path } = directory;
  const files = new Map<string, Uint8Array>();
  for (const { name } of directory.files) {
    if (!(DEFINITION_FILES as readonly string[]).includes(name)) continue;
    files.set(name, await spool.read(job, name, JOB_FILE_SIZE_MAX));
  }
  const name = definitionFile({ job, path }, files.keys());
  const text = new TextDecoder().decode(files.get(name));
  const isModule = isModuleFile(name);
  const outline = isModule
    ? await outlineOf({ job, path: posix.join(path, name), below: config.directory })
    : { definition: loadDefinition({ job, path, files, defaults: NO_ZONE }), workflow: false };
  const hasComments = (isModule ? /^\s*(\/\/|\/\*)/m : /^\s*[;#]/m).test(text);
  return { directory, name, files, outline, hasComments };
}

/** The zone of the configuration is not the job's own: it is not written into the job. */
const NO_ZONE = { timezone: null };

/** What a job.ts says. @throws {RunnerErrors} With all its mistakes. */
async function outlineOf({
  job,
  path,
  below,
}: Record<"job" | "path" | "below", string>): Promise<Outline> {
  const { openLoader } = await import("../edge/loader.ts");
  const { moduleEntity } = await import("../jobs/module.ts");
  const loader = openLoader({ below });
  try {
    const { outline, text } = await loader.load({ job, path, dependsOn() {} });
    moduleEntity(outline, { job, path, text, defaults: NO_ZONE });
    return { definition: outline.definition as RawDefinition, workflow: outline.workflow };
  } finally {
    await loader.close();
  }
}

/** The outline with the action in it instead of in its file. */
async function withAction(view: SpoolView, source: Source): Promise<Outline> {
  const { directory, outline } = source;
  const { definition } = outline;
  if (typeof definition.action === "object") return outline;
  const name = (definition.action ?? TEMPLATE_NAME).replace(/^\.\//, "");
  const { job, path } = directory;
  const template = { kind: "file", name } as const;
  // Read as the runner reads it first, for its message when it is no action.
  const entity = { job, path: posix.join(path, source.name), template };
  const before = encodeAction(await loadTemplate(view, entity));
  const bytes = await view.spool.read(job, name, JOB_FILE_SIZE_MAX);
  const action = JSON.parse(new TextDecoder().decode(bytes)) as object;
  const after = encodeAction(parseTemplate(new TextEncoder().encode(JSON.stringify(action))));
  if (before === after) return { ...outline, definition: { ...definition, action } };
  throw new RunnerError("ACTION", `Cannot write ${name} into job.ts: it would change the action`, {
    job,
    path: posix.join(path, name),
    hint: "leave --inline out: its numbers are larger than JavaScript's, or its members are given twice",
  });
}

function refusal(
  { directory, name }: Source,
  { form, reasons }: { readonly form: JobForm; readonly reasons: readonly string[] },
): RunnerErrors {
  const { job } = directory;
  const path = posix.join(directory.path, name);
  return new RunnerErrors(
    reasons.map(
      (reason) =>
        new RunnerError("ENTITY", `Cannot convert job "${job}" to ${form}: ${reason}`, {
          job,
          path,
        }),
    ),
  );
}

/** Holds what was written against what was read: an entity that differs is a bug of ours. */
function requireSame(
  { config }: SpoolView,
  { directory, files }: Source,
  { form, text }: { readonly form: JobForm; readonly text: string },
): void {
  const { job, path } = directory;
  const defaults = { timezone: config.timezone };
  const written = new Map([[formFile(form), new TextEncoder().encode(text)]]);
  const [before, after] = [files, written].map((each) => {
    const entity = loadEntity({ job, path, files: each, defaults });
    return JSON.stringify({ ...entity, path: "", warnings: [] });
  });
  if (before !== after) throw new Error(`convert changed job "${job}": ${before} ${after}`);
}
