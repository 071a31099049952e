// Program: files with an x bit that the system cannot start.
import { describe, expect, test } from "bun:test";
import { programFault } from "../../../src/edge/plugins/program.ts";
import { Scratch } from "../../support/edge.ts";

describe("programFault()", () => {
  const sound: Readonly<Record<string, string>> = {
    "a script": "#!/bin/sh\nexit 0\n",
    "a script with a blank and an argument": "#! /bin/sh -e\nexit 0\n",
    "a script with an argument that is no program": "#!/bin/sh nowhere-to-be-found\n",
    "a script by env": "#!/usr/bin/env sh\n",
    "a script by env with flags and variables": "#!/usr/bin/env -S A=1 sh -e\n",
    "a program of another format, which this system may know": "MZ\u0090\0\u0003\0",
  };
  for (const [what, text] of Object.entries(sound)) {
    test(`has nothing to say of ${what}`, async () => {
      using scratch = new Scratch();
      const path = scratch.file("plugin", text, 0o755);
      expect(await programFault(path, { PATH: "/nowhere:/usr/bin:/bin" })).toBeNull();
    });
  }

  test("has nothing to say of a program, nor of what nobody may read", async () => {
    expect(await programFault(process.execPath, {})).toBeNull();
    expect(await programFault("/nowhere/at/all", {})).toBeNull();
  });

  const faulty: Readonly<Record<string, readonly [text: string, said: string]>> = {
    "lines that end with CR LF": [
      "#!/bin/sh\r\nexit 0\r\n",
      "its lines end with CR LF, mend it with: sed",
    ],
    "CR LF behind an argument": ["#!/bin/sh -e\r\n", "its lines end with CR LF"],
    "no #!": ["cat > /dev/null\n", "it has no #! in its first line"],
    "an empty line before it": ["\n#!/bin/sh\n", "it has no #! in its first line"],
    "a byte order mark": [
      "\u00ef\u00bb\u00bf#!/bin/sh\n",
      "a byte order mark stands before its #!",
    ],
    "an interpreter that is not there": [
      "#!/usr/bin/pythn\n",
      "its #! names /usr/bin/pythn, which",
    ],
    "an interpreter that env does not find": [
      "#!/usr/bin/env pythn\n",
      "its #! asks for pythn, which",
    ],
    "no interpreter": ["#!\n", "its #! names no program"],
    "nothing in it": ["", "it is empty"],
  };
  for (const [what, [text, said]] of Object.entries(faulty)) {
    test(`finds ${what}`, async () => {
      using scratch = new Scratch();
      const path = scratch.in("plugin");
      await Bun.write(path, new Uint8Array(Buffer.from(text, "latin1")));
      expect(await programFault(path, { PATH: "/usr/bin:/bin" })).toStartWith(said);
    });
  }
});
