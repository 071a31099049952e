// Audit: what people have decided, the newest first.
import type { AuditRow } from "../../journal/audit.ts";
import { moment, pager, table, withQuery } from "../layout.ts";
import { markup } from "../markup.ts";
import { type Page, pageOf, ROWS } from "./page.ts";

interface Data {
  readonly rows: readonly AuditRow[];
  readonly next: number | null;
}

/** The audit log. Whether it is whole, `mig-runner audit verify` says. */
export function auditPage(): Page {
  return pageOf<Data>({
    path: "/audit",
    async load({ reading }, asked) {
      const page = await reading?.audit({ before: asked.number("before"), limit: ROWS });
      return { rows: page?.rows ?? [], next: page?.next ?? null };
    },
    draw: ({ rows, next }, { now }) => ({
      title: "Audit log",
      place: "/audit",
      body: markup`<p class="soft">mig-runner audit verify tells whether a row was changed or taken away.</p>
${table(
  [
    { name: "Row", kind: "number" } as const,
    { name: "When", kind: "time" } as const,
    "Who",
    "What",
    { name: "Exactly", kind: "text" } as const,
  ],
  rows.map(({ id, at, actor, deed, subject, detail }) => [
    id,
    moment(at, now),
    actor,
    `${deed} ${subject}`,
    detail,
  ]),
  "Nobody has decided anything here yet.",
)}
${pager(null, next === null ? null : withQuery("/audit", { before: next }))}`,
    }),
  });
}
