import { describe, expect, test } from "bun:test";
import { permissionMistakes } from "../../src/config/permissions.ts";
import { describeError } from "../../src/errors.ts";

describe("permissionMistakes()", () => {
  test("refuses what every user can write to, with the command that mends it", () => {
    const mistakes = permissionMistakes([
      { path: "/etc/mig/runner.cfg", mode: 0o100666, kind: "config" },
      { path: "/k/secring.gpg", mode: 0o100602, kind: "key" },
      { path: "/r/plugins/it's", mode: 0o100777, kind: "plugin" },
    ]);
    expect(mistakes.map(describeError)).toEqual([
      '/etc/mig/runner.cfg: Cannot trust config "/etc/mig/runner.cfg": every user can write ' +
        "to it " +
        "(mode 0666) (chmod o-w /etc/mig/runner.cfg)",
      '/k/secring.gpg: Cannot trust key "/k/secring.gpg": every user can write to it (mode 0602) ' +
        "(chmod o-w /k/secring.gpg)",
      `/r/plugins/it's: Cannot trust plugin "/r/plugins/it's": every user can write to it ` +
        `(mode 0777) ` +
        "(chmod o-w '/r/plugins/it'\\''s')",
    ]);
    expect(mistakes.map(({ code }) => code)).toEqual(["CONFIG", "KEYRING", "PLUGIN"]);
  });

  test("accepts what only owner and group can write to", () => {
    expect(permissionMistakes([{ path: "/x", mode: 0o100775, kind: "plugin" }])).toEqual([]);
  });
});
