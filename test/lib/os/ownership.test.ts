// Ownership: who else can have written a file, by the file itself and by the way to it.
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync } from "node:fs";
import { describeError } from "../../../src/errors.ts";
import {
  distrust,
  findFlaw,
  findFlawIfThere,
  firstFlawIn,
  flawOf,
  flawsIn,
  isOwn,
  ownerOf,
  shellWord,
  thisUser,
} from "../../../src/lib/os/ownership.ts";
import { Scratch } from "../../support/edge.ts";
import { isRoot, STRANGER } from "../../support/users.ts";

/** The user who runs mig-runner in these tests, and a group of others. */
const MIG = { user: 998, group: 997 };
const ROOT = { user: 0, group: 0 };
const OPS = 500;

type Kind = "file" | "folder" | "link" | "device";

/** What the file system would say. */
function standing(mode: number, { uid = 0, gid = 0, kind = "file" as Kind } = {}) {
  return {
    mode,
    uid,
    gid,
    isFile: () => kind === "file",
    isDirectory: () => kind === "folder",
    isSymbolicLink: () => kind === "link",
  };
}

function flaw(found: ReturnType<typeof standing>, user = MIG) {
  return flawOf("/r/x", found, { user, subject: "it" });
}

describe("flawOf()", () => {
  test.each([
    ["of root", standing(0o644)],
    ["of the runner", standing(0o600, { uid: 998, gid: 997 })],
    ["that everybody may read", standing(0o444, { uid: 998 })],
    ["that the runner's own group can write to", standing(0o664, { gid: 997 })],
    [
      "a folder that the runner's own group can write to",
      standing(0o2775, { uid: 998, gid: 997, kind: "folder" }),
    ],
    ["a sticky folder such as /tmp", standing(0o1777, { kind: "folder" })],
    ["a sticky folder of a group", standing(0o1770, { gid: OPS, kind: "folder" })],
    ["a link, whose mode says nothing", standing(0o777, { kind: "link" })],
    ["a device such as /dev/null", standing(0o666, { kind: "device" })],
  ])("has nothing against a file %s", (_, found) => {
    expect(flaw(found)).toBeNull();
  });

  test.each([
    ["a file", standing(0o646), "every user can write to it (mode 0646)", "chmod o-w /r/x"],
    [
      "a folder",
      standing(0o777, { kind: "folder", gid: 997 }),
      "every user can write to it (mode 0777)",
      "chmod o-w /r/x",
    ],
    ["a sticky file", standing(0o1646), "every user can write to it (mode 1646)", "chmod o-w /r/x"],
  ])("refuses %s that every user can write to", (_, found, state, mend) => {
    expect(flaw(found)).toEqual({ path: "/r/x", state, mend });
  });

  test.each([
    ["another group", standing(0o664, { gid: OPS }), MIG, "group 500"],
    ["root's group", standing(0o664, { gid: 0 }), MIG, "group 0"],
    [
      "another group than root's",
      standing(0o775, { gid: OPS, kind: "folder" as const }),
      ROOT,
      "group 500",
    ],
  ])("refuses what %s can write to", (_, found, user, group) => {
    const mode = `0${(found.mode & 0o7777).toString(8)}`;
    expect(flaw(found, user)).toEqual({
      path: "/r/x",
      state: `${group} can write to it (mode ${mode})`,
      mend: "chmod g-w /r/x",
    });
  });

  test("takes one chmod for a group and everybody", () => {
    expect(flaw(standing(0o666, { gid: OPS }))?.mend).toBe("chmod go-w /r/x");
  });

  test("refuses what belongs to another user, also to a runner that is root", () => {
    expect(flaw(standing(0o644, { uid: 1001 }))).toEqual({
      path: "/r/x",
      state: "it belongs to user 1001, mig-runner runs as user 998",
      mend: "chown 998 /r/x",
    });
    expect(flaw(standing(0o644, { uid: 1001 }), ROOT)).toEqual({
      path: "/r/x",
      state: "it belongs to user 1001, mig-runner runs as root",
      mend: "chown root /r/x, or run mig-runner as user 1001",
    });
    expect(flaw(standing(0o1777, { uid: 1001, kind: "folder" }))?.mend).toBe("chown 998 /r/x");
    expect(flaw(standing(0o777, { uid: 1001, kind: "link" }))?.mend).toBe("chown -h 998 /r/x");
  });

  test("tells all that is wrong with one file, and how to mend all of it", () => {
    expect(flaw(standing(0o666, { uid: 1001, gid: OPS }))).toEqual({
      path: "/r/x",
      state:
        "every user can write to it (mode 0666), and it belongs to user 1001, mig-runner runs as user 998",
      mend: "chmod go-w /r/x && chown 998 /r/x",
    });
  });

  test("says nothing where there are no users", () => {
    expect(flawOf("/x", standing(0o777, { uid: 5 }), { user: null, subject: "it" })).toBeNull();
    expect(isOwn(5, null)).toBe(true);
  });
});

describe("findFlaw()", () => {
  /** A runner directory `r` with a file in it, in a folder that everybody may write to. */
  function site() {
    const scratch = new Scratch();
    scratch.file("open/r/runners/job/action.json");
    chmodSync(scratch.in("open"), 0o777);
    return scratch;
  }
  const FILE = "open/r/runners/job/action.json";

  test("looks at each folder down to a file, and no further up than it is told", () => {
    using scratch = site();
    const [path, below] = [scratch.in(FILE), scratch.in("open/r")];
    expect(findFlaw(path, { below })).toBeNull();
    for (const name of ["open/r", "open/r/runners", "open/r/runners/job", FILE]) {
      const at = scratch.in(name);
      chmodSync(at, 0o757);
      const kind = at === path ? "it" : `the folder "${at}"`;
      expect(findFlaw(path, { below })).toEqual({
        path: at,
        state: `every user can write to ${kind} (mode 0757)`,
        mend: `chmod o-w ${at}`,
      });
      chmodSync(at, 0o755);
    }
    expect(findFlaw(path)?.path).toBe(scratch.in("open"));
  });

  test("looks once at folders that were right a moment ago, always at files and links", () => {
    using scratch = new Scratch();
    const file = scratch.file("a/b/file", "");
    symlinkSync(scratch.in("a/b"), scratch.in("a/link"));
    const look = { below: scratch.path, right: new Set<string>() };
    expect(findFlaw(file, look)).toBeNull();
    expect([...look.right].toSorted()).toEqual(["", "/a", "/a/b"].map((at) => scratch.path + at));
    chmodSync(scratch.in("a/b"), 0o777);
    expect(findFlaw(file, look)).toBeNull();
    expect(findFlaw(file, { below: scratch.path })?.path).toBe(scratch.in("a/b"));
    chmodSync(file, 0o666);
    expect(findFlaw(file, look)?.path).toBe(file);
    look.right.clear();
    expect(findFlaw(scratch.in("a/link/file"), look)?.path).toBe(scratch.in("a/b"));
    expect([...look.right]).not.toContain(scratch.in("a/link"));
  });

  test("looks from the root on at what a link leads to, and at the link itself", () => {
    using scratch = site();
    const below = scratch.in("open/r");
    const target = scratch.file("etc/mig/action.json");
    const link = scratch.in("open/r/runners/job/linked.json");
    symlinkSync("../../../../etc/mig/action.json", link);
    expect(findFlaw(link, { below })).toBeNull();
    for (const at of [target, scratch.in("etc/mig"), scratch.in("etc")]) {
      chmodSync(at, 0o777);
      expect(findFlaw(link, { below })?.mend).toBe(`chmod o-w ${at}`);
      chmodSync(at, 0o755);
    }
  });

  test("looks at every folder that a chain of links leads through", () => {
    using scratch = new Scratch();
    scratch.file("end/file");
    scratch.folder("middle");
    symlinkSync(scratch.in("end"), scratch.in("middle/to-end"));
    symlinkSync("middle/to-end", scratch.in("start"));
    const path = scratch.in("start/file");
    expect(findFlaw(path)).toBeNull();
    chmodSync(scratch.in("middle"), 0o777);
    expect(findFlaw(path)?.path).toBe(scratch.in("middle"));
  });

  test("knows a file by where it is, whatever the text of a link says", () => {
    using scratch = new Scratch();
    scratch.file("real/deep/file");
    scratch.file("real/other", "", 0o666);
    scratch.file("other");
    // To the text alone "short/../other" is the other file of that name.
    symlinkSync("real/deep", scratch.in("short"));
    symlinkSync("short/../other", scratch.in("link"));
    expect(findFlaw(scratch.in("link"))?.path).toBe(scratch.in("real/other"));
  });

  test("vouches for its folder also where that is reached by a link, or by its real name", () => {
    using scratch = site();
    const below = scratch.in("short");
    symlinkSync("open/r", below);
    expect(findFlaw(`${below}/runners/job/action.json`, { below })).toBeNull();
    symlinkSync(scratch.in(FILE), scratch.in("open/r/back"));
    expect(findFlaw(`${below}/back`, { below })).toBeNull();
    chmodSync(scratch.in("open/r"), 0o777);
    expect(findFlaw(`${below}/back`, { below })?.state).toContain("every user can write to");
  });

  test("ends for links in a circle, and tells of what is not there by the system's code", () => {
    using scratch = new Scratch();
    symlinkSync("b", scratch.in("a"));
    symlinkSync("a", scratch.in("b"));
    expect(() => findFlaw(scratch.in("a"))).toThrow(expect.objectContaining({ code: "ELOOP" }));
    expect(() => findFlaw(scratch.in("no"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
    expect(findFlawIfThere(scratch.in("a"))).toBeNull();
    expect(findFlawIfThere(scratch.in("no"))).toBeNull();
  });

  test.skipIf(!isRoot)("refuses files, folders and links of another user", () => {
    using scratch = site();
    const [path, below] = [scratch.in(FILE), scratch.in("open/r")];
    for (const name of ["open/r", "open/r/runners/job", FILE]) {
      chownSync(scratch.in(name), STRANGER.uid, 0);
      expect(findFlaw(path, { below })?.mend).toStartWith(`chown root ${scratch.in(name)}`);
      // For the runner who is that user, root's and its own files are all the same.
      const user = { user: STRANGER.uid, group: STRANGER.gid };
      expect(findFlaw(path, { below, user })).toBeNull();
      chownSync(scratch.in(name), 0, 0);
    }
    symlinkSync(path, scratch.in("open/r/link"));
    lchownSync(scratch.in("open/r/link"), STRANGER.uid, 0);
    expect(findFlaw(scratch.in("open/r/link"), { below })?.mend).toStartWith("chown -h root ");
  });
});

describe("flawsIn()", () => {
  test("goes through all folders, and follows no link", () => {
    using scratch = new Scratch();
    scratch.file("plugins/a", "", 0o666);
    scratch.file("plugins/lib/deep/b", "", 0o602);
    scratch.file("plugins/sound");
    scratch.file("elsewhere/c", "", 0o666);
    symlinkSync(scratch.in("elsewhere"), scratch.in("plugins/link"));
    const folder = scratch.in("plugins");
    const wanted = [scratch.in("plugins/a"), scratch.in("plugins/lib/deep/b")];
    expect([...flawsIn(folder)].map(({ path }) => path).sort()).toEqual(wanted);
    expect(firstFlawIn(folder)?.path).toBe(wanted[0] ?? "");
    expect(firstFlawIn(scratch.in("nowhere"))).toBeNull();
  });
});

describe("ownerOf()", () => {
  test("is the user of a folder of this process, and null for none", () => {
    using scratch = new Scratch();
    mkdirSync(scratch.in("own"));
    expect(ownerOf(scratch.in("own"))?.user).toBe(thisUser()?.user ?? -1);
    expect(ownerOf(scratch.in("none"))).toBeNull();
  });
});

describe("distrust()", () => {
  test("names the file that is refused, and the place that is to be mended", () => {
    const flaw = {
      path: "/r",
      state: 'every user can write to the folder "/r"',
      mend: "chmod o-w /r",
    };
    const error = distrust(
      { code: "SPOOL", thing: "job file", path: "/r/runners/a/entity.cfg" },
      flaw,
    );
    expect(describeError(error)).toBe(
      '/r/runners/a/entity.cfg: Cannot trust job file "/r/runners/a/entity.cfg": ' +
        'every user can write to the folder "/r" (chmod o-w /r)',
    );
  });
});

describe("shellWord()", () => {
  test("quotes what a shell would take apart", () => {
    expect(["/a/b-1.cfg", "/it's a", "/$x"].map(shellWord)).toEqual([
      "/a/b-1.cfg",
      "'/it'\\''s a'",
      "'/$x'",
    ]);
  });
});
