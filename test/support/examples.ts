// Examples: the code blocks in doc comments, as files that can be checked and run.

/** One block of TypeScript, and where it stands. */
export interface Example {
  /** Such as "src/sdk/job.ts:36". */
  readonly where: string;
  readonly code: string;
}

/** The blocks marked as `ts` in the doc comments of a source, in order. */
export function examplesOf(path: string, text: string): readonly Example[] {
  const blocks = /^ *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm;
  return [...text.matchAll(blocks)].map((block) => {
    const code = (block[1] ?? "").replace(/^ *\* ?/gm, "");
    const line = text.slice(0, block.index).split("\n").length;
    return { where: `${path}:${line}`, code };
  });
}

/**
 * Runs an example against a module that stands for "mig-runner"; resolves with what it exports,
 * its default export under "default".
 */
export async function runExample(
  { code }: Example,
  module: object,
): Promise<Readonly<Record<string, unknown>>> {
  const names = [...code.matchAll(/^export (?:const|(?:async )?function) (\w+)/gm)];
  const typeless = new Bun.Transpiler({ loader: "ts" }).transformSync(code);
  const body = typeless
    .replace(/^import \{([^}]*)\} from "mig-runner";$/gm, "const {$1} = module;")
    .replace(/^export default /gm, "const example = ")
    .replace(/^export \{[^}]*\};?$/gm, "")
    .replace(/^export /gm, "");
  const returned = names
    .map(([, name]) => name)
    .concat(code.includes("export default") ? [""] : []);
  const members = returned.map((name) => (name === "" ? "default: example" : name));
  const run = new Function("module", `return (async () => {${body}\nreturn {${members}};})()`);
  return await run(module);
}
