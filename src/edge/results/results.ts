// Results: where results are, by their place: a file of this host or of a folder that hosts share,
// or an object of a store. New ones go where the configuration says; old ones stay where they are.
import { RunnerError } from "../../errors.ts";
import type { Results } from "../../ports.ts";
import { OwnFiles } from "./own-files.ts";

/** How a place in a store begins. */
const STORED = "s3://";

/** A home of results that is opened when it is first needed. */
export type OpenHome = () => Promise<Results>;

export interface Homes {
  /** Opens a result for writing. */
  readonly create: Results["create"];
  /** Opens the store; null: none is configured. */
  readonly store: OpenHome | null;
  /** The folder that hosts share; null or missing: there is none. */
  readonly folder?: { readonly path: string; readonly open: OpenHome } | null;
}

/** The results of a runner, wherever they are. */
export function openResults({ create, store, folder = null }: Homes): Results {
  const own = new OwnFiles();
  const homeOf = async (place: string): Promise<Omit<Results, "create">> => {
    if (folder !== null && place.startsWith(`${folder.path}/`)) return await folder.open();
    if (!place.startsWith(STORED)) return own.reads;
    if (store !== null) return await store();
    const message = `Cannot read result "${place}": it is in a store, and [results] store is not set`;
    throw new RunnerError("STORE", message, {
      hint: "set it as it was when the result was written",
    });
  };
  return {
    create:
      store === null && folder === null
        ? async (...order) => own.known(await create(...order))
        : create,
    has: async (place, sha256) => await (await homeOf(place)).has(place, sha256),
    find: async (place) => await (await homeOf(place)).find(place),
    async *stream(place) {
      yield* (await homeOf(place)).stream(place);
    },
    parts: async (place, parts) => await (await homeOf(place)).parts(place, parts),
    lend: async (place, signal) => await (await homeOf(place)).lend(place, signal),
  };
}
