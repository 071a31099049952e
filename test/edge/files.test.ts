import { expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replaceFile } from "../../src/edge/files.ts";

test("replaceFile() is stopped by nothing that is left from before, and takes no mode from it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mig-runner-files-"));
  try {
    const path = join(folder, "sdk.d.ts");
    writeFileSync(`${path}.new`, "half", { mode: 0o666 });
    await replaceFile(path, "first");
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["first", 0o600]);
    symlinkSync(join(folder, "elsewhere"), `${path}.new`);
    await replaceFile(path, "second");
    expect([readFileSync(path, "utf8"), readdirSync(folder)]).toEqual(["second", ["sdk.d.ts"]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
