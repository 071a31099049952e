// Comings: which jobs have come to a host from another one, and which were put there as files.
import { expect, test } from "bun:test";
import { Comings } from "../../src/flow/comings.ts";

/** Scans that each see some jobs of this host, and some that lie here and are another one's. */
function scanned(...scans: readonly (readonly [own: string[], elsewhere: string[]])[]) {
  const comings = new Comings();
  for (const [own, elsewhere] of scans) {
    comings.scanned(own, { elsewhere: () => new Set(elsewhere) });
  }
  return comings;
}

const NOW = "cluster: this host has job nightly now";
const NO_LONGER = "cluster: this host has job nightly no longer";

test("tells files that were put here, or were here at the start, as one host alone does", () => {
  expect(scanned([["nightly"], []]).addedText("nightly")).toBe("added entity nightly");
  expect(scanned([[], []], [["nightly"], []]).addedText("nightly")).toBe("added entity nightly");
  expect(scanned([["nightly"], []], [[], []]).removedText("nightly")).toBe(
    "removed entity nightly",
  );
  const alone = new Comings();
  alone.scanned(["nightly"], {});
  expect(alone.addedText("nightly")).toBe("added entity nightly");
  alone.scanned([], {});
  expect(alone.removedText("nightly")).toBe("removed entity nightly");
});

test("tells a job that another host has had, also when it takes some scans to load", () => {
  const comings = scanned([[], ["nightly"]], [["nightly"], []], [["nightly"], []]);
  expect(comings.addedText("nightly")).toBe(NOW);
  // Files that are changed since are files that are changed.
  expect(comings.addedText("nightly")).toBe("added entity nightly");
});

test("tells a job that another host has by now", () => {
  expect(scanned([["nightly"], []], [[], ["nightly"]]).removedText("nightly")).toBe(NO_LONGER);
});

test("forgets a job that has gone again before it was taken up", () => {
  const comings = scanned([[], ["nightly"]], [["nightly"], []], [[], ["nightly"]]);
  expect(comings.removedText("nightly")).toBe(NO_LONGER);
  comings.scanned(["nightly"], { elsewhere: () => new Set() });
  expect(comings.addedText("nightly")).toBe(NOW);
});
