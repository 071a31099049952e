import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { notify } from "../../src/cli/notify.ts";
import { Directory } from "../support/verb.ts";

describe("notify test", () => {
  test("gives a test alarm to each plugin of [notify], and says which took it", async () => {
    await using directory = await Directory.create();
    const heard = directory.at("heard.json");
    await directory.plugin("page", `cat > "${heard}"; [ "$MIG_RUNNER_KIND" = alarm ]`);
    await directory.plugin("broken", "exit 3");
    await directory.config("[notify]", "plugins = page", "plugins = broken");
    const { exit, out } = await directory.call(notify, ["test"], {
      environment: { PATH: process.env.PATH },
    });
    expect(out).toBe("page: told\nbroken: not told: exit status 3\n");
    expect(exit).toBe(1);
    expect(JSON.parse(readFileSync(heard, "utf8"))).toMatchObject({
      kind: "alarm",
      event: "test",
      job: null,
    });
  });

  test("says what to write when nobody is to be told, and what it takes", async () => {
    await using directory = await Directory.create();
    const { thrown } = await directory.call(notify, ["test"]);
    expect(thrown).toContain('[notify] plugins = "slack"');
    expect((await directory.call(notify, [])).thrown).toBe("notify takes the word test");
  });
});
