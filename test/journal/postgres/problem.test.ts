// What PostgreSQL says, as an error: of a write, whether it may have been done.
import { describe, expect, test } from "bun:test";
import { DatabaseError } from "pg";
import { placeOf, serverError, writeError } from "../../../src/journal/postgres/problem.ts";

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

describe("serverError()", () => {
  test.each([
    ["connect ECONNREFUSED 127.0.0.1:1", "is PostgreSQL running"],
    ["getaddrinfo ENOTFOUND db.example.com", "does its name resolve"],
    ["The server does not support SSL connections", "sslmode"],
  ])(
    "says what to look at where PostgreSQL is not reached, and is tried again: %s",
    (said, hint) => {
      const { message, detail } = serverError(new Error(said), "there");
      expect(message).toContain(`${said} (there)`);
      expect(detail.hint).toContain(hint);
      expect(detail.passing).toBe(true);
    },
  );
});

describe("placeOf()", () => {
  const at = (connectionString: string) => placeOf({ connectionString });

  test("says a database without user and password, the same for all who write it", () => {
    const place = "postgres://db.example.com:5432/mig";
    expect(at("postgres://mig:secret@db.example.com/mig?sslmode=verify-full")).toBe(place);
    expect(at("postgresql://ann@db.example.com:5432/mig")).toBe(place);
    expect(at("postgres://ann@[::1]:6432/mig")).toBe("postgres://[::1]:6432/mig");
    expect(at("postgres://ann@db/my%20mig")).toBe("postgres://db:5432/my%20mig");
    expect(at("postgres:///mig?host=/run/postgresql")).toBe("postgres:///mig?host=/run/postgresql");
  });
});
