import { describe, expect, test } from "bun:test";
import { COLUMNS_MAX, renderTable, wrapText } from "../../src/cli/text.ts";

describe("wrapText()", () => {
  test("breaks between words before the last column and hangs what follows", () => {
    const lines = wrapText(`${"word ".repeat(30)}end`, "  ", "    ");
    expect(lines.length).toBe(2);
    expect(lines[0]).toStartWith("  word");
    expect(lines[1]).toStartWith("      word");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(COLUMNS_MAX);
    expect(lines.join(" ").split(/\s+/).filter(Boolean).length).toBe(31);
  });

  test("leaves a long word whole", () => {
    const path = `/${"x".repeat(150)}`;
    expect(wrapText(`at ${path}`, "  ")).toEqual(["  at", `  ${path}`]);
  });
});

describe("renderTable()", () => {
  test("aligns columns by characters, not by bytes", () => {
    expect(
      renderTable([
        ["é", "1"],
        ["ab", "2"],
      ]),
    ).toEqual(["  é   1", "  ab  2"]);
  });

  test("wraps the last cell under itself", () => {
    const [first, second] = renderTable([["job", "word ".repeat(30)]]);
    expect(first).toStartWith("  job  word");
    expect(second).toStartWith("       word");
  });

  test("puts a last cell that has no room below the others", () => {
    const long = "x".repeat(90);
    const lines = renderTable([[long, "a cell that cannot stand beside it at all"]]);
    expect(lines[0]).toBe(`  ${long}`);
    expect(lines[1]).toBe("      a cell that cannot stand beside it at all");
  });

  test("shows what a cell holds in its place, whoever wrote it", () => {
    const rows = renderTable([
      ["a\tb", "x\nplugin y: delivered"],
      ["c\x1b[2J", "\u202edone"],
    ]);
    expect(rows).toEqual(["  a\\tb      x\\nplugin y: delivered", "  c\\x1b[2J  \\u202edone"]);
    expect(renderTable([["a", "y".repeat(20_000_000)]]).join("").length).toBeLessThan(5_000);
  });

  test("does not push all rows for one cell that is very long", () => {
    const [short, long] = renderTable([
      ["a", "1", "b"],
      ["x".repeat(120), "2", "c"],
    ]);
    expect(short).toBe("  a  1  b");
    expect(long).toStartWith(`  ${"x".repeat(120)}  2`);
  });

  test("is empty without rows", () => expect(renderTable([])).toEqual([]));
});
