import { describe, expect, test } from "bun:test";
import { type HostState, hostFaults, LastingFaults } from "../../src/flow/hosts.ts";

const LEASE_MS = 10_000;
const MINUTE = 60_000;

function host(name: string, changes: Partial<HostState> = {}): HostState {
  const note = { version: "1", clockMs: 0, config: { "[api] url": "a1" } };
  return { name, silentMs: 500, note, jobs: { nightly: "d1" }, ...changes };
}

const messages = (hosts: readonly HostState[], leaseMs = LEASE_MS) =>
  hostFaults(hosts, leaseMs).map(({ message }) => message);

describe("hostFaults()", () => {
  test("finds nothing among hosts that are alike, or that have said nothing yet", () => {
    expect(messages([])).toEqual([]);
    expect(messages([host("a"), host("b")])).toEqual([]);
    expect(messages([host("a"), host("b", { note: null, jobs: null })])).toEqual([]);
  });

  test("tells of a host that is not heard of for a minute, and for three leases", () => {
    const silent = "host b is not heard of any more; the others have its jobs";
    expect(messages([host("a"), host("b", { silentMs: MINUTE - 1 })])).toEqual([]);
    expect(messages([host("a"), host("b", { silentMs: MINUTE })])).toEqual([silent]);
    const long = 100_000;
    expect(messages([host("b", { silentMs: 3 * long - 1 })], long)).toEqual([]);
    expect(messages([host("b", { silentMs: 3 * long })], long)).toEqual([silent]);
  });

  test("compares only hosts that are heard of", () => {
    const other = { jobs: { nightly: "other" }, silentMs: MINUTE };
    expect(messages([host("a"), host("b", other)])).toHaveLength(1);
  });

  test("names the jobs that differ, and the hosts that lack them", () => {
    const jobs = (digests: Record<string, string>) => ({ jobs: digests });
    const hosts = [
      host("a", jobs({ nightly: "d1", weekly: "w1", toString: "t" })),
      host("b", jobs({ nightly: "d2", toString: "t" })),
      host("c", jobs({ nightly: "d1", weekly: "w1" })),
    ];
    expect(messages(hosts)).toEqual([
      "job nightly is another on a, c than on b; job toString is not on c; job weekly is not on b",
    ]);
  });

  test("names five, and says how many more there are", () => {
    const all = Object.fromEntries([..."abcdefg"].map((job) => [job, "d"]));
    const [fault] = hostFaults([host("x", { jobs: all }), host("y", { jobs: {} })], LEASE_MS);
    expect(fault).toMatchObject({ subject: "jobs", count: 7 });
    expect(fault?.message).toEndWith("job e is not on y; and 2 more");
  });

  test("tells of clocks and of the configuration", () => {
    const note = (clockMs: number, url: string) => ({
      note: { version: "1", clockMs, config: { "[api] url": url } },
    });
    expect(messages([host("a", note(312_000, "a1")), host("b", note(-7_000, "a2"))])).toEqual([
      "the clock of a is 5m12s ahead of PostgreSQL's",
      "the clock of b is 7s behind PostgreSQL's",
      "[api] url is another on a than on b",
    ]);
  });
});

describe("LastingFaults", () => {
  const fault = { subject: "jobs", count: 1, message: "m", hint: "h", graceMs: 5 * MINUTE };
  const nobody = () => false;

  test("lets what is copied to one host after the other pass for five minutes", () => {
    const lasting = new LastingFaults();
    expect(lasting.conditions([fault], 0, nobody)).toEqual([]);
    expect(lasting.conditions([fault], 5 * MINUTE - 1, nobody)).toEqual([]);
    expect(lasting.conditions([fault], 5 * MINUTE, nobody)).toEqual([
      {
        event: "cluster",
        job: "",
        subject: "jobs",
        runId: null,
        since: 0,
        count: 1,
        message: "m",
        hint: "h",
      },
    ]);
  });

  test("counts again what was right in between", () => {
    const lasting = new LastingFaults();
    lasting.conditions([fault], 0, nobody);
    lasting.conditions([], MINUTE, nobody);
    expect(lasting.conditions([fault], 5 * MINUTE, nobody)).toEqual([]);
  });

  test("keeps an alarm that another host has raised", () => {
    const lasting = new LastingFaults();
    const told = lasting.conditions([fault], 7, (subject) => subject === "jobs");
    expect(told.map(({ since }) => since)).toEqual([7]);
  });

  test("tells at once what has no grace", () => {
    const lasting = new LastingFaults();
    expect(lasting.conditions([{ ...fault, graceMs: 0 }], 7, nobody)).toHaveLength(1);
  });
});
