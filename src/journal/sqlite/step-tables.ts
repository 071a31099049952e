// Step tables: the journal's reads and writes for workflow runs: sources, bodies, steps.

import type { Instant } from "../../time.ts";
import type { BodyRow, NewBody, NewStep, StepFrontier, StepRow } from "../steps.ts";
import { bodyOf, stepOf } from "./rows.ts";
import { UnreadableRows } from "./unreadable-rows.ts";

/** The reads and writes of workflow bodies, steps and sources. */
export class StepTables extends UnreadableRows {
  body(runId: number): BodyRow | null {
    return this.one("SELECT * FROM readable_body WHERE run_id = ?", bodyOf, runId);
  }

  dueBodies(now: Instant, limit: number, without: readonly string[]): BodyRow[] {
    return this.all(
      "SELECT body.* FROM readable_body AS body JOIN readable_run AS run ON run.id = body.run_id " +
        "WHERE body.next_at <= ? AND run.state = 'open' " +
        "AND run.job NOT IN (SELECT value FROM json_each(?)) " +
        "ORDER BY body.next_at, run_id LIMIT ?",
      bodyOf,
      now,
      JSON.stringify(without),
      limit,
    );
  }

  source(hash: string): string | null {
    return this.one("SELECT text FROM source WHERE hash = ?", (raw) => raw.text as string, hash);
  }

  step(id: number): StepRow | null {
    return this.one("SELECT * FROM readable_step WHERE id = ?", stepOf, id);
  }

  stepNamed(runId: number, name: string): StepRow | null {
    return this.one(
      "SELECT * FROM readable_step WHERE run_id = ? AND name = ?",
      stepOf,
      runId,
      name,
    );
  }

  stepsOf(runId: number): StepRow[] {
    return this.all("SELECT * FROM readable_step WHERE run_id = ? ORDER BY id", stepOf, runId);
  }

  stepAt(runId: number, sequence: number): StepRow | null {
    return this.one(
      "SELECT * FROM readable_step WHERE run_id = ? AND sequence = ?",
      stepOf,
      runId,
      sequence,
    );
  }

  dueSteps(now: Instant, limit: number): StepRow[] {
    return this.all(
      "SELECT step.* FROM readable_step AS step JOIN readable_run AS run ON run.id = step.run_id " +
        "WHERE step.next_at <= ? AND run.state = 'open' ORDER BY step.next_at, step.id LIMIT ?",
      stepOf,
      now,
      limit,
    );
  }

  protected bodiesAhead(now: Instant): BodyRow[] {
    const sql = "SELECT * FROM readable_body WHERE next_at IS NOT NULL AND set_at > ?";
    return this.all(sql, bodyOf, now);
  }

  protected stepsAhead(now: Instant): StepRow[] {
    const sql = "SELECT * FROM readable_step WHERE next_at IS NOT NULL AND set_at > ?";
    return this.all(sql, stepOf, now);
  }

  frontier(runId: number): StepFrontier {
    const last = this.one(
      "SELECT * FROM readable_step WHERE run_id = ? AND sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1",
      stepOf,
      runId,
    );
    return { sequence: last?.sequence ?? 0, endedAt: last?.endedAt ?? 0 };
  }

  insertSource(hash: string, text: string): void {
    this.change(
      "INSERT INTO source (hash, text) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
      hash,
      text,
    );
  }

  insertBody(body: NewBody): void {
    this.change(
      "INSERT INTO body (run_id, template, expiry_ms, agents_max, plugins, seed, begun_at, " +
        "next_at, set_at, starts, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
      body.runId,
      body.template,
      body.expiryMs,
      body.agentsMax,
      JSON.stringify(body.plugins),
      body.seed,
      body.begunAt,
      body.nextAt,
      body.begunAt,
      body.version ?? 1,
    );
  }

  saveBody(row: BodyRow): void {
    this.change(
      "UPDATE body SET next_at = ?, set_at = ?, starts = ? WHERE run_id = ?",
      row.nextAt,
      row.setAt,
      row.starts,
      row.runId,
    );
  }

  insertStep(step: NewStep): StepRow | null {
    return this.one(
      "INSERT INTO step (id, run_id, name, kind, digest, state, attempts, next_at, set_at, asked, begun_at) " +
        `VALUES (${this.nextId("step")}, ?, ?, ?, ?, 'begun', 0, ?, ?, ?, ?) ` +
        "ON CONFLICT (run_id, name) DO NOTHING RETURNING *",
      stepOf,
      step.runId,
      step.name,
      step.kind,
      step.digest,
      step.nextAt,
      step.setAt ?? 0,
      step.asked ?? null,
      step.begunAt ?? null,
    );
  }

  saveStep(row: StepRow): void {
    this.change(
      "UPDATE step SET state = ?, value = ?, error = ?, attempts = ?, tries = ?, next_at = ?, " +
        "set_at = ?, sequence = ?, ended_at = ?, answer = ?, digest = ? WHERE id = ?",
      row.state,
      row.value,
      row.error,
      row.attempts,
      row.tries,
      row.nextAt,
      row.setAt,
      row.sequence,
      row.endedAt,
      row.answer,
      row.digest,
      row.id,
    );
  }

  removeStep(id: number): void {
    this.change("DELETE FROM step WHERE id = ?", id);
  }
}
