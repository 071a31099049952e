// Module: what the builders of operations have in common, as authors of jobs see them.
//
// Types only; modules/module.ts makes them.
import type { ModuleResult, Operation } from "./action.ts";

/** How an operation travels. */
export interface OperationOptions {
  /** Compress the parameters: worth it for long lists. @default false */
  readonly compress?: boolean | undefined;
}

/** Reads what one module gave. */
export interface ModuleReader<Elements, Statistics> {
  /** The name by which agents know the module. */
  readonly module: string;
  /**
   * A result with the types of this module. Never throws: no result is an empty one, and one of
   * another form has `success` false, `elements` null and the reason as its last error.
   *
   * @param result Such as `command.results[0]`.
   */
  read(result: ModuleResult | null | undefined): ModuleResult<Elements, Statistics>;
}

/** Makes operations of one module, and reads what they gave. */
export interface Module<Parameters, Elements, Statistics>
  extends ModuleReader<Elements, Statistics> {
  /**
   * An operation for an action.
   *
   * @throws {RunnerError} ACTION, naming the parameter, when the agent would refuse it or could
   *   never do anything with it. {RunnerErrors} when there are several such parameters.
   */
  (parameters: Parameters, options?: OperationOptions): Operation;
}

/** Makes operations of a module that searches by labels, and reads what they gave. */
export interface SearchModule<Parameters, Elements, Statistics, Match>
  extends Module<Parameters, Elements, Statistics> {
  /**
   * What the searches found, all labels in one list: without the entries by which agents say that
   * a search found nothing. Empty for a result that failed or has another form.
   *
   * @param result Such as `command.results[0]`.
   */
  hits(result: ModuleResult | null | undefined): readonly Match[];
}

/** Makes operations of a module that takes no parameters, and reads what they gave. */
export interface PlainModule<Elements, Statistics> extends ModuleReader<Elements, Statistics> {
  /** An operation for an action. */
  (parameters?: Readonly<Record<string, never>>, options?: OperationOptions): Operation;
}
