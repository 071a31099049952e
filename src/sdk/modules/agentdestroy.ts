// Agentdestroy: the module that kills another agent on the host and deletes its program.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { filled, members, text, whole } from "./rules.ts";

/** Which agent to destroy: both must be right. */
export interface AgentdestroyParameters {
  /** Of its process, 2 to 65535. Agents refuse their own. */
  readonly pid: number;
  /** That its program must have, such as "20170913-0.a1b2c3d.prod". */
  readonly version: string;
}

/** The agentdestroy module. @see modules/agentdestroy/agentdestroy.go `ValidateParameters` */
export const agentdestroy = defineModule<AgentdestroyParameters, string, unknown>({
  module: "agentdestroy",
  parameters: members({ pid: whole(2, 65_535), version: text(filled) }),
  elements: v.string(),
  statistics: v.unknown(),
});
