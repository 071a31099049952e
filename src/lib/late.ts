// Late: modules of Node that are loaded at the first call. node:crypto takes a start ten
// milliseconds and node:zlib five, and a process that looks at its jobs needs neither.
import type { Hash } from "node:crypto";
import { getBuiltinModule } from "node:process";
import type { ZlibOptions } from "node:zlib";

/** As `createHash` of node:crypto. */
export function createHash(algorithm: string): Hash {
  return getBuiltinModule("node:crypto").createHash(algorithm);
}

/** As `gzipSync` of node:zlib. */
export function gzipSync(bytes: string | Uint8Array): Buffer {
  return getBuiltinModule("node:zlib").gzipSync(bytes);
}

/** As `gunzipSync` of node:zlib. */
export function gunzipSync(bytes: Uint8Array, options: ZlibOptions): Buffer {
  return getBuiltinModule("node:zlib").gunzipSync(bytes, options);
}
