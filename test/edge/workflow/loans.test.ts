import { describe, expect, test } from "bun:test";
import { Borrower, Lender } from "../../../src/edge/workflow/loans.ts";
import type { Results } from "../../../src/ports.ts";
import { settle } from "../../support/clock.ts";

/** A worker and a runner with a line between them. */
function connect(lend: Results["lend"]) {
  const lender: Lender = new Lender(lend, (message) => void borrower.take(message));
  const borrower: Borrower = new Borrower((message) => void lender.take(message));
  return { lender, borrower };
}

/** Lends files by the name of their place, and knows which are lent. */
function shelf() {
  const lent = new Set<string>();
  const lend: Results["lend"] = (place) => {
    if (!place.startsWith("s3://")) return Promise.reject(new Error("it is gone"));
    lent.add(place);
    const release = async (): Promise<void> => void lent.delete(place);
    return Promise.resolve({ path: `/copies/${place.slice(5)}`, release });
  };
  return { lent, lend };
}

async function* read(path: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(path);
}

describe("Borrower", () => {
  test("reads the file that it is lent, and gives it back", async () => {
    const { lent, lend } = shelf();
    const { borrower } = connect(lend);
    const stream = borrower.stream("s3://one", read);
    expect(new TextDecoder().decode((await stream.next()).value)).toBe("/copies/one");
    expect([...lent]).toEqual(["s3://one"]);
    await stream.next();
    await settle();
    expect([...lent]).toEqual([]);
    // Left in the middle.
    for await (const _ of borrower.stream("s3://two", read)) break;
    await settle();
    expect([...lent]).toEqual([]);
  });

  test("says why it was not lent", async () => {
    const { borrower } = connect(shelf().lend);
    await expect(Array.fromAsync(borrower.stream("gone", read))).rejects.toThrow("it is gone");
  });
});

describe("Lender", () => {
  test("takes back what a worker had that has ended, and lends it no more than some", async () => {
    const { lent, lend } = shelf();
    const said: { readonly error?: string }[] = [];
    const lender = new Lender(lend, (message) => void said.push(message as { error?: string }));
    for (let loan = 1; loan <= 17; loan++) lender.take({ loan, place: `s3://${loan}` });
    await settle();
    expect(lent.size).toBe(16);
    expect(said.flatMap(({ error }) => error ?? [])).toEqual(["too many results are read at once"]);
    lender.close();
    await settle();
    expect(lent.size).toBe(0);
  });

  test("leaves other messages to others", () => {
    const lender = new Lender(shelf().lend, () => {});
    expect([null, 7, "loan", { kind: "log" }, { loan: "x" }].some((one) => lender.take(one))).toBe(
      false,
    );
  });
});
