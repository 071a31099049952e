// Rpm: a package of Red Hat's kind, by rpmbuild.
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageOrder, Release } from "./deb.ts";
import { AFTER_INSTALL, AFTER_REMOVE, BEFORE_REMOVE, CONFIG_FILES } from "./system.ts";
import { layOut, run, type TreeFile } from "./tree.ts";

const MACHINES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** The name of the package's file. */
export function rpmName({ version, cpu }: Release): string {
  return `mig-runner-${version}-1.${MACHINES[cpu] ?? cpu}.rpm`;
}

/** Zsh of Red Hat's kind looks elsewhere than Debian's. */
function rpmFile(file: TreeFile): TreeFile {
  return { ...file, path: file.path.replace("/vendor-completions/", "/site-functions/") };
}

/** What rpmbuild reads. The number of packages that stay is 0 when it is taken off the host. */
export function specText(files: readonly TreeFile[], { version }: Release): string {
  const lines = files.map(rpmFile).map(({ path }) => {
    const isConfig = CONFIG_FILES.some((each) => each === `/${path}`);
    return `${isConfig ? "%config(noreplace) " : ""}"/${path}"`;
  });
  return `Name: mig-runner
Version: ${version}
Release: 1
Summary: Scheduler of PGP-signed MIG actions
License: MPL-2.0
AutoReqProv: no
Requires: glibc >= 2.28
Requires(post): /usr/sbin/useradd

%description
Runs the actions of MIG (Mozilla InvestiGator) by schedule: dates, signs and posts them, collects
what the agents answer and hands it to plugins.

%post
${AFTER_INSTALL}
%preun
if [ "$1" = 0 ]; then
${BEFORE_REMOVE}fi

%postun
if [ "$1" = 0 ]; then
${AFTER_REMOVE}fi

%files
%defattr(-,root,root)
${lines.join("\n")}
`;
}

/** Writes the package. @param folder A place to put it together in; it is gone afterwards. */
export async function writeRpm(
  files: readonly TreeFile[],
  { out, folder, release }: PackageOrder,
): Promise<void> {
  const { epoch, cpu } = release;
  await mkdir(folder, { recursive: true });
  await layOut(files.map(rpmFile), { folder: join(folder, "root"), epoch });
  const spec = join(folder, "mig-runner.spec");
  await writeFile(spec, specText(files, release));
  const machine = MACHINES[cpu] ?? cpu;
  const settings = {
    _topdir: folder,
    _rpmdir: folder,
    _build_id_links: "none",
    _buildhost: "localhost",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    __os_install_post: "%{nil}",
  };
  const defines = Object.entries(settings).flatMap(([key, value]) => [
    "--define",
    `${key} ${value}`,
  ]);
  const argv = ["-bb", "--target", machine, "--buildroot", join(folder, "root"), ...defines, spec];
  run("rpmbuild", argv, { SOURCE_DATE_EPOCH: String(epoch) });
  await copyFile(join(folder, machine, rpmName(release)), out);
  await rm(folder, { recursive: true });
}
