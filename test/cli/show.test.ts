import { describe, expect, test } from "bun:test";
import { show } from "../../src/cli/show.ts";
import { Directory } from "../support/verb.ts";

const AT = ["--at", "2026-01-02T03:04:05Z"];

describe("show", () => {
  test("prints the posted action and the text that is signed, with the clock at --at", async () => {
    await using directory = await Directory.create();
    await directory.job("nightly", ['expiry = "10m"', 'plugin = "print"', 'timezone = "UTC"']);
    // Neither a client configuration nor a key is needed.
    await directory.write(".migrc", "no configuration at all");
    const { exit, out } = await directory.call(show, ["nightly", "--json", ...AT]);
    expect(exit).toBe(0);
    const shown = JSON.parse(out);
    // 2026-01-02T03:04:05Z is 1767323045: valid from a minute before, expired ten minutes after.
    expect(shown.signedText).toBe(
      "name=mig-runner: nightly;target=status='online';validfrom=1767322985;" +
        "expireafter=%!s(int64=1767323645);" +
        'operations=[{"module":"timedrift","parameters":{"drift":"5s"}}];',
    );
    expect(shown.action.name).toBe("mig-runner: nightly");
    expect(shown.action.validfrom).toBe("2026-01-02T03:03:05Z");
    expect(shown.action.expireafter).toBe("2026-01-02T03:14:05Z");
    expect(shown.action.pgpsignatures).toBeNull();
    expect(shown.validFrom).toBe("2026-01-02T03:03:05Z");
    expect(shown.expireAfter).toBe("2026-01-02T03:14:05Z");
    expect(shown.plugins).toEqual(["print"]);
    expect(shown.next).toBe("2026-01-03T03:00:00Z");
  });

  test("keeps numbers that JavaScript cannot hold", async () => {
    await using directory = await Directory.create();
    const operations = '[{"module":"file","parameters":{"size":9007199254740993}}]';
    await directory.job("big", [], `{"target":"a","operations":${operations}}`);
    const { out } = await directory.call(show, ["big", "--json", ...AT]);
    expect(out).toContain('"signedText":"name=mig-runner: big;');
    const posted = out.slice(out.indexOf('"action":'), out.indexOf('"signedText"'));
    const signed = JSON.parse(out).signedText as string;
    const written = /"size":[^}]*/.exec(posted)?.[0] ?? "";
    expect(written).not.toBe("");
    expect(signed).toContain(written);
  });

  test("shows every job a line, a broken one by its mistakes, and ends with 1", async () => {
    await using directory = await Directory.create();
    await directory.job("broken", ["expiry = soon"]);
    await directory.job("empty", [], '{"target":"a"}');
    await directory.job("sound");
    const { exit, out } = await directory.call(show, ["--all", "--json", ...AT]);
    expect(exit).toBe(1);
    const [broken, empty, sound] = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(Object.keys(broken)).toEqual(["job", "error"]);
    expect(broken.error).toContain("entity.cfg:3");
    expect(empty.error).toContain("runners/empty/action.json: Cannot post the action: it has no");
    expect(sound.job).toBe("sound");
  });

  test("prints for people without touching a blank of what is signed", async () => {
    await using directory = await Directory.create();
    const action = '{"target":"a  =  1","operations":[{"module":"file","parameters":"x  y"}]}';
    await directory.job("nightly", ['sendonly = "true"'], action);
    const { exit, out, error } = await directory.call(show, ["nightly", ...AT]);
    expect([exit, error]).toEqual([0, ""]);
    expect(out).toContain('  operation 1  file "x  y"\n');
    expect(out).toContain("  signed text  name=mig-runner: nightly;target=a  =  1;");
    expect(out).toContain("  plugins      none: sendonly is set");
  });

  test("warns of a signature in the template", async () => {
    await using directory = await Directory.create();
    const action = '{"target":"a","operations":[{"module":"m"}],"pgpsignatures":["x"]}';
    await directory.job("nightly", [], action);
    const { out } = await directory.call(show, ["nightly", "--json", ...AT]);
    expect(JSON.parse(out).warnings[0]).toContain("can never hold");
    expect(JSON.parse(out).action.pgpsignatures).toBeNull();
  });

  test("names the job that was meant, and wants names or --all", async () => {
    await using directory = await Directory.create();
    await directory.job("compliance");
    expect((await directory.call(show, ["complaince"])).thrown).toContain(
      'Cannot show job "complaince": there is none (did you mean "compliance"?)',
    );
    expect((await directory.call(show, [])).thrown).toBe("show takes names of jobs, or --all");
    expect((await directory.call(show, ["a", "--all"])).thrown).toContain("or --all");
  });
});
