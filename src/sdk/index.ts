// Index: all that `import … from "mig-runner"` gives to the authors of jobs and plugins.
//
// The one file of the project that only re-exports: package.json names it as the entry.
// biome-ignore-all lint/performance/noBarrelFile: it is the public entry, not for use in src/

export { retryAfter } from "../lib/http/retry-after.ts";
export {
  agentsTarget,
  likePattern,
  quoteText,
  type SqlValue,
  sql,
} from "../mig/target.ts";
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
export type { Duration, JobAction, JobDefinition, JobSchedule, PluginName } from "./definition.ts";
export { isDuration } from "./duration.ts";
export { Fatal, FatalError, Retry, RetryError } from "./failure.ts";
export type { FetchOptions, StepFetch, StepFetchOptions } from "./fetch.ts";
export { ensureOk } from "./http.ts";
export { type JobBody, type JobModule, type JobWithParams, job } from "./job.ts";
export type { IfJson } from "./json.ts";
export type { Module, OperationOptions, PlainModule, SearchModule } from "./module.ts";
export type { AgentdestroyParameters } from "./modules/agentdestroy.ts";
export type { ExampleElements, ExampleParameters } from "./modules/example.ts";
export type {
  ExamplepersistElements,
  ExamplepersistParameters,
} from "./modules/examplepersist.ts";
export type {
  FileCheck,
  FileElements,
  FileMatch,
  FileOptions,
  FileParameters,
  FileSearch,
  FileStatistics,
} from "./modules/file.ts";
export type {
  MemoryElements,
  MemoryMatch,
  MemoryOptions,
  MemoryParameters,
  MemorySearch,
  MemoryStatistics,
} from "./modules/memory.ts";
export type {
  NetstatElements,
  NetstatMatch,
  NetstatMatches,
  NetstatParameters,
  NetstatStatistics,
} from "./modules/netstat.ts";
export type { AliveElements } from "./modules/persistent.ts";
export type { PingElements, PingParameters } from "./modules/ping.ts";
export type { PkgElements, PkgPackage, PkgParameters, PkgStatistics } from "./modules/pkg.ts";
export type {
  ScribeElements,
  ScribeFinding,
  ScribeParameters,
  ScribeStatistics,
  ScribeTestResult,
} from "./modules/scribe.ts";
export type {
  ScribeDocument,
  ScribeObject,
  ScribeTag,
  ScribeTest,
} from "./modules/scribe-types.ts";
export type { SshkeyElements, SshkeyKey, SshkeyParameters } from "./modules/sshkey.ts";
export type {
  TimedriftElements,
  TimedriftParameters,
  TimedriftServer,
  TimedriftStatistics,
} from "./modules/timedrift.ts";
export type { YaraElements, YaraMatch, YaraParameters } from "./modules/yara.ts";
export { modules } from "./modules.ts";
export {
  type AlarmContext,
  type AlarmEvent,
  type AlarmName,
  type Deliver,
  type PluginContext,
  type PluginModule,
  plugin,
  type Tell,
} from "./plugin.ts";
export type {
  AgentSummary,
  CollectAction,
  CollectedResult,
  Completeness,
  Dispatched,
  LogLevel,
  MapOptions,
  NoParams,
  RetryOptions,
  Run,
  RunState,
  StepContext,
  StepOptions,
  StepWork,
} from "./run.ts";
export type { Schema, SchemaOutput } from "./standard.ts";
export { type Approval, type AskOptions, TimeoutError, type WaitOptions } from "./wait.ts";
