import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { completionOf } from "../../src/cli/completion.ts";
import { findVerb, VERBS } from "../../src/cli/verbs.ts";
import { callVerb, Directory } from "../support/verb.ts";

const completion = completionOf(VERBS, await findVerb(""));

describe("completion", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    test(`knows every verb and flag in ${shell}`, async () => {
      const { exit, out } = await callVerb(completion, [shell]);
      expect(exit).toBe(0);
      for (const { name, load } of VERBS) {
        expect(out).toContain(name);
        for (const flag of (await load()).flags) expect(out).toContain(flag.name);
      }
    });
  }

  test("completes verbs, flags and names of jobs in bash", async () => {
    await using directory = await Directory.create();
    const { out } = await callVerb(completion, ["bash"]);
    const script = await directory.write("completion.bash", out);
    const program = await directory.write(
      "mig-runner",
      '#!/bin/sh\n[ "$*" = "-c some.cfg completion jobs" ] && printf "sshd-config\\nsudoers\\n"\n' +
        '[ "$*" = "-c some.cfg completion params hunt" ] && printf "sha256=\\ndays=\\n"\n' +
        '[ "$*" = "-c some.cfg completion questions " ] && printf "12\\n13\\n"\n' +
        '[ "$*" = "-c some.cfg completion questions 12" ] && printf "dig\\n"\n',
      0o755,
    );
    const complete = (...words: readonly string[]): readonly string[] => {
      const line = [program, ...words].map((word) => `'${word}'`).join(" ");
      const call = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _mig_runner`;
      const text = `. "${script}"; ${call}; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const printed = execFileSync("bash", ["-c", text], { encoding: "utf8" });
      return printed.split("\n").filter((word) => word !== "");
    };
    expect(complete("jour")).toEqual(["journal"]);
    expect(complete("--on")).toEqual(["--once"]);
    expect(complete("-c", "some.cfg", "show", "")).toEqual(["sshd-config", "sudoers"]);
    expect(complete("-c", "some.cfg", "run", "ssh")).toEqual(["sshd-config"]);
    expect(complete("-c", "some.cfg", "run", "hunt", "--set", "sh")).toEqual(["sha256="]);
    expect(complete("-c", "some.cfg", "test", "hunt", "--set", "")).toEqual(["sha256=", "days="]);
    expect(complete("-c", "some.cfg", "approve", "1")).toEqual(["12", "13"]);
    expect(complete("-c", "some.cfg", "answer", "12", "")).toEqual(["dig"]);
    expect(complete("journal", "ver")).toEqual(["verify"]);
    expect(complete("status", "--")).toEqual(["--json", "--help"]);
    expect(complete("next", "--tz", "Eu")).toEqual([]);
  });

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
