// What PostgreSQL says, as an error: of a write, whether it may have been done.
import { describe, expect, test } from "bun:test";
import { DatabaseError } from "pg";
import { writeError } from "../../../src/journal/postgres/problem.ts";

function saidByServer(code: string): DatabaseError {
  return Object.assign(new DatabaseError("no", 2, "error"), { code });
}

describe("writeError()", () => {
  test.each([
    new Error("Query read timeout"),
    new Error("Connection terminated unexpectedly"),
    new Error("read ECONNRESET"),
    saidByServer("57P01"),
    saidByServer("08006"),
  ])("says that the write may be there all the same (%p)", (error) => {
    const { message, detail } = writeError(error, "there");
    expect(message).toContain("what was to be written may be there all the same");
    expect(detail.hint).toContain("mig-runner history");
    expect(detail.passing).toBe(true);
  });

  test.each([
    new Error("connect ECONNREFUSED 127.0.0.1:1"),
    new Error("timeout exceeded when trying to connect"),
    saidByServer("42501"),
    saidByServer("57014"),
  ])("says nothing of that where it cannot (%p)", (error) => {
    expect(writeError(error, "there").message).not.toContain("may be there");
  });
});
