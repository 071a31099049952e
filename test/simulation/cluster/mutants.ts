// Mutants: patches that break one invariant of a cluster each, to show that the simulator sees it.
import type { Mutant } from "../mutants.ts";

export const CLUSTER_MUTANTS: readonly Mutant[] = [
  {
    name: "a write in doubt is taken for written",
    invariant: "I1",
    seed: 12,
    edits: [
      {
        file: "journal/postgres/journal.ts",
        find: "          onDoubt?.(written.error);\n          throw written.error;",
        replace: "          for (const each of settle) each();\n          return;",
      },
    ],
  },
  {
    name: "nobody looks at the lease before a POST",
    invariant: "I12",
    seed: 21,
    edits: [
      {
        file: "flow/post.ts",
        find: "edges.api.create(row.body, options.signal, edges.mayAct)",
        replace: "edges.api.create(row.body, options.signal)",
      },
    ],
  },
  {
    name: "nobody looks at the lease before a delivery",
    invariant: "I12",
    seed: 108,
    edits: [
      {
        file: "flow/deliver.ts",
        find: "edges.mayAct?.() === false",
        replace: "edges.mayAct === null",
      },
    ],
  },
  {
    name: "a result is known by its name alone",
    invariant: "I6",
    seed: 3545,
    edits: [
      {
        file: "flow/deliver.ts",
        find: "results.has(place, sha256)",
        replace: "results.has(place, null)",
      },
    ],
  },
  {
    name: "the clock of the wall is not looked at",
    invariant: "I12",
    seed: 3,
    edits: [
      {
        file: "journal/postgres/membership.ts",
        find: "return now.elapsed >= until.elapsed || now.wall >= until.wall;",
        replace: "return now.elapsed >= until.elapsed;",
      },
    ],
  },
  {
    name: "the monotonic clock is not looked at",
    invariant: "I12",
    seed: 13,
    edits: [
      {
        file: "journal/postgres/membership.ts",
        find: "return now.elapsed >= until.elapsed || now.wall >= until.wall;",
        replace: "return now.wall >= until.wall;",
      },
    ],
  },
  {
    name: "what others have written is not fetched",
    invariant: "I4",
    seed: 24,
    edits: [
      {
        file: "journal/postgres/shards.ts",
        find: "if (before === undefined || before >= version) return;",
        replace: "if (before === undefined || before >= 0) return;",
      },
    ],
  },
  {
    name: "what another host may have sent is not searched for",
    invariant: "I3",
    seed: 17,
    edits: [
      {
        file: "flow/post.ts",
        find: "const isLookedFor = row.maybeSent && !options.fresh;",
        replace:
          "const isLookedFor = row.maybeSent && !options.fresh && edges.lease === undefined;",
      },
    ],
  },
  {
    name: "attempts are counted again where a result was collected again",
    invariant: "I6",
    seed: 2,
    edits: [
      {
        file: "flow/deliver.ts",
        find: "transaction.saveDelivery({ ...row, nextAt: now, progress: null, updatedAt: now });",
        replace:
          "transaction.saveDelivery({ ...row, attempts: 0, nextAt: now, progress: null, updatedAt: now });",
      },
    ],
  },
  {
    name: "a shard is kept that others would need",
    invariant: "I4",
    seed: 1,
    edits: [
      {
        file: "journal/lease.ts",
        find: "give: Math.max(0, mine - wanted),",
        replace: "give: 0,",
      },
    ],
  },
  {
    name: "work is begun again and again whose lease is over",
    invariant: "I7",
    seed: 80,
    edits: [
      {
        file: "journal/postgres/membership.ts",
        find: "    if (this.#isOver(held)) this.#endOver();",
        replace: "",
      },
    ],
  },
  {
    name: "a write carries no epoch: that of a former owner passes",
    invariant: "I12",
    seed: 8,
    edits: [
      {
        file: "journal/postgres/journal.ts",
        find: "      fences.push({ s: shard, e: epoch });\n",
        replace: "",
      },
    ],
  },
  {
    name: "a shard is given back while something of it is in hand",
    invariant: "I12",
    seed: 2,
    edits: [
      {
        file: "journal/postgres/membership.ts",
        find: "      return !this.#user.isAtWork(isOf);",
        replace: "      return isOf !== undefined;",
      },
    ],
  },
  {
    name: "rows stay where a shard was given away",
    invariant: "I7",
    seed: 9,
    edits: [
      {
        file: "journal/postgres/shards.ts",
        find: "    this.#options.rows.drop(gone);\n",
        replace: "",
      },
    ],
  },
  {
    name: "whoever tells of the API goes by its own requests alone",
    invariant: "I6",
    seed: 500111,
    edits: [
      {
        file: "runner.ts",
        find: "new ApiHealth(edges.journal, edges.lease !== undefined)",
        replace: "new ApiHealth(edges.journal)",
      },
    ],
  },
  {
    name: "an attempt to tell is not counted",
    invariant: "I6",
    seed: 36,
    edits: [
      {
        file: "journal/alarms.ts",
        find: "return { ...row, attempts: row.attempts + 1, nextAt: now + event.waitMs, updatedAt: now };",
        replace: "return { ...row, attempts: 1, nextAt: now + event.waitMs, updatedAt: now };",
      },
    ],
  },
  {
    name: "a pause that another host has made is not loaded",
    invariant: "I2",
    seed: 2,
    edits: [
      {
        file: "journal/postgres/rows.ts",
        find: "        if (data === null) continue;\n",
        replace: '        if (data === null || tbl === "pause") continue;\n',
      },
    ],
  },
];
