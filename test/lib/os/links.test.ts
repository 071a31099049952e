// Links: whose links are followed.
import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { isTrustedLink, linkedDirectories, statMeant } from "../../../src/lib/os/links.ts";
import { Scratch } from "../../support/edge.ts";

const linkOf = (uid: number) => ({ uid, isSymbolicLink: () => true });

describe("isTrustedLink()", () => {
  test("takes a link of the same user and of root, and no other", () => {
    const [user, root] = [1000, 0].map((id) => ({ user: id, group: id }));
    expect(isTrustedLink(linkOf(1000), user)).toBe(true);
    expect(isTrustedLink(linkOf(0), user)).toBe(true);
    expect(isTrustedLink(linkOf(1001), user)).toBe(false);
    expect(isTrustedLink(linkOf(1001), root)).toBe(false);
    expect(isTrustedLink({ uid: 0, isSymbolicLink: () => false }, root)).toBe(false);
  });
});

describe("statMeant()", () => {
  test("is the target of a link, the link itself when it leads nowhere, and null for nothing", () => {
    using scratch = new Scratch();
    symlinkSync(scratch.file("file"), scratch.in("good"));
    symlinkSync(scratch.in("nothing"), scratch.in("dangling"));
    expect(statMeant(scratch.in("good"))?.isFile()).toBe(true);
    expect(statMeant(scratch.in("dangling"))?.isSymbolicLink()).toBe(true);
    expect(statMeant(scratch.in("nothing"))).toBeNull();
  });
});

describe("linkedDirectories()", () => {
  test("names links to directories alone", () => {
    using scratch = new Scratch();
    scratch.folder("real");
    scratch.file("file");
    for (const target of ["real", "file", "nowhere"]) {
      symlinkSync(target, scratch.in(`to-${target}`));
    }
    expect(linkedDirectories(scratch.path)).toEqual(["to-real"]);
  });
});
