// System: the files that a package of a Linux distribution puts on a host, and its scripts.
import { globSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../process.ts";
import { plain, program, type TreeFile } from "./tree.ts";

/** What is made for a package before it is put together. */
export interface Made {
  /** The path of the executable. */
  readonly executable: string;
  /** The path of what is said of the packages in it. */
  readonly notices: string;
  /** The paths of what jobs and plugins import. */
  readonly sdk: readonly string[];
  /** Roff by the name of the page. */
  readonly man: ReadonlyMap<string, string>;
  /** Scripts by the name of the shell. */
  readonly completions: ReadonlyMap<"bash" | "zsh" | "fish", string>;
}

function ours(path: string): { readonly file: string } {
  return { file: resolve(root, path) };
}

/** Where each shell looks for what completes the command lines of others. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/mig-runner",
  zsh: "usr/share/zsh/vendor-completions/_mig-runner",
  fish: "usr/share/fish/vendor_completions.d/mig-runner.fish",
} as const;

/** Configuration that an operator may have changed: an upgrade does not overwrite it. */
export const CONFIG_FILES = ["/etc/logrotate.d/mig-runner"] as const;

/** The files, by their paths on the host. */
export function systemFiles({ executable, notices, man, completions }: Made): readonly TreeFile[] {
  const doc = "usr/share/doc/mig-runner";
  const units = readdirSync(resolve(root, "packaging/systemd"));
  // With the pictures in folders below it.
  const docs = globSync("**/*.*", { cwd: resolve(root, "docs") }).sort();
  return [
    program("usr/bin/mig-runner", { file: executable }),
    ...units
      .filter((name) => /\.(?:service|timer)$/.test(name))
      .map((name) => plain(`usr/lib/systemd/system/${name}`, ours(`packaging/systemd/${name}`))),
    plain("usr/lib/sysusers.d/mig-runner.conf", ours("packaging/systemd/sysusers.conf")),
    plain("usr/lib/tmpfiles.d/mig-runner.conf", ours("packaging/systemd/tmpfiles.conf")),
    plain("etc/logrotate.d/mig-runner", ours("packaging/logrotate.conf")),
    ...[...man].map(([name, text]) =>
      plain(`usr/share/man/man1/${name}.1.gz`, gzipSync(text, { level: 9 })),
    ),
    ...[...completions].map(([shell, text]) => plain(COMPLETIONS[shell], text)),
    plain(`${doc}/copyright`, ours("LICENSE")),
    plain(`${doc}/THIRD_PARTY_NOTICES`, { file: notices }),
    plain(`${doc}/CHANGELOG.md`, ours("CHANGELOG.md")),
    plain(`${doc}/README.md`, ours("README.md")),
    ...docs.map((name) => plain(`${doc}/docs/${name}`, ours(`docs/${name}`))),
    plain(`${doc}/examples/runner.cfg`, ours("packaging/runner.cfg")),
    ...["prometheus/mig-runner.rules.yml", "grafana/mig-runner.json"].map((name) =>
      plain(`${doc}/examples/${name}`, ours(`packaging/${name}`)),
    ),
  ];
}

/** The user and the folders; then a service that runs is started again, which goes on by itself. */
export const AFTER_INSTALL = `if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers \${DPKG_ROOT:+--root="$DPKG_ROOT"} mig-runner.conf
elif ! getent passwd mig >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/mig-runner --shell /usr/sbin/nologin mig
fi
if command -v systemd-tmpfiles >/dev/null; then
  systemd-tmpfiles \${DPKG_ROOT:+--root="$DPKG_ROOT"} --create mig-runner.conf || true
else
  for folder in /var/lib/mig-runner /var/lib/mig-runner/runners /var/lib/mig-runner/plugins \\
    /var/log/mig-runner; do
    install -d -m 0750 -o mig -g mig "$DPKG_ROOT$folder"
  done
fi
# One that is there may be other programs' too: it stays as it is.
[ -d "$DPKG_ROOT/etc/mig" ] || install -d -m 0750 -g mig "$DPKG_ROOT/etc/mig"
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart mig-runner.service mig-runner-dashboard.service || true
fi
`;

/** When it is taken off the host, and not when another version comes. */
export const BEFORE_REMOVE = `if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
  systemctl disable --now mig-runner.service mig-runner-once.timer \\
    mig-runner-dashboard.service 2>/dev/null || true
fi
`;

/** Jobs, results and the journal are the operator's, and so are logs; only empty folders go. */
export const AFTER_REMOVE = `data="$DPKG_ROOT/var/lib/mig-runner"
rmdir "$data/runners" "$data/plugins" "$data" "$DPKG_ROOT/var/log/mig-runner" \\
  "$DPKG_ROOT/etc/mig" 2>/dev/null || true
if [ -d "$data" ]; then
  echo "mig-runner: jobs, results and journal are still in $data"
fi
`;

/** Debian's purge takes the logs away, too; of Red Hat's kind there is none. */
export const AFTER_PURGE = `rm -rf "$DPKG_ROOT/var/log/mig-runner"
${AFTER_REMOVE}`;
