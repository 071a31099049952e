// Vulnerabilities: which hosts run a package with a known hole, for MozDef.
//
// The plugin sends an event for each host: its list of vulnerabilities, which is empty on a sound
// one and closes what was open there. A host that was not looked at gets another event: nothing of
// it is closed.
import { job, modules } from "mig-runner";
import { openssl } from "./openssl.ts";

export default job({
  schedule: { cron: "0 */6 * * *", spread: "1h", overlap: "skip" },
  expiry: "20m",
  action: {
    target: "environment->>'os'='linux' AND mode='daemon'",
    operations: [
      // Tests that are not true are left out: most hosts answer with an empty list.
      modules.scribe({ scribedoc: openssl, onlytrue: true }, { compress: true }),
    ],
  },
  plugin: "mozdef-scribe",
});
