import { expect, test } from "bun:test";
import { librariesIn } from "../../scripts/packages/oci.ts";

test("librariesIn() takes each library by the path at which it is looked for", () => {
  const answer = `\tlinux-vdso.so.1 (0x00007ffd1b5f2000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2a4c000000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2a4c3d1000)
\tlibgone.so => not found
`;
  expect(librariesIn(answer)).toEqual([
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/ld-linux-x86-64.so.2",
  ]);
  expect(librariesIn("\tnot a dynamic executable\n")).toEqual([]);
});
