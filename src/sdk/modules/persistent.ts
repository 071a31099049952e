// Persistent: the modules that run beside the agent all the time. A query only asks whether one is
// alive; what they watch is set in the agent's own configuration.
import * as v from "valibot";
import type { PlainModule } from "../module.ts";
import { defineModule } from "./module.ts";
import { members } from "./rules.ts";

/** Says that the module is alive. */
export interface AliveElements {
  readonly ok: boolean;
}

function alive(module: string): PlainModule<AliveElements, unknown> {
  const defined = defineModule<Readonly<Record<string, unknown>>, AliveElements, unknown>({
    module,
    parameters: members({}),
    elements: v.looseObject({ ok: v.boolean() }),
    statistics: v.unknown(),
  });
  const build: PlainModule<AliveElements, unknown> = Object.assign(
    (parameters: Readonly<Record<string, never>> = {}, options = {}) =>
      defined(parameters, options),
    { module, read: defined.read },
  );
  return build;
}

/** The fswatch module: alerts when watched files change. @see modules/fswatch of the original */
export const fswatch = alive("fswatch");

/** The audit module: reads the kernel's audit messages. @see modules/audit of the original */
export const audit = alive("audit");

/** The dispatch module: hands alerts on. @see modules/dispatch of the original */
export const dispatch = alive("dispatch");
