// Entity: what the plain keys of a job say when its files do not: written down here by hand, and
// held against the table of keys by test/jobs/keys.test.ts.
import type { Entity } from "../../src/jobs/entity.ts";

export const ENTITY_DEFAULTS = {
  expiryMs: 300_000,
  sendOnly: false,
  early: false,
  lateMs: 0,
  spreadMs: 0,
  onMissed: "skip",
  overlap: "allow",
  deadlineMs: null,
  maxAgents: null,
  growth: null,
  approve: null,
  canary: null,
  canaryWaitMs: null,
  canaryFailures: 0,
  signing: "live",
  minSigners: 1,
  expectMs: null,
  expectAgents: null,
  postAheadMs: 0,
  retries: 2,
  pluginTimeoutMs: null,
} as const satisfies Partial<Entity>;
