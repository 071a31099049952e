// OpenSSL: the tests of one package, as scribe evaluates them on each host.
import type { ScribeDocument } from "mig-runner";

/** Versions below this one have the hole, for each release that is in use. */
const FIXED = [
  { release: "jammy", version: "3.0.2-0ubuntu1.20" },
  { release: "bookworm", version: "3.0.17-1~deb12u2" },
] as const;

export const openssl: ScribeDocument = {
  objects: [
    { object: "openssl", package: { name: "openssl" } },
    {
      object: "release",
      filecontent: {
        path: "/etc",
        file: "^os-release$",
        expression: "^VERSION_CODENAME=(\\S+)$",
      },
    },
  ],
  tests: FIXED.flatMap(({ release, version }) => [
    { test: `is-${release}`, object: "release", exactmatch: { value: release } },
    {
      test: `openssl-${release}`,
      name: "openssl: out-of-bounds read",
      object: "openssl",
      evr: { operation: "<", value: version },
      // Only on this release: elsewhere the same version number means something else.
      if: [`is-${release}`],
      // mozdef-scribe reports the tests that have a severity, and by these words.
      tags: [
        { key: "severity", value: "high" },
        { key: "cve", value: "CVE-2025-9230" },
        { key: "link", value: "https://nvd.nist.gov/vuln/detail/CVE-2025-9230" },
      ],
    },
  ]),
};
