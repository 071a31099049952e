// Version: what `-V` prints. build.ts stamps it from package.json.
declare const MIG_RUNNER_VERSION: string | undefined;

/** The version of this program; as the original, "0.unversioned" when it runs from source. */
export const VERSION: string =
  typeof MIG_RUNNER_VERSION === "string" ? MIG_RUNNER_VERSION : "0.unversioned";
