// MozDef scribe: one event for each host with the vulnerabilities that scribe found on it, as mig's
// runner-scribe sends them.
//
// [plugin "mozdef-scribe"]
//   url           where vulnerability events go, such as https://mozdef:8443/custom/vulnerability
//   errorurl      where events go about hosts that were not looked at. Default: url
//   serviceapi    the asset service that knows operators and teams of hosts. Default: none is asked
//   authendpoint  where a token for it is got; needed with serviceapi
//   clientid      who asks for the token
//   clientsecret  and its secret
//   useproxy      no: pass by the proxies of the environment. Default: yes, for all requests
//   connections   requests at the same time, 1 to 64. Default: 4
//   timeout       for one request. Default: 30s
//
// A host that was not looked at (no answer, a failed module, a result that cannot be read) gets an
// event of its own, without `vulnerabilities`: an empty list would close what is open on it. If
// something was found on it all the same, it gets both. Only results of the module scribe count. Of
// a host with more than 5,000 vulnerabilities the first are sent, in an event whose
// `credentialed_checks` is false, because what was left out is not closed; an event of its trouble
// says how many that is.
//
// Without the assets nothing is sent: the delivery fails and is made again. A refused event (400,
// 413, 422) is logged, and the delivery fails for good once the others are out; after any other
// failure it goes on with what is left, with the same Idempotency-Key headers.
import { type Command, plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { firstIpv4 } from "./lib/address.ts";
import { fetchOwners, type Owners } from "./lib/assets.ts";
import { hostLabel, NAME_MAX, type Reading, readCommand } from "./lib/command.ts";
import { type MozdefEvent, postEvents } from "./lib/mozdef.ts";
import { listOr, objectOr, textOr } from "./lib/read.ts";
import { duration, flag, url, whole } from "./lib/settings.ts";
import { cutText, encodeJson, lineOf, textOf } from "./lib/text.ts";
import { readVulnerabilities, type Vulnerability } from "./lib/vulnerability.ts";

const config = v.pipe(
  v.strictObject({
    url: url(),
    errorurl: v.optional(url()),
    serviceapi: v.optional(url()),
    authendpoint: v.optional(url()),
    clientid: v.optional(v.string("a text is wanted"), ""),
    clientsecret: v.optional(v.string("a text is wanted"), ""),
    useproxy: flag(true),
    connections: whole({ min: 1, max: 64, fallback: 4 }),
    timeout: duration("30s"),
  }),
  v.forward(
    v.check(
      ({ authendpoint, serviceapi }) => serviceapi === undefined || authendpoint !== undefined,
      "serviceapi needs it",
    ),
    ["authendpoint"],
  ),
);

type Config = v.InferOutput<typeof config>;

export default plugin({
  config,
  async deliver(result, context) {
    const { connections: width, timeout: timeoutMs, useproxy } = context.config;
    const { authendpoint, clientid, clientsecret, serviceapi } = context.config;
    const direct = !useproxy;
    const owners =
      serviceapi === undefined || authendpoint === undefined
        ? new Map()
        : await fetchOwners(context, {
            authendpoint,
            clientid,
            clientsecret,
            serviceapi,
            direct,
            timeoutMs,
          });
    const hosts = await readHosts(result);
    const unclear = [...hosts.values()].reduce((sum, { errors }) => sum + errors, 0);
    if (unclear > 0)
      context.log("notice", `${unclear} scribe tests ended in an error of their own`);
    const events = eventsOf(hosts.values(), { owners, settings: context.config });
    await postEvents(context, events, { width, timeoutMs, direct, form: "scribe 1" });
  },
});

/** Vulnerabilities and reasons of one host, and characters of a reason. */
const VULNERABILITIES_MAX = 5_000;
const TROUBLES_MAX = 50;
const TROUBLE_MAX = 1_000;

/** What is known of a host, of all its commands. */
interface Host {
  /** Other for any other host, whatever their names are. */
  readonly id: string;
  readonly label: string;
  readonly name: string;
  readonly address: string;
  os: string;
  operator: string;
  /** By their JSON, so that none is listed twice. */
  readonly vulnerabilities: Map<string, Vulnerability>;
  /** Vulnerabilities beyond those that are kept; one that is found twice counts twice. */
  leftOut: number;
  readonly troubles: string[];
  /** Reasons beyond those that are kept. */
  moreTroubles: number;
  /** Tests that could not be evaluated. */
  errors: number;
  /** Whether scribe said anything of it. */
  isRead: boolean;
}

/** All hosts, in the order of their first commands. Of a result only the hits are kept. */
async function readHosts(result: Result): Promise<ReadonlyMap<string, Host>> {
  const hosts = new Map<string, Host>();
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const scribes = scribesOf(reading);
    if (scribes.length === 0 && reading.answers.length > 0) continue;
    const host = hostOf(command, reading, hosts);
    if (reading.status !== "success") {
      addTrouble(host, `its command ended as "${reading.status}"`);
    }
    for (const answer of scribes) {
      if (answer.trouble !== null) addTrouble(host, answer.trouble);
      else readAnswer(answer, host);
    }
  }
  return hosts;
}

/** What scribe answered. A result too many is taken for scribe's where nothing else was asked. */
function scribesOf({ answers }: Reading): Reading["answers"] {
  const isOnly = answers.every(({ module }) => module === "scribe" || module === "");
  return answers.filter(({ module }) => module === "scribe" || (isOnly && module === ""));
}

function readAnswer({ elements, index }: Reading["answers"][number], host: Host): void {
  const { errors, unreadable, vulnerabilities } = readVulnerabilities(elements);
  for (const vulnerability of vulnerabilities) {
    const text = encodeJson(vulnerability);
    if (host.vulnerabilities.has(text)) continue;
    if (host.vulnerabilities.size < VULNERABILITIES_MAX) {
      host.vulnerabilities.set(text, vulnerability);
    } else host.leftOut++;
  }
  host.errors += errors;
  host.isRead = true;
  for (const why of unreadable) {
    addTrouble(host, `operation ${index + 1} (scribe) gave what cannot be read: ${why}`);
  }
}

function addTrouble(host: Host, why: string): void {
  if (host.troubles.length < TROUBLES_MAX) host.troubles.push(lineOf(why, TROUBLE_MAX));
  else host.moreTroubles++;
}

/** Why what is sent is not the whole word of the host; none when it is. */
function troublesOf({ leftOut, moreTroubles, troubles }: Host): readonly string[] {
  return [
    ...(leftOut > 0 ? [`${leftOut} vulnerabilities were left out, there are too many`] : []),
    ...troubles,
    ...(moreTroubles > 0 ? [`and ${moreTroubles} more`] : []),
  ];
}

/** The same host for commands of one name and address; without an address, of one agent. */
function hostOf(command: Command, reading: Reading, hosts: Map<string, Host>): Host {
  const agent = objectOr(command.agent);
  const environment = objectOr(agent.environment);
  const address = firstIpv4(listOr(environment.addresses));
  const own = address === "" ? ["agent", textOf(reading.agentId)] : [address];
  const id = encodeJson([textOf(objectOr(command.agent).name), ...own]);
  const os = cutText(textOr(environment.os), NAME_MAX);
  const operator = cutText(textOr(objectOr(agent.tags).operator), NAME_MAX);
  const known = hosts.get(id);
  if (known !== undefined) {
    if (known.os === "") known.os = os;
    if (known.operator === "") known.operator = operator;
    return known;
  }
  const host: Host = {
    id,
    label: hostLabel(reading),
    name: reading.host,
    address,
    os,
    operator,
    vulnerabilities: new Map(),
    leftOut: 0,
    troubles: [],
    moreTroubles: 0,
    errors: 0,
    isRead: false,
  };
  hosts.set(id, host);
  return host;
}

async function* eventsOf(
  hosts: Iterable<Host>,
  { owners, settings }: { readonly owners: Owners; readonly settings: Config },
): AsyncGenerator<MozdefEvent> {
  for (const host of hosts) {
    const { id, label, leftOut, vulnerabilities } = host;
    const at = { owners, utctimestamp: new Date().toISOString() };
    const troubles = troublesOf(host);
    const isClean = troubles.length === 0 && host.isRead;
    if (isClean || vulnerabilities.size > 0) {
      const event = hostEvent(host, at);
      yield { url: settings.url, group: id, label: `the event about ${label}`, id, event };
    }
    if (troubles.length === 0) continue;
    const event = errorEvent(host, { ...at, troubles });
    const url = settings.errorurl ?? settings.url;
    const about = `the event about the trouble of ${label}`;
    yield { url, group: `${id}/error`, label: about, id: `${id}/error`, event, leftOut };
  }
}

interface Moment {
  readonly owners: Owners;
  readonly utctimestamp: string;
}

function hostEvent(host: Host, { owners, utctimestamp }: Moment): object {
  const vulnerabilities = [...host.vulnerabilities.values()];
  return {
    description: "MIG vulnerability identification",
    utctimestamp,
    sourcename: "runner-scribe",
    // A list that is not whole may not close what it does not name.
    credentialed_checks: host.leftOut === 0,
    vulnerabilities: vulnerabilities.length === 0 ? null : vulnerabilities,
    exempt_vulnerabilities: null,
    version: 2,
    zone: "mig",
    asset: assetOf(host, owners),
  };
}

/** No list of vulnerabilities and no credentialed check: nobody may take it for a clean host. */
function errorEvent(
  host: Host,
  { owners, troubles, utctimestamp }: Moment & { readonly troubles: readonly string[] },
): object {
  return {
    description: "MIG vulnerability identification failed",
    utctimestamp,
    sourcename: "runner-scribe",
    credentialed_checks: false,
    errors: troubles,
    version: 2,
    zone: "mig",
    asset: assetOf(host, owners),
  };
}

function assetOf({ address, label, name, operator: tag, os }: Host, owners: Owners): object {
  const owner = owners.get(name);
  const operator = owner?.operator || tag;
  const team = owner?.team ?? "";
  const v2bkey = [operator, team].filter((part) => part !== "").join("-");
  return {
    ipaddress: address,
    // An event without an address and a name could not be told from others.
    hostname: name === "" && address === "" ? label : name,
    os,
    owner: { operator, team, v2bkey },
  };
}
