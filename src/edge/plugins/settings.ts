// Settings: `[plugin "NAME"]` of the configuration, as the schema of the plugin wants it.
import { nearest } from "../../errors.ts";
import { issuePath, keysOf, type Schema, type SchemaIssue } from "../../sdk/standard.ts";

/** Keys of a section, as the configuration has them. */
export type Settings = Readonly<Record<string, unknown>>;

/** What a schema made of a section, or everything that is wrong with it. */
export type ReadSettings =
  | { readonly kind: "sound"; readonly config: unknown }
  | { readonly kind: "broken"; readonly problems: readonly string[] };

/** Messages quote values, and a value may be a secret: everything after these words is left out. */
const QUOTED = /(?:: Received|,? but received|, got) .*$/is;

/**
 * Checks the settings of a plugin.
 *
 * A key that the schema does not know is a mistake, also where the schema itself would let it
 * through, as long as it can be asked for its keys (valibot, zod).
 *
 * @param schema Null: the plugin takes no settings.
 * @param settings Null: the configuration has no section for it.
 */
export async function readSettings(
  schema: Schema | null,
  settings: Settings | null,
): Promise<ReadSettings> {
  const keys = Object.keys(settings ?? {});
  if (schema === null) {
    if (keys.length === 0) return { kind: "sound", config: undefined };
    return { kind: "broken", problems: ["it takes no settings, remove its section"] };
  }
  const known = keysOf(schema);
  const unknown = known === null ? [] : keys.filter((key) => !known.includes(key));
  const problems = unknown.map((key) => unknownKey(key, known ?? []));
  const answer = await schema["~standard"].validate(settings ?? {});
  const issues = answer.issues ?? [];
  const others = issues.filter((issue) => !unknown.includes(issuePath(issue)));
  problems.push(...others.map((issue) => describeIssue(issue, keys)));
  if (problems.length > 0) return { kind: "broken", problems };
  return { kind: "sound", config: "value" in answer ? answer.value : undefined };
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const meant = near === null ? `it knows ${known.join(", ")}` : `did you mean "${near}"?`;
  return `unknown key "${key}" (${meant})`;
}

function describeIssue(issue: SchemaIssue, keys: readonly string[]): string {
  const path = issuePath(issue);
  const [key = ""] = path.split(".");
  if (path !== "" && !keys.includes(key)) return `${path} is not set`;
  const message = issue.message.replace(QUOTED, "").replace(/\.$/, "");
  return path === "" ? message : `${path}: ${message}`;
}
