// Evaluate: runs a bundled module in this thread. Only for threads of workers: the module may do
// anything, and may never come to an end.
import { createRequire } from "node:module";
import { moduleTools } from "../../lib/os/runtime.ts";
import { guardedModule, provideImport, withGuardedModules } from "../pure/modules.ts";
import { assertOwnPackages } from "./bundle.ts";
import { bundleAll } from "./bundler.ts";
import { decodePack } from "./pack.ts";

/**
 * Serves modules of this program to all that is loaded in this thread from now on.
 *
 * @param modules What each name exports, such as {"mig-runner": {…}}.
 */
export async function registerSdk(modules: Readonly<Record<string, object>>): Promise<void> {
  const tools = moduleTools();
  const { provideToPacks } = tools === null ? await import("./hooks.ts") : { provideToPacks: null };
  for (const [name, exports] of Object.entries(modules)) {
    if (tools === null) provideToPacks?.(name, exports);
    else tools.provide(name, { ...exports });
  }
}

let isGuarded = false;

/** What is evaluated from now on gets modules of the runtime that know steps. See pure/. */
export async function guardModules(): Promise<void> {
  isGuarded = true;
  if (moduleTools() !== null) {
    provideImport();
    return;
  }
  const { guardBuiltins } = await import("./hooks.ts");
  guardBuiltins(guardedModule);
}

/**
 * Evaluates what `bundleJob` made, anew at each call, and resolves with what it exports.
 *
 * Rejects with what the module throws. Lines in stacks are those of the original files.
 */
export async function evaluateSource(source: string): Promise<object> {
  const tools = moduleTools();
  const pack = decodePack(source);
  if (tools === null) {
    const { importPack } = await import("./hooks.ts");
    return await importPack(pack ?? { pack: 1, entry: "/job.js", files: { "/job.js": source } });
  }
  if (pack === null) return await importText(source);
  // A run that was begun by Deno.
  const files = new Map(Object.entries(pack.files));
  const bundled = (await bundleAll(tools, new Map([[pack.entry, files]]))).get(pack.entry);
  if (bundled?.kind === "source") {
    assertOwnPackages(bundled, {});
    return await importText(bundled.source);
  }
  throw new Error(bundled?.problems[0]?.message ?? `Cannot bundle "${pack.entry}"`);
}

const provided = new Set<string>();

/** The text with the modules that it gets in place of the runtime's. */
async function guardedText(text: string): Promise<string> {
  const tools = moduleTools();
  if (!isGuarded || tools === null) return text;
  return await withGuardedModules(text, (name, exports) => {
    if (provided.has(name)) return;
    provided.add(name);
    tools.provide(name, exports);
  });
}

async function importText(bundle: string): Promise<object> {
  const text = await guardedText(bundle);
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return (await import(url)) as object;
  } finally {
    URL.revokeObjectURL(url);
    // Else each module that was ever loaded stays in memory.
    delete createRequire(import.meta.url).cache[url];
  }
}
