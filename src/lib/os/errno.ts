// Errno: what the kernel said, in the words of the original's messages.
//
// The original prints errors as its C library spells them ("permission denied", "is a directory");
// libuv spells some of them otherwise. Operators search their logs for the former.

import { messageOf } from "../../errors.ts";
import { UnfitFile } from "./read.ts";

/** The kernel's texts for the errors that files, sockets and processes give. */
const TEXTS: Readonly<Record<string, string>> = {
  E2BIG: "argument list too long",
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EAGAIN: "resource temporarily unavailable",
  EBADF: "bad file descriptor",
  EBUSY: "device or resource busy",
  ECONNABORTED: "software caused connection abort",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EDQUOT: "disk quota exceeded",
  EEXIST: "file exists",
  EFBIG: "file too large",
  EHOSTUNREACH: "no route to host",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELIBBAD: "accessing a corrupted shared library",
  ELOOP: "too many levels of symbolic links",
  EMFILE: "too many open files",
  EMSGSIZE: "message too long",
  ENAMETOOLONG: "file name too long",
  ENETUNREACH: "network is unreachable",
  ENFILE: "too many open files in system",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOEXEC: "exec format error",
  ENOMEM: "cannot allocate memory",
  ENOSPC: "no space left on device",
  ENOSYS: "function not implemented",
  ENOTDIR: "not a directory",
  ENOTEMPTY: "directory not empty",
  ENOTFOUND: "no such host",
  ENXIO: "no such device or address",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EROFS: "read-only file system",
  ESTALE: "stale file handle",
  ETIMEDOUT: "connection timed out",
  ETXTBSY: "text file busy",
  EXDEV: "invalid cross-device link",
};

/** The code of a system error, such as "ENOENT", or null for anything else that was thrown. */
export function errnoCode(error: unknown): string | null {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

/**
 * The kernel's text of a system error, such as "no such file or directory"; the message of any
 * other error.
 *
 * @see Go `syscall.Errno.Error`, whose texts the original's messages end in
 */
export function errnoText(error: unknown): string {
  return error instanceof UnfitFile ? error.message : kernelText(error);
}

/** The same, also for a file that this program has refused before the kernel did. */
export function kernelText(error: unknown): string {
  return TEXTS[errnoCode(error) ?? ""] ?? messageOf(error);
}

/** What an operator can do about a failed write, open or rename, or null when nobody can say. */
export function errnoHint(error: unknown): string | null {
  if (error instanceof UnfitFile) return error.hint ?? null;
  switch (errnoCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return "Free space there, the runner tries again by itself";
    case "EROFS":
      return "Mount the file system for writing, or move the runner directory";
    case "EACCES":
    case "EPERM":
      return "Give the user that runs mig-runner access to it";
    case "ELOOP":
      return "Replace the symbolic link by what it points to";
    case "EMFILE":
    case "ENFILE":
      return "Raise the limit of open files (LimitNOFILE= in the unit)";
    default:
      return null;
  }
}
