// Name: what the directory of a job, and a plugin, may be called.
//
// A job's name stands in log lines, listings, answers for other programs and the environment of
// plugins. The original takes any name that a file system does; one that cannot be read, typed or
// told from another is refused here, before anything of the job runs.
import { visible } from "../text.ts";

/** Most characters of a name. */
export const NAME_SIZE_MAX = 128;

/** What is wrong with a name, and how to mend it; null when it can be used. */
export function nameFault(
  name: string,
): { readonly message: string; readonly hint: string } | null {
  // The system's own texts have this in place of bytes that are none.
  if (name.includes("\ufffd")) return fault("the name of its directory is no UTF-8");
  if (visible(name) !== name || /[\t\\]/.test(name)) {
    return fault(
      "the name of its directory has characters that cannot be shown, or a tab or backslash",
    );
  }
  if (name.trim() !== name) {
    return fault("the name of its directory begins or ends with a blank");
  }
  const size = [...name].length;
  if (size <= NAME_SIZE_MAX) return null;
  return fault(`the name of its directory has ${size} characters, at most ${NAME_SIZE_MAX} may`);
}

/** What is wrong with the name of a plugin, a file of plugins/; null when it can be used. */
export function pluginNameFault(name: string): string | null {
  if (name === "") return "the name is empty";
  if (name.includes("/")) return "the name has a slash in it";
  if (name === "." || name === "..") return "the name is a directory";
  return name.includes("\0") ? "the name has a NUL in it" : null;
}

function fault(message: string) {
  return { message, hint: "Rename the directory, with letters, digits, dots, dashes" } as const;
}
