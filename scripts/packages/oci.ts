// Oci: an image as an archive that `docker load` and `podman load` take: the executable, the
// libraries of this host that it is linked with, and nothing else. It has no shell: plugins in it
// are modules.
import { existsSync, realpathSync } from "node:fs";
import { copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageOrder, Release } from "./deb.ts";
import type { Made } from "./system.ts";
import { layOut, plain, program, run, sha256, type TreeFile, writeTar } from "./tree.ts";

const MACHINES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The authorities that this host trusts, where Debian and Red Hat keep them. */
const AUTHORITIES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/** The user of the image. */
const USER = 10_001;

const PASSWD = `root:x:0:0:root:/root:/sbin/nologin
mig:x:${USER}:${USER}:MIG runner:/var/lib/mig-runner:/sbin/nologin
`;

/** The libraries that `ldd` names in its answer, by the paths at which they are looked for. */
export function librariesIn(answer: string): readonly string[] {
  return answer.split("\n").flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** The files of the image. */
export function imageFiles(
  { executable, notices }: Pick<Made, "executable" | "notices">,
  libraries: readonly string[],
): readonly TreeFile[] {
  const authorities = AUTHORITIES.find((path) => existsSync(path));
  return [
    program("usr/bin/mig-runner", { file: executable }),
    ...libraries.map((path) => program(path.slice(1), { file: realpathSync(path) })),
    plain("etc/passwd", PASSWD),
    plain("etc/group", `root:x:0:\nmig:x:${USER}:\n`),
    plain("etc/nsswitch.conf", "hosts: files dns\n"),
    ...(authorities === undefined
      ? []
      : [plain("etc/ssl/certs/ca-certificates.crt", { file: authorities })]),
    plain("usr/share/doc/mig-runner/THIRD_PARTY_NOTICES", { file: notices }),
  ];
}

/** Writes the archive. @param folder A place to put it together in; it is gone afterwards. */
export async function writeImage(
  files: readonly TreeFile[],
  { out, folder, release }: PackageOrder,
): Promise<void> {
  const { epoch, cpu, version } = release;
  const [tree, image] = [join(folder, "tree"), join(folder, "image")];
  await layOut(files, { folder: tree, epoch });
  const layer = join(folder, "layer.tar");
  writeTar(layer, { folder: tree, epoch });
  const blobs = join(image, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const keep = async (path: string, mediaType: string) => {
    const [digest, { size }] = await Promise.all([sha256(path), stat(path)]);
    await rename(path, join(blobs, digest));
    return { mediaType, digest: `sha256:${digest}`, size };
  };
  const write = async (value: unknown, mediaType: string) => {
    const path = join(folder, "value.json");
    await writeFile(path, JSON.stringify(value));
    return await keep(path, mediaType);
  };
  const diff = `sha256:${await sha256(layer)}`;
  const stored = await keep(layer, "application/vnd.oci.image.layer.v1.tar");
  const config = await write(
    imageConfig({ diff, epoch, cpu }),
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await write(
    { schemaVersion: 2, mediaType, config, layers: [stored] },
    mediaType,
  );
  const tag = `mig-runner:${version}`;
  const annotations = {
    "io.containerd.image.name": `docker.io/library/${tag}`,
    "org.opencontainers.image.ref.name": version,
  };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  const pathOf = ({ digest }: { digest: string }) => `blobs/${digest.replace(":", "/")}`;
  // What docker looked for before it knew the other.
  const old = [{ Config: pathOf(config), RepoTags: [tag], Layers: [pathOf(stored)] }];
  await writeFile(join(image, "index.json"), JSON.stringify(index));
  await writeFile(join(image, "manifest.json"), JSON.stringify(old));
  await writeFile(join(image, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  run("chmod", ["-R", "u=rwX,go=rX", image]);
  const archive = join(folder, "image.tar");
  writeTar(archive, { folder: image, epoch });
  await copyFile(archive, out);
  await rm(folder, { recursive: true });
}

function imageConfig({
  diff,
  epoch,
  cpu,
}: Pick<Release, "epoch" | "cpu"> & { readonly diff: string }) {
  const created = new Date(epoch * 1_000).toISOString();
  return {
    created,
    architecture: MACHINES[cpu] ?? cpu,
    os: "linux",
    config: {
      User: `${USER}:${USER}`,
      Entrypoint: ["/usr/bin/mig-runner"],
      Cmd: ["-c", "/etc/mig/runner.cfg"],
      Env: ["PATH=/usr/bin", "HOME=/var/lib/mig-runner"],
      WorkingDir: "/",
      StopSignal: "SIGTERM",
      Labels: { "org.opencontainers.image.licenses": "MPL-2.0" },
    },
    rootfs: { type: "layers", diff_ids: [diff] },
    history: [{ created, comment: "mig-runner" }],
  };
}
