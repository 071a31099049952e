import { expect, test } from "bun:test";
import { askCluster, clusterWarnings } from "../../src/cli/cluster-check.ts";
import { Secret } from "../../src/config/secret.ts";
import type { RunnerError } from "../../src/errors.ts";

function clusterAt(url: string) {
  return { url: new Secret(url), name: "alpha", shards: 64, leaseMs: 10_000 };
}

test("a password that goes through a network in plain text is told", () => {
  const told = (url: string) => clusterWarnings(clusterAt(url)).length;
  expect(told("postgres://mig:secret@db.example.com/mig")).toBe(1);
  expect(told("postgres://mig:secret@db.example.com/mig?sslmode=prefer")).toBe(1);
  expect(told("postgres://mig:secret@db.example.com/mig?sslmode=verify-full")).toBe(0);
  expect(told("postgres://mig:secret@localhost:5432/mig")).toBe(0);
  expect(told("postgres://mig:secret@[::1]/mig")).toBe(0);
  expect(told("postgres:///mig?host=/run/postgresql")).toBe(0);
  expect(clusterWarnings(null)).toEqual([]);
  const [warning] = clusterWarnings(clusterAt("postgres://mig:secret@db.example.com/mig"));
  expect(warning).not.toContain("secret");
});

test("a database that cannot be reached is a mistake", async () => {
  const mistakes: RunnerError[] = [];
  // Nothing listens on the port of discard.
  const view = await askCluster(mistakes, clusterAt("postgres://mig@127.0.0.1:9/mig"));
  expect(view).toEqual({ database: "postgres://127.0.0.1:9/mig", works: false });
  expect(mistakes).toHaveLength(1);
  expect(await askCluster(mistakes, null)).toBeNull();
});
