// Assets: who is responsible for which host, as an asset service tells.
import type { PluginContext } from "mig-runner";
import { Retry } from "mig-runner";
import { type Posted, post } from "./post.ts";
import { listOr, objectOr, textOr } from "./read.ts";

/** Operator and team by the name of a host; either may be empty. */
export type Owners = ReadonlyMap<string, { readonly operator: string; readonly team: string }>;

/** Where the service is and who asks. */
export interface AssetOptions {
  readonly serviceapi: string;
  readonly authendpoint: string;
  readonly clientid: string;
  readonly clientsecret: string;
  readonly direct: boolean;
  readonly timeoutMs: number;
}

/** @throws {Error} When there is no token or no list: events without owners would be wrong ones. */
export async function fetchOwners(
  context: Pick<PluginContext, "fetch" | "log" | "signal">,
  options: AssetOptions,
): Promise<Owners> {
  const { direct, timeoutMs } = options;
  const token = tokenOf(
    await post(context, {
      url: options.authendpoint,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        grant_type: "client_credentials",
        client_id: options.clientid,
        client_secret: options.clientsecret,
        audience: options.serviceapi,
      }),
      direct,
      timeoutMs,
    }),
  );
  const answer = await post(context, {
    method: "GET",
    url: assetsUrl(options.serviceapi),
    headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
    direct,
    timeoutMs,
  });
  return ownersOf(answer, context);
}

/** Below the service's own path. */
function assetsUrl(serviceapi: string): string {
  const url = new URL(serviceapi);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v1/assets/`;
  url.hash = "";
  return url.href;
}

function tokenOf(answer: Posted): string {
  if (answer.kind !== "taken") throw failure("a token for the asset service", answer);
  const token = textOr(objectOr(parse(answer.text)).access_token);
  if (token !== "") return token;
  throw new Error("Cannot get a token for the asset service: the answer holds no access_token");
}

/** The list, which the original's service sends as a JSON text that holds JSON. */
function ownersOf(answer: Posted, { log }: Pick<PluginContext, "log">): Owners {
  if (answer.kind !== "taken") throw failure("the list of assets", answer);
  const outer = parse(answer.text);
  const list = typeof outer === "string" ? parse(outer) : outer;
  if (!Array.isArray(list)) {
    throw new Error("Cannot get the list of assets: the answer holds no list");
  }
  const owners = new Map<string, { operator: string; team: string }>();
  let odd = 0;
  for (const item of listOr(list)) {
    const { asset_identifier: name = "", operator, team } = objectOr(item);
    const isText = name === null || typeof name === "string";
    if (isText) owners.set(name ?? "", { operator: textOr(operator), team: textOr(team) });
    else odd++;
  }
  if (odd > 0) log("warning", `${odd} assets have no name that is a text: they are passed over`);
  return owners;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(what: string, answer: Exclude<Posted, { kind: "taken" }>): Error {
  const message = `Cannot get ${what}: ${answer.message}`;
  const wait = answer.kind === "failed" ? answer.retryAfterMs : 0;
  return wait === 0 ? new Error(message) : new Retry(message, { after: wait });
}
