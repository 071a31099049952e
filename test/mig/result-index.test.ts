import { describe, expect, test } from "bun:test";
import { ResultIndex, type ResultQuestion } from "../../src/mig/result-index.ts";

const HOSTS = ["web2", "db1", "WEB1", "db2", "web2"];
const STATUSES = ["success", "expired", "success", "failed", "success"];
const ALL: ResultQuestion = { status: null, found: null, host: "", sort: "file" };

function indexed(): ResultIndex {
  const index = new ResultIndex();
  for (const [at, host] of HOSTS.entries()) {
    const status = STATUSES[at] ?? "";
    index.add({
      offset: at * 100,
      size: 90 + at,
      host,
      status,
      isFound: at === 0 || at === 4,
      digest: 0,
    });
  }
  return index;
}

function places(question: Partial<ResultQuestion>, only: readonly number[] | null = null) {
  const chosen = only === null ? null : Uint8Array.from(HOSTS, (_, at) => +only.includes(at));
  return [...indexed().select({ ...ALL, ...question }, chosen)];
}

describe("ResultIndex", () => {
  test("answers with the commands as they stand in the file", () => {
    const index = indexed();
    expect(index.count).toBe(5);
    expect(places({})).toEqual([0, 1, 2, 3, 4]);
    expect(index.command(3)).toEqual({
      offset: 300,
      size: 93,
      host: "db2",
      status: "failed",
      isFound: false,
    });
    expect(index.counts()).toEqual({
      statuses: { success: 3, expired: 1, failed: 1 },
      found: 2,
    });
  });

  test("filters by status, what was found, the host in any case, and given places", () => {
    expect(places({ status: "success" })).toEqual([0, 2, 4]);
    expect(places({ status: "timeout" })).toEqual([]);
    // One whose agent failed has answered; one that is expired has not.
    expect(places({ status: "unanswered" })).toEqual([1]);
    expect(places({ found: true })).toEqual([0, 4]);
    expect(places({ found: false, status: "success" })).toEqual([2]);
    expect(places({ host: "web" })).toEqual([0, 2, 4]);
    expect(places({ host: "WEB2", found: true }, [1, 4])).toEqual([4]);
  });

  test("sorts by host, status and found, what is equal as in the file", () => {
    expect(places({ sort: "host" })).toEqual([2, 1, 3, 0, 4]);
    expect(places({ sort: "status" })).toEqual([1, 3, 0, 2, 4]);
    expect(places({ sort: "found" })).toEqual([0, 4, 1, 2, 3]);
  });

  test("grows, and holds statuses that nobody knows within bounds", () => {
    const index = new ResultIndex();
    for (let at = 0; at < 5_000; at++) {
      index.add({
        offset: at * 2 ** 32,
        size: at,
        host: `h${at}`,
        status: `s${at}`,
        isFound: false,
        digest: 0,
      });
    }
    expect(index.command(4_999)).toMatchObject({ offset: 4_999 * 2 ** 32, host: "h4999" });
    expect(index.command(3)).toMatchObject({ status: "s3" });
    const { statuses } = index.counts();
    const counted = Object.values(statuses).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(5_000);
    expect(Object.keys(statuses).length).toBeLessThan(100);
  });
});
