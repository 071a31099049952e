// Index: all that `import … from "mig-runner"` gives to the authors of jobs and plugins.
//
// The one file of the project that only re-exports: package.json names it as the entry.
// biome-ignore-all lint/performance/noBarrelFile: it is the public entry, nothing in src/ imports it
export type {
  ActionDescription,
  Agent,
  AgentEnvironment,
  Command,
  CommandStatus,
  ModuleResult,
  Operation,
  PostedAction,
  Result,
  Threat,
} from "./action.ts";
export type { Duration, JobAction, JobDefinition, JobSchedule } from "./definition.ts";
export { Fatal, Retry } from "./failure.ts";
export { type JobBody, type JobModule, job } from "./job.ts";
export type { FileElements, FileParameters } from "./modules/file.ts";
export type { MemoryElements, MemoryParameters } from "./modules/memory.ts";
export type { NetstatElements, NetstatParameters } from "./modules/netstat.ts";
export type { PkgElements, PkgParameters } from "./modules/pkg.ts";
export type { ScribeElements, ScribeParameters } from "./modules/scribe.ts";
export type { ScribeDocument } from "./modules/scribe-types.ts";
export { modules } from "./modules.ts";
export {
  type Deliver,
  type PluginContext,
  type PluginModule,
  plugin,
} from "./plugin.ts";
export type {
  AgentSummary,
  CollectAction,
  CollectedResult,
  Completeness,
  Dispatched,
  LogLevel,
  RetryOptions,
  Run,
  StepContext,
  StepOptions,
} from "./run.ts";
export type { Schema, SchemaOutput } from "./standard.ts";
export {
  agentsTarget,
  likePattern,
  quoteText,
  type SqlValue,
  sql,
} from "./target.ts";
