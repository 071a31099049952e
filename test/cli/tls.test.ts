import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { Tls } from "../../src/cli/tls.ts";
import { NAMED } from "../support/tls-names.ts";
import { Directory } from "../support/verb.ts";

describe("Tls", () => {
  test("takes a key once its mode is mended, and says once what is wrong with it", async () => {
    await using directory = await Directory.create();
    const [text = ""] = Object.values(NAMED.certificates);
    const files = {
      certificate: await directory.write("cert", text, 0o644),
      key: await directory.write("key", NAMED.key, 0o600),
    };
    const said: string[] = [];
    const tls = await Tls.open(files, (line) => said.push(line));
    let shown = 0;
    const look = async (): Promise<readonly string[]> => {
      await tls.look(() => {
        shown += 1;
      });
      return said.splice(0).filter((line) => !line.startsWith("warning: "));
    };
    said.length = 0;
    expect(await look()).toEqual([]);
    await directory.write("key", `${NAMED.key}\n`, 0o644);
    expect(await look()).toEqual([
      expect.stringContaining("error: the certificate stays as it was"),
    ]);
    expect([await look(), shown]).toEqual([[], 0]);
    await chmod(files.key, 0o600);
    expect(await look()).toEqual([expect.stringContaining("the certificate was read again")]);
    expect([await look(), shown]).toEqual([[], 1]);
  });
});
