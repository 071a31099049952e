// Catalog: the jobs of a spool, each loaded by what defines it: a table, or a program (job.ts).
import type { RunnerConfig } from "../config/runner.ts";
import type { Loader } from "../edge/loader.ts";
import { loadTemplate } from "../flow/template.ts";
import { Catalog } from "../jobs/catalog.ts";
import type { Entity } from "../jobs/entity.ts";
import { TEMPLATE_NAME } from "../jobs/keys.ts";
import {
  DEFINITION_FILES,
  definitionFile,
  isModuleFile,
  JOB_FILE_SIZE_MAX,
  loadEntity,
} from "../jobs/load.ts";
import type { JobDirectory, Spool } from "../ports.ts";

/** The jobs of a spool. */
export interface SpoolCatalog {
  readonly catalog: Catalog;
  /** Ends the worker in which modules were loaded, if one was. */
  close(): Promise<void>;
}

/** What loads programs; not even its code is loaded before there is one. */
interface Modules {
  readonly loader: Loader;
  stampOf(path: string): string | null;
  readonly moduleEntity: typeof import("../jobs/module.ts").moduleEntity;
}

/** The jobs of a spool. Loads nothing before the first refresh. */
export function openCatalog(config: RunnerConfig, spool: Spool): SpoolCatalog {
  let opened: Modules | null = null;
  const modules = async (): Promise<Modules> => {
    const [{ openLoader }, { fileStamp }, { moduleEntity }] = await Promise.all([
      import("../edge/loader.ts"),
      import("../edge/modules/graph.ts"),
      import("../jobs/module.ts"),
    ]);
    opened ??= {
      loader: openLoader({ below: config.directory }),
      stampOf: fileStamp,
      moduleEntity,
    };
    return opened;
  };
  const catalog = new Catalog(
    async (directory, dependsOn) => {
      const source = { config, spool, directory };
      const names = directory.files.map(({ name }) => name);
      const name = definitionFile(directory, names);
      const entity = isModuleFile(name)
        ? await loadModule(await modules(), { ...source, name, dependsOn })
        : await loadTable(source);
      if (hasTemplateFile(entity, names)) await loadTemplate({ spool }, entity);
      return entity;
    },
    { stampOf: (path) => opened?.stampOf(path) ?? null },
  );
  return { catalog, close: async () => await opened?.loader.close() };
}

interface Source {
  readonly config: RunnerConfig;
  readonly spool: Spool;
  readonly directory: JobDirectory;
}

async function loadTable({ config, spool, directory }: Source): Promise<Entity> {
  const { job, path } = directory;
  const contents = new Map<string, Uint8Array>();
  for (const { name } of directory.files) {
    if (!(DEFINITION_FILES as readonly string[]).includes(name)) continue;
    contents.set(name, await spool.read(job, name, JOB_FILE_SIZE_MAX));
  }
  return loadEntity({ job, path, files: contents, defaults: { timezone: config.timezone } });
}

async function loadModule(
  { loader, moduleEntity }: Modules,
  {
    config,
    directory,
    name,
    dependsOn,
  }: Source & {
    readonly name: string;
    readonly dependsOn: (path: string, stamp: string | null) => void;
  },
): Promise<Entity> {
  const path = `${directory.path}/${name}`;
  const { job } = directory;
  const { outline, text } = await loader.load({ job, path, dependsOn });
  return moduleEntity(outline, { job, path, text, defaults: { timezone: config.timezone } });
}

/** Whether the action is in a file; a workflow may do without one. */
function hasTemplateFile({ workflow, template }: Entity, names: readonly string[]): boolean {
  if (template.kind === "inline") return false;
  return !workflow || template.name !== TEMPLATE_NAME || names.includes(template.name);
}
