import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { journal } from "../../src/cli/journal.ts";
import { lockDirectory } from "../../src/edge/lock.ts";
import { Directory } from "../support/verb.ts";

/** Spoils the page that holds the list of tables' rows, and some more. */
function spoil(directory: Directory): void {
  const path = directory.at("journal.db");
  const bytes = readFileSync(path);
  bytes.fill(0xa5, 2 * 4096, 4 * 4096);
  writeFileSync(path, bytes);
}

describe("journal verify", () => {
  test("says that a journal is sound, and what is in it", async () => {
    await using directory = await Directory.create();
    await directory.collected("nightly", 8, ["keep"]);
    const { exit, out } = await directory.call(journal, ["verify"]);
    expect(exit).toBe(0);
    expect(out).toBe(
      `${directory.at("journal.db")}: it is sound\n` +
        "  run       1 row\n  action    1 row\n  delivery  1 row\n  tally     1 row\n",
    );
  });

  test("finds a result that is to be delivered and is gone", async () => {
    await using directory = await Directory.create();
    const { resultPath } = await directory.collected("nightly", 8, ["keep"]);
    rmSync(resultPath ?? "");
    const { exit, out } = await directory.call(journal, ["verify", "--json"]);
    expect(exit).toBe(1);
    const { sound, faults } = JSON.parse(out);
    expect(sound).toBe(false);
    expect(faults[0]).toContain("action 8 (nightly): its result for keep is gone: ");
  });

  test("says that there is no journal", async () => {
    await using directory = await Directory.create();
    expect((await directory.call(journal, ["verify"])).thrown).toContain("there is none yet");
  });
});

describe("journal backup", () => {
  test("copies the journal", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const copy = directory.at("copy.db");
    const { exit, out } = await directory.call(journal, ["backup", copy, "--json"]);
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ copy, rows: { run: 1, action: 1 } });
    const again = await directory.call(journal, ["backup", copy]);
    expect(again.thrown).toContain("there is a file of this name already");
  });
});

describe("journal restore", () => {
  test("puts a backup back, and keeps the journal that was there", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const copy = directory.at("copy.db");
    await directory.call(journal, ["backup", copy]);
    await directory.posted("nightly", 8);
    const { exit, out } = await directory.call(journal, ["restore", copy]);
    expect(exit).toBe(0);
    expect(out).toStartWith(`${directory.at("journal.db")}: put back from ${copy}, 2 rows, `);
    expect(out).toContain(`kept as ${directory.at("journal.db.before-restore")}`);
    const told = JSON.parse((await directory.call(journal, ["restore", copy, "--json"])).out);
    expect(told).toMatchObject({
      path: directory.at("journal.db"),
      from: copy,
      rows: { run: 1, action: 1 },
      aside: directory.at("journal.db.before-restore.2"),
    });
    expect((await directory.call(journal, ["verify"])).exit).toBe(0);
  });

  test("refuses while a mig-runner works on the directory", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const copy = directory.at("copy.db");
    await directory.call(journal, ["backup", copy]);
    const lock = await lockDirectory(directory.path);
    try {
      const { thrown } = await directory.call(journal, ["restore", copy]);
      expect(thrown).toContain(`(process ${process.pid}) works on`);
    } finally {
      lock.release();
    }
  });
});

describe("journal salvage", () => {
  test("leaves a sound journal alone", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const { exit, out } = await directory.call(journal, ["salvage"]);
    expect(exit).toBe(0);
    expect(out).toContain("it is sound, nothing is to be salvaged");
  });

  test("puts a new journal in place of a damaged one (I10)", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    spoil(directory);
    const verified = await directory.call(journal, ["verify"]);
    expect(verified.exit).toBe(1);
    expect(verified.out).toContain("mig-runner journal salvage puts what can be read");
    const { exit, out } = await directory.call(journal, ["salvage"]);
    expect(exit).toBe(0);
    expect(out).toContain(`The old one is kept as ${directory.at("journal.db.damaged")}`);
    expect((await directory.call(journal, ["verify"])).exit).toBe(0);
  });

  test("takes rows that cannot be read out of a sound file, and keeps the old one", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    await directory.posted("other", 9);
    directory.meddle("UPDATE action SET action_id = -7 WHERE id = 1");
    const verified = await directory.call(journal, ["verify"]);
    expect(verified.exit).toBe(1);
    expect(verified.out).toContain(
      "1 row cannot be read, nothing works on them\n  action 1 (nightly): its action_id is -7, ",
    );
    expect(verified.out).toContain("mig-runner journal salvage takes them out");
    const told = JSON.parse((await directory.call(journal, ["verify", "--json"])).out);
    expect(told).toMatchObject({ sound: false, damage: [], faults: [] });
    expect(told.unreadable).toHaveLength(1);
    const { exit, out } = await directory.call(journal, ["salvage"]);
    expect(exit).toBe(0);
    expect(out).toContain("1 that cannot be used left out");
    expect((await directory.call(journal, ["verify"])).exit).toBe(0);
    const aside = new DatabaseSync(directory.at("journal.db.damaged"), { readOnly: true });
    const kept = aside.prepare("SELECT count(*) AS n FROM action WHERE action_id = -7").get();
    aside.close();
    expect(kept).toMatchObject({ n: 1 });
  });

  test("refuses while a mig-runner works on the directory", async () => {
    await using directory = await Directory.create();
    await directory.posted("nightly", 7);
    const lock = await lockDirectory(directory.path);
    try {
      const { thrown } = await directory.call(journal, ["salvage"]);
      expect(thrown).toContain(`another mig-runner (process ${process.pid}) works on`);
    } finally {
      lock.release();
    }
  });
});

describe("journal", () => {
  test("names what it can do", async () => {
    await using directory = await Directory.create();
    const say = async (...argv: string[]) => (await directory.call(journal, argv)).thrown;
    expect(await say()).toBe(
      "journal takes verify, backup FILE, restore FILE, salvage or move --to URL|FILE",
    );
    expect(await say("verfy")).toBe('journal cannot verfy: did you mean "verify"?');
    expect(await say("backup")).toBe("journal backup takes one FILE");
    expect(await say("restore", "a", "b")).toBe("journal restore takes one FILE");
  });
});
