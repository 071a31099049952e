// Notices: the licences of what is not ours in the program: packages in the bundle, and in the
// executable the runtime with what is linked into it.
//
// build.ts makes the text from what it really bundles and puts it into the executable; a program
// that runs from its sources makes it from the packages that it depends on.
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";

/** The text, where build.ts has put it. */
declare const MIG_RUNNER_NOTICES: string | undefined;

/** What the text is about. */
export interface NoticesOrder {
  /** The folder of the sources, with `node_modules` and `licenses`. */
  readonly root: string;
  /** Packages by name, with those of their files that are bundled. No files: all of them. */
  readonly packages: ReadonlyMap<string, readonly string[]>;
  /** Whether the runtime is part of the program. */
  readonly withRuntime: boolean;
}

/** The notices of this program. */
export async function programNotices(): Promise<string> {
  if (typeof MIG_RUNNER_NOTICES === "string") return MIG_RUNNER_NOTICES;
  const root = resolve(import.meta.dirname ?? "", "../..");
  const { dependencies = {} } = await readManifest(root);
  const packages = new Map(Object.keys(dependencies).map((name) => [name, []]));
  return await readNotices({ root, packages, withRuntime: false });
}

/**
 * Puts the text together.
 *
 * @throws {Error} When a package is not installed, or comes without its licence.
 */
export async function readNotices(order: NoticesOrder): Promise<string> {
  const { packages, root, withRuntime } = order;
  const names = [...packages.keys()].sort();
  const parts = await Promise.all(
    names.map((name) => packageNotice(`${root}/node_modules/${name}`, packages.get(name) ?? [])),
  );
  const runtime = withRuntime ? [await runtimeNotice(root)] : [];
  const licenses = withRuntime ? ALL_LICENSES : ["GPL-3.0"];
  const texts = await Promise.all(licenses.map((name) => licenseText(root, name)));
  const contents = [...names, ...(withRuntime ? ["Bun"] : [])].map((name) => `  ${name}`);
  const head = `${HEAD}\n\n${contents.join("\n")}\n\n${withRuntime ? RELINK : FROM_SOURCE}`;
  return `${[head, ...parts, ...runtime, ...texts].join(`\n\n${"=".repeat(80)}\n\n`)}\n`;
}

const HEAD = `Third-party notices of mig-runner

mig-runner is under the Mozilla Public License 2.0; its complete source is what this program was
built from, and whoever gave you the program owes you that source on request (section 3.2 of that
licence). The program also holds the works of others, each under a licence of its own:`;

const RELINK = `\
Some of them are under the GNU Lesser General Public License. You may change them and use what
you have changed, and nothing in the terms of mig-runner forbids taking the program apart for
that:

  openpgp (LGPL 3.0 or later): in the source of this version of mig-runner, call \`npm ci\`, put
  your version of the package into node_modules/openpgp, and call \`npm run build\`. It is also a
  file of its own that is loaded when the program runs from its sources.

  JavaScriptCore and parts of WebCore (LGPL 2), tinycc (LGPL 2.1), in Bun: build Bun with your
  version as described below, and build mig-runner with that Bun: \`your-bun build.ts\`.`;

const FROM_SOURCE = `\
openpgp is under the GNU Lesser General Public License, 3.0 or later. You may change it: the
program loads what is in node_modules/openpgp. The runtime that runs these sources is not part of
them.`;

/** The licences that are referred to without their text, by the names of the files in licenses/. */
const ALL_LICENSES = ["LGPL-2.0", "LGPL-2.1", "GPL-3.0", "Apache-2.0"] as const;

async function licenseText(root: string, name: string): Promise<string> {
  return (await readFile(`${root}/licenses/${name}.txt`, "utf8")).trimEnd();
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, "utf8")).replaceAll("\r\n", "\n").trim();
}

interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly homepage?: string;
  readonly repository?: string | { readonly url?: string };
}

async function readManifest(folder: string): Promise<PackageManifest> {
  return JSON.parse(await readFile(`${folder}/package.json`, "utf8")) as PackageManifest;
}

async function packageNotice(folder: string, bundled: readonly string[]): Promise<string> {
  const about = await readManifest(folder);
  const { homepage = "", license = "see below", name, repository = "", version } = about;
  const source = typeof repository === "string" ? repository : (repository.url ?? "");
  const files = await readdir(folder);
  const licenses = files.filter((file) => /^(?:licen[cs]e|copying|notice)\b/i.test(file)).sort();
  const texts = await Promise.all(licenses.map((file) => readText(`${folder}/${file}`)));
  const readme = files.includes("README.md") ? await readText(`${folder}/README.md`) : "";
  const own = texts.length > 0 ? texts : readmeLicense(readme);
  if (own.length === 0) {
    throw new Error(`Cannot write the notices: package "${name}" comes without its licence`);
  }
  const comments = await legalComments(bundled.map((file) => `${folder}/${file}`));
  const said = comments.filter((comment) => !own.some((text) => text.includes(comment)));
  const more = said.length === 0 ? [] : ["What its files say of parts of them:", ...said];
  const places = [homepage, source].filter((place) => place !== "");
  const head = `${name} ${version}, licence: ${license}\n${places.join("\n")}`.trimEnd();
  return [head, ...own, ...more].join("\n\n");
}

/** The section of a README with the licence, where that is its only place. */
function readmeLicense(readme: string): readonly string[] {
  const [, text = ""] = /^#+ *licen[cs]e *\n([^#]*)/im.exec(readme) ?? [];
  return /copyright/i.test(text) ? [text.trim()] : [];
}

/** Comments about copyright and licences, each once, as they stand in the files. */
async function legalComments(files: readonly string[]): Promise<readonly string[]> {
  const texts = await Promise.all(files.map(readText));
  const comments = texts.flatMap((text) => text.match(COMMENTS) ?? []);
  const legal = comments.filter((comment) => /copyright|licen[cs]e|@preserve/i.test(comment));
  return [...new Set(legal.map(withoutMarks))];
}

const COMMENTS = /\/\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n)+/gm;

function withoutMarks(comment: string): string {
  const lines = comment.split("\n").map((line) => {
    return line.replace(/^\s*(?:\/\*+!?|\*+\/|\*|\/\/+)\s?/, "").replace(/\s*\*\/\s*$/, "");
  });
  return lines.join("\n").trim();
}

/** The runtime's own list of what is linked into it, which comes with its types. */
async function runtimeNotice(root: string): Promise<string> {
  const folder = `${root}/node_modules/bun-types`;
  const about = await readManifest(folder);
  const page = await readText(`${folder}/docs/project/license.mdx`);
  const text = page.replace(/^---\n[\s\S]*?\n---\n/, "").trim();
  return `Bun ${about.version}, licence: MIT\nhttps://bun.com
https://github.com/oven-sh/bun (its source, of the tag bun-v${about.version})

What Bun says of itself and of what is linked into it. The libraries' own copyright notices and
licences are at the addresses in the list; the texts of the longer ones are at the end of this file.

${text}`;
}
