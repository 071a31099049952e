// Pkg: the module that lists installed packages whose name matches.
import * as v from "valibot";
import { defineModule } from "./module.ts";
import { members, pattern, text, texts } from "./rules.ts";

/** Which packages to list. Patterns are RE2. */
export interface PkgParameters {
  readonly pkgmatch: {
    /** Patterns on the name, at least one. */
    readonly matches: readonly string[];
  };
  /** A pattern on the version; `!` in front inverts it. @default "": any version */
  readonly vermatch?: string | undefined;
}

/** An installed package. */
export interface PkgPackage {
  readonly name: string;
  readonly version: string;
  /** "dpkg" or "rpm". */
  readonly type: string;
  readonly arch: string;
}

/** The packages; one that two patterns match is listed twice. */
export interface PkgElements {
  readonly packages: readonly PkgPackage[];
}

/** What the pkg module measures. */
export interface PkgStatistics {
  /** A duration as Go prints it. */
  readonly execruntime: string;
}

function versionRule(version: string): string | null {
  return pattern(version.startsWith("!") ? version.slice(1) : version);
}

/** The pkg module. @see modules/pkg/pkg.go `ValidateParameters` of the original */
export const pkg = defineModule<PkgParameters, PkgElements, PkgStatistics>({
  module: "pkg",
  parameters: members({
    pkgmatch: members({
      matches: v.pipe(texts(pattern), v.nonEmpty("at least one pattern is wanted")),
    }),
    vermatch: v.optional(text(versionRule)),
  }),
  elements: v.looseObject({
    packages: v.array(
      v.looseObject({
        name: v.string(),
        version: v.string(),
        type: v.string(),
        arch: v.string(),
      }),
    ),
  }),
  statistics: v.looseObject({ execruntime: v.string() }),
});
