// Locate: the line of a job that an error comes from.

/** A frame of a stack in either runtime: `at name (path:line:column)` or `at path:line:column`. */
const FRAME = /^\s*at (?:.*? \()?(?:file:\/\/)?(\/.*?):(\d+)(?::\d+)?\)?$/;

/** Files of this program: bundled into the executable, or where this file lies. */
const OURS = /^\/\$bunfs\//;
const OWN_FOLDER = (import.meta.dirname ?? "").replace(/\/src\/edge\/workflow$/, "/src/");

/**
 * `path:line` of the innermost frame in a file that is not this program's own, nor that of a
 * package; null when there is none.
 */
export function locate(error: Pick<Error, "stack">): string | null {
  for (const line of (error.stack ?? "").split("\n")) {
    const [, path, number] = FRAME.exec(line) ?? [];
    if (path === undefined || OURS.test(path) || path.includes("/node_modules/")) continue;
    if (path.startsWith(OWN_FOLDER)) continue;
    return `${path.replace(/\?.*$/, "")}:${number}`;
  }
  return null;
}
