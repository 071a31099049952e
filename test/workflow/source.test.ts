import { describe, expect, test } from "bun:test";
import { job } from "../../src/sdk/index.ts";
import { hashSource, importSource } from "../../src/workflow/source.ts";

describe("hashSource()", () => {
  test("is the SHA-256 of the UTF-8", () => {
    // The test vectors of FIPS 180-4, and "ä" by sha256sum.
    expect(hashSource("abc")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(hashSource("ä")).toBe(
      "33e6d73fee82904c8d7afb78de1154d1e8dc2a0edb08120e63df5b9385c2d9cc",
    );
  });
});

describe("importSource()", () => {
  test("is the job that the source exports", async () => {
    const made = job({ retries: 1 });
    expect(await importSource("text", async () => ({ default: made }))).toBe(made);
  });

  test("hands the text to what evaluates it", async () => {
    const texts: string[] = [];
    const evaluate = async (source: string) => {
      texts.push(source);
      return { default: job({}) };
    };
    await importSource("text", evaluate);
    expect(texts).toEqual(["text"]);
  });

  test("refuses a source without a job, and passes on what it throws", () => {
    expect(importSource("", async () => ({}))).rejects.toThrow(
      "Cannot run job: its source exports no job as default",
    );
    const thrown = new Error("no");
    expect(importSource("", () => Promise.reject(thrown))).rejects.toBe(thrown);
  });
});
