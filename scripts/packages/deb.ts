// Deb: a package of Debian, by dpkg-deb.
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { AFTER_INSTALL, AFTER_PURGE, BEFORE_REMOVE, CONFIG_FILES } from "./system.ts";
import { layOut, plain, program, run, type TreeFile } from "./tree.ts";

/** What a package is called. */
export interface Release {
  readonly version: string;
  /** As npm calls it, such as x64. */
  readonly cpu: string;
  /** When it was made, in seconds: of every file, too. */
  readonly epoch: number;
}

/** How a package is written. */
export interface PackageOrder {
  readonly out: string;
  /** A place to put it together in. */
  readonly folder: string;
  readonly release: Release;
}

/** Debian's names of machines. */
const MACHINES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const DESCRIPTION = `Description: scheduler of PGP-signed MIG actions
 Runs the actions of MIG (Mozilla InvestiGator) by schedule: dates, signs and
 posts them, collects what the agents answer and hands it to plugins. Takes the
 place of the original mig-runner, with its directory and configuration.`;

/** Debian's name of the package's file. */
export function debName({ version, cpu }: Release): string {
  return `mig-runner_${version}_${MACHINES[cpu] ?? cpu}.deb`;
}

/** The part of a package that dpkg itself reads. */
export async function controlFiles(
  files: readonly TreeFile[],
  { version, cpu }: Release,
): Promise<readonly TreeFile[]> {
  const contents = await Promise.all(
    files.map(async (file) => [file.path, await bytesOf(file)] as const),
  );
  const size = contents.reduce((sum, [, bytes]) => sum + bytes.length, 0);
  const sums = contents.map(([path, bytes]) => `${md5(bytes)}  ${path}\n`);
  const control = [
    "Package: mig-runner",
    `Version: ${version}`,
    "Section: admin",
    "Priority: optional",
    `Architecture: ${MACHINES[cpu] ?? cpu}`,
    "Maintainer: mig-runner <mig-runner@localhost>",
    `Installed-Size: ${Math.ceil(size / 1_024)}`,
    "Depends: libc6 (>= 2.28), passwd",
    "Recommends: ca-certificates, logrotate",
    DESCRIPTION,
    "",
  ];
  return [
    plain("DEBIAN/control", control.join("\n")),
    plain("DEBIAN/conffiles", CONFIG_FILES.map((path) => `${path}\n`).join("")),
    plain("DEBIAN/md5sums", sums.sort().join("")),
    program("DEBIAN/postinst", script("configure", AFTER_INSTALL)),
    program("DEBIAN/prerm", script("remove", BEFORE_REMOVE)),
    program("DEBIAN/postrm", script("purge", AFTER_PURGE)),
  ];
}

/** dpkg says by the first word what happens. */
function script(when: string, commands: string): string {
  return `#!/bin/sh\nset -e\n[ "$1" = ${when} ] || exit 0\n${commands}`;
}

async function bytesOf({ content }: TreeFile): Promise<Uint8Array> {
  if (typeof content === "string") return new TextEncoder().encode(content);
  if (content instanceof Uint8Array) return content;
  return "file" in content ? await readFile(content.file) : new Uint8Array();
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

/** Writes the package. @param folder A place to put it together in; it is gone afterwards. */
export async function writeDeb(
  files: readonly TreeFile[],
  { out, folder, release }: PackageOrder,
): Promise<void> {
  const { epoch } = release;
  await layOut([...files, ...(await controlFiles(files, release))], { folder, epoch });
  const environment = { SOURCE_DATE_EPOCH: String(epoch) };
  run("dpkg-deb", ["--root-owner-group", "-Zgzip", "--build", folder, out], environment);
  await rm(folder, { recursive: true });
}
