// Names: what results are called that do not lie in the folders of their jobs, but in a store or in
// a folder that hosts share. The day comes first, so that old ones are listed first.
import { RunnerError } from "../../errors.ts";
import { isActionId } from "../../mig/ids.ts";
import type { ResultName } from "../../ports.ts";

/** What a name says of a result. */
export interface NamedResult {
  /** YYYYMMDD. */
  readonly date: string;
  readonly job: string;
  /** Of its action, or of the first of several. */
  readonly actionId: number;
}

/** A name that no other result has: `<YYYYMMDD>/<job>/<actionid>.<16 hex digits>.json`. */
export function keyOf(job: string, date: string, name: ResultName): string {
  const ids = typeof name === "number" ? [name] : [name.first, name.last];
  if (!/^\d{8}$/.test(date) || !ids.every(isActionId) || job === "" || /^\.+$/.test(job)) {
    const what = JSON.stringify([job, date, ...ids]);
    throw new RunnerError("STORE", `Cannot name a result ${what}: it is no job, date and id`);
  }
  const unique = crypto.getRandomValues(new Uint8Array(8)).toHex();
  return `${date}/${encodeURIComponent(job)}/${ids.join("-")}.${unique}.json`;
}

const KEY = /^(\d{8})\/([^/]+)\/([1-9]\d{0,15})(?:-[1-9]\d{0,15})?\.[0-9a-f]{16}\.json$/;

/** What a name that `keyOf` has made says; null for any other. */
export function readKey(key: string): NamedResult | null {
  const [, date = "", job = "", id = ""] = KEY.exec(key) ?? [];
  if (date === "") return null;
  try {
    return { date, job: decodeURIComponent(job), actionId: Number(id) };
  } catch {
    return null;
  }
}
