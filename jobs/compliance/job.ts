// Compliance: every day, whether sshd is set up as the policy wants it, on each Linux host.
//
// A table without a workflow: the runner dispatches, waits, collects and delivers. The plugin makes
// an event of each item and host, which passes or fails. A host that could not be looked at gets an
// event of its own: it has neither passed nor failed.
import { type FileSearch, job, modules } from "mig-runner";

export default job({
  // Missed while the runner was down: the last time is caught up, a check a day is enough.
  schedule: { cron: "0 4 * * *", timezone: "UTC", spread: "30m", onMissed: "last" },
  expiry: "15m",
  action: {
    target: "environment->>'os'='linux' AND mode='daemon'",
    description: { author: "security", url: "https://wiki.example.net/policy/ssh" },
    threat: { type: "system", level: "medium", ref: "ssh" },
    operations: [
      modules.file({
        searches: {
          rootlogin: item("root may not log in", "^PermitRootLogin no$"),
          passwords: item("keys only, no passwords", "^PasswordAuthentication no$"),
          forwarding: item("no forwarding of X11", "^X11Forwarding no$"),
        },
      }),
    ],
  },
  plugin: "mozdef-compliance",
});

/** An item passes on a host whose sshd_config has the line. */
function item(description: string, line: string): FileSearch {
  return {
    description,
    paths: ["/etc/ssh"],
    names: ["^sshd_config$"],
    contents: [line],
    // Name and content must hold for the same file.
    options: { matchall: true, maxdepth: 1 },
  };
}
