import { describe, expect, test } from "bun:test";
import { completionOf } from "../../src/cli/completion.ts";
import { findVerb, VERBS } from "../../src/cli/verbs.ts";
import { complete, hasShell } from "../support/shells.ts";
import { callVerb, Directory } from "../support/verb.ts";

const completion = completionOf(VERBS, await findVerb(""));

const SHELLS = ["bash", "zsh", "fish"] as const;

/** Answers as the program does when a script asks it, and only to what has to be asked. */
const PROGRAM = `#!/bin/sh
case "$*" in
  "-c some.cfg completion jobs") printf 'sshd-config\\nsudoers\\nstatus\\n' ;;
  "-c some.cfg completion params hunt") printf 'sha256=\\ndays=\\n' ;;
  "-c some.cfg completion questions" | "-c some.cfg completion questions ") printf '12\\n13\\n' ;;
  "-c some.cfg completion questions 12") printf 'dig\\nmy ticket $(x)\\n' ;;
  "-c some.cfg completion hosts drain") printf 'alpha\\nbeta\\n' ;;
  "-c some.cfg completion keys ports") printf 'known\\nseen\\n' ;;
esac
`;

/** What is typed, and all that is offered for its end. */
const TYPED: readonly (readonly [string, readonly string[]])[] = [
  ["jour", ["journal"]],
  ["--on", ["--once"]],
  ["-c some.cfg show ", ["sshd-config", "sudoers", "status"]],
  ["-c some.cfg run ssh", ["sshd-config"]],
  // A job may be called as a command is.
  ["-c some.cfg run status --se", ["--set"]],
  ["-c some.cfg run hunt --set sh", ["sha256="]],
  ["-c some.cfg test hunt --set ", ["sha256=", "days="]],
  ["-c some.cfg approve 1", ["12", "13"]],
  ["-c some.cfg answer 12 ", ["dig", "my ticket $(x)"]],
  ["-c some.cfg state ports --clear ", ["known", "seen"]],
  ["journal ver", ["verify"]],
  ["cluster ", ["drain", "forget", "migrate", "status", "undrain"]],
  ["-c some.cfg cluster drain ", ["alpha", "beta"]],
  ["-c some.cfg cluster drain al", ["alpha"]],
  ["-c some.cfg cluster status ", []],
  ["status --", ["--json", "--help"]],
  ["next --tz Eu", []],
  ["-c mig-run", ["mig-runner"]],
  ["-c some.cfg stat", ["state", "status"]],
];

describe("completion", () => {
  for (const shell of SHELLS) {
    test(`knows every verb and flag in ${shell}`, async () => {
      const { exit, out } = await callVerb(completion, [shell]);
      expect(exit).toBe(0);
      for (const { name, load } of VERBS) {
        expect(out).toContain(name);
        for (const flag of (await load()).flags) expect(out).toContain(flag.name);
      }
    });
  }

  for (const shell of SHELLS) {
    // One that is not there is told by the line of a skipped test.
    const there = hasShell(shell) ? "" : `: NOT TRIED, there is no ${shell} here`;
    test.skipIf(there !== "")(
      `completes what is typed in ${shell}${there}`,
      async () => {
        await using directory = await Directory.create();
        const { out: script } = await callVerb(completion, [shell]);
        const lines = TYPED.map(([line]) => line);
        const offered = complete(
          shell,
          { folder: directory.path, script, program: PROGRAM },
          lines,
        );
        // A shell may quote what it puts into the line.
        const plain = offered.map((words) => words.map((word) => word.replaceAll("\\", "")));
        const sorted = lines.map((line, index) => [line, plain[index]?.toSorted()]);
        expect(sorted).toEqual(TYPED.map(([line, words]) => [line, [...words].sort()]));
      },
      600_000,
    );
  }

  test("lists the jobs for the scripts, and is silent without a configuration", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly");
    await directory.job("broken", ["expiry = soon"]);
    const { exit, out } = await directory.call(completion, ["jobs"]);
    expect([exit, out]).toEqual([0, "broken\nnightly\n"]);
    expect(await callVerb(completion, ["jobs"])).toEqual({
      exit: 1,
      out: "",
      parts: [],
      error: "",
      thrown: "",
    });
  });

  test("names the shells that it knows", async () => {
    expect((await callVerb(completion, ["tcsh"])).thrown).toBe(
      "completion takes bash, zsh or fish",
    );
  });
});
