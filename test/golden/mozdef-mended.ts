// MozDef mended: where ours does not do what the original's plugins did, recording by recording.
//
// The numbers are those of the defects in test/golden/plugins/README.md: C of runner-compliance, S
// of runner-scribe. Written by hand from the recorded results.
import type { Heard, Reply } from "../support/shipped.ts";

/** One run of an original plugin. */
export interface Recording {
  readonly plugin: "runner-compliance" | "runner-scribe";
  readonly argv: readonly [string];
  readonly config: string | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin: unknown;
  readonly listener: { readonly listening: boolean; readonly answers?: readonly Reply[] };
  readonly requests: readonly { method: string; path: string; body: string }[];
  readonly request_order: "exact" | "any";
  readonly exit: number;
}

/** What ours does instead. What is left out is as recorded. */
export interface Mended {
  /** The events, from those recorded; with method and path where these are others. */
  readonly events?: (
    recorded: readonly object[],
  ) => readonly (object | readonly [string, string, unknown])[];
  /** Requests for the token and the assets. */
  readonly auth?: readonly (readonly [string, string, unknown])[];
  readonly ends?: "delivered" | "failed" | "unset";
  readonly reply?: (heard: Heard, index: number) => Reply | undefined;
}

const PROCESS = "/srv/mig/runner/plugins/runner-compliance";

const COMMON = {
  timestamp: "<now>",
  hostname: "<hostname>",
  processid: "<pid>",
  processname: PROCESS,
  source: "mig",
};

const POLICY = {
  name: "system",
  url: "https://wiki.example.net/compliance/sshd",
  level: "medium",
};

function linkTo(command: number): string {
  return `https://api.mig.example.net/api/v1/command?commandid=${command}`;
}

/** The event of a host on which the search for `rootlogin` found something, or did not. */
function checked(
  host: string,
  command: number,
  { passes = true, tags = null }: { passes?: boolean; tags?: object | null } = {},
): object {
  const { timestamp, hostname, processid, processname, source } = COMMON;
  const location = passes ? "/etc/ssh/sshd_config" : "/etc/ssh, /usr/local/etc/ssh, /opt/ssh/etc";
  return {
    timestamp,
    category: "complianceitems",
    hostname,
    processid,
    processname,
    severity: "INFO",
    source,
    summary: `${host} ${passes ? "passes" : "fails"} compliance with sysmediumssh1`,
    tags: ["mig", "compliance"],
    details: {
      utctimestamp: "<now>",
      target: host,
      compliance: passes,
      link: linkTo(command),
      tags,
      policy: POLICY,
      check: {
        ref: "sysmediumssh1",
        description: "compliance: sshd hardening",
        name: "rootlogin",
        location,
        test: {
          type: "file",
          value: "name='^sshd_config$' and content='^PermitRootLogin no$'",
        },
      },
    },
  };
}

/** The event of a host that was not checked. */
function unchecked(host: string, command: number, status: string, ...errors: string[]): object {
  const { timestamp, hostname, processid, processname, source } = COMMON;
  return {
    timestamp,
    category: "complianceerrors",
    hostname,
    processid,
    processname,
    severity: "WARNING",
    source,
    summary: `${host} was not checked for compliance with sysmediumssh1: ${errors[0]}`,
    tags: ["mig", "compliance", "error"],
    details: {
      utctimestamp: "<now>",
      target: host,
      link: linkTo(command),
      tags: null,
      policy: POLICY,
      check: { ref: "sysmediumssh1", description: "compliance: sshd hardening" },
      status,
      errors,
    },
  };
}

const NOBODY = { operator: "", team: "", v2bkey: "" };
const WEBOPS = { operator: "it", team: "webops", v2bkey: "it-webops" };
const DBA = { operator: "dba", team: "", v2bkey: "dba" };

const OPENSSL = vulnerability("high", "8.0", "USN-3087-1 openssl", {
  link: "https://usn.example.net/3087-1/",
  packages: ["openssl"],
});
const BASH = vulnerability("medium", "5.0", "USN-3100-1 bash", {
  link: "https://usn.example.net/3100-1/",
  packages: ["bash"],
});

function vulnerability(
  risk: string,
  cvss: string,
  name: string,
  { link, packages }: { link: string; packages: readonly string[] },
): object {
  return {
    risk,
    link,
    cve: "",
    cvss,
    name,
    vulnerable_packages: packages,
    likelihood_indicator: risk,
  };
}

function assetOf(hostname: string, owner: object): object {
  return { ipaddress: "10.22.75.4", hostname, os: "linux", owner };
}

function vulnerable(host: string, owner: object, vulnerabilities: readonly object[]): object {
  return {
    description: "MIG vulnerability identification",
    utctimestamp: "<now>",
    sourcename: "runner-scribe",
    credentialed_checks: true,
    vulnerabilities,
    exempt_vulnerabilities: null,
    version: 2,
    zone: "mig",
    asset: assetOf(host, owner),
  };
}

/** The event of a host that was not looked at. */
function unseen(host: string, owner: object, ...errors: readonly string[]): object {
  return {
    description: "MIG vulnerability identification failed",
    utctimestamp: "<now>",
    sourcename: "runner-scribe",
    credentialed_checks: false,
    errors,
    version: 2,
    zone: "mig",
    asset: assetOf(host, owner),
  };
}

/** A recorded event with another owner of its asset. */
function ownedBy(event: object | undefined, owner: object): object {
  const { asset } = event as { asset: object };
  return { ...event, asset: { ...asset, owner } };
}

const TOKEN_REQUEST = {
  grant_type: "client_credentials",
  client_id: "migclient",
  client_secret: "s3cr3t",
  audience: "http://127.0.0.1:18081/",
};

const ASK_TOKEN = ["POST", "/oauth/token", TOKEN_REQUEST] as const;
const ASK_ASSETS = ["GET", "/api/v1/assets/", null] as const;

function unreadable(operation: number, module: string, why: string): string {
  return `operation ${operation} (${module}) gave what cannot be read: ${why}`;
}

/** 302 to the first event, 307 to the second. */
function redirecting({ path }: Heard, index: number): Reply {
  if (path === "/again") return { status: 200 };
  const isFirst = index === 0 || path === "/custom/vulnerability-first";
  return { status: isFirst ? 302 : 307, headers: { Location: isFirst ? "/moved" : "/again" } };
}

export const MENDED: Readonly<Record<string, Mended>> = {
  // C6: a check that is turned around is shown so.
  "compliance-06": {
    events: (recorded) =>
      JSON.parse(JSON.stringify(recorded).replaceAll("content='", "content!='")) as object[],
  },
  // C1: the operator tag is shown, and nothing is lost.
  "compliance-08": {
    events: ([first]) => [
      first as object,
      checked("web2.example.net", 6019245432842, { tags: { operator: "IT" } }),
      checked("web3.example.net", 6019245432843, { passes: false }),
    ],
    ends: "delivered",
  },
  // C5: an operation that gave nothing is not silence.
  "compliance-12": {
    events: (recorded) => [
      ...recorded,
      unchecked("web2.example.net", 6019245432848, "success", "operation 3 (file) gave no result"),
    ],
  },
  // C5: hosts that were not checked are named.
  "compliance-14": {
    events: (recorded) => [
      unchecked(
        "a.example.net",
        1,
        "failed",
        'its command ended as "failed"',
        "operation 1 (file) failed: runModule() -> exit status 2",
      ),
      unchecked(
        "b.example.net",
        2,
        "success",
        "operation 1 (file) failed: invalid empty search path, must have at least one search path",
      ),
      unchecked(
        "c.example.net",
        3,
        "timeout",
        'its command ended as "timeout"',
        "operation 1 (file) failed",
      ),
      ...(["d expired 4", "e cancelled 5", "f sent 6"] as const).map((each) => {
        const [host = "", status = "", id] = each.split(" ");
        return unchecked(
          `${host}.example.net`,
          Number(id),
          status,
          `its command ended as "${status}"`,
          "operation 1 (file) gave no result",
        );
      }),
      ...recorded,
    ],
  },
  // C3: what cannot be read costs nothing but itself.
  "compliance-16": {
    events: ([first]) => [
      first as object,
      unchecked("b.example.net", 11, "success", unreadable(1, "file", "elements is no object")),
      checked("c.example.net", 12),
    ],
    ends: "delivered",
  },
  "compliance-17": {
    events: () => [
      unchecked(
        "web1.example.net",
        13,
        "success",
        unreadable(1, "file", "elements.rootlogin[0].file is no text"),
      ),
    ],
    ends: "delivered",
  },
  // C11: a wrong type that does not matter is let through.
  "compliance-22": { events: () => [checked("web1.example.net", 17)], ends: "delivered" },
  "compliance-23": { events: () => [checked("web1.example.net", 18)], ends: "delivered" },
  // C9: the summary names something.
  "compliance-25": {
    events: ([first, ...others]) => {
      const { details } = first as { details: { check: { description: string } } };
      const summary = `agent 4892412351434 passes compliance with ${details.check.description}`;
      return [{ ...first, summary }, ...others];
    },
  },
  // C2: an answer other than 2xx is no delivery. Each event is tried three times.
  "compliance-26": {
    events: ([first, second]) => [first, first, first, second, second, second] as object[],
    reply: () => ({ status: 500 }),
    ends: "failed",
  },
  // C10: a redirect that would drop the event is a failure.
  "compliance-29": {
    events: (recorded) => [
      recorded[0] as object,
      recorded[2] as object,
      ["POST", "/again", recorded[2]],
    ],
    reply: redirecting,
    ends: "failed",
  },
  "compliance-30": { ends: "unset" },
  // Settings are looked at before there is anything to send.
  "compliance-31": { ends: "unset" },
  // C8, C12: no link rather than one that leads nowhere; the setting without a meaning is refused.
  "compliance-32": {
    events: ([first]) => {
      const { details } = first as { details: object };
      return [["POST", "/events", { ...first, details: { ...details, link: "" } }]];
    },
  },
  "compliance-34": { ends: "unset" },
  "compliance-35": { ends: "unset" },
  "compliance-37": { ends: "unset" },
  // C1, with an empty operator.
  "compliance-38": {
    events: (recorded) => [
      ...recorded,
      checked("web3.example.net", 35, { tags: { operator: "" } }),
    ],
    ends: "delivered",
  },
  // S12: nothing is listed twice.
  "scribe-06": {
    events: ([first, ...others]) => {
      const { vulnerabilities } = first as { vulnerabilities: readonly object[] };
      return [{ ...first, vulnerabilities: vulnerabilities.slice(0, 2) }, ...others];
    },
  },
  // S8: a malformed result does not cost the good ones, and is not silence.
  "scribe-10": {
    events: ([first, last]) => [
      first as object,
      vulnerable("db1.example.net", DBA, [BASH]),
      unseen("db1.example.net", DBA, unreadable(2, "scribe", "elements is no object")),
      last as object,
    ],
  },
  "scribe-11": {
    events: () => [
      vulnerable("web1.example.net", WEBOPS, [
        OPENSSL,
        BASH,
        vulnerability("low", "2.5", "later", { link: "", packages: ["openssl"] }),
      ]),
      unseen("web1.example.net", WEBOPS, unreadable(2, "scribe", "elements.results is no list")),
    ],
  },
  "scribe-12": {
    events: ([last]) => [
      unseen(
        "a.example.net",
        NOBODY,
        unreadable(1, "scribe", "elements.results[0].masterresult is neither true nor false"),
      ),
      unseen(
        "b.example.net",
        NOBODY,
        unreadable(1, "scribe", "elements.results[0].tags is no list"),
      ),
      vulnerable("c.example.net", NOBODY, [OPENSSL]),
      last as object,
    ],
  },
  // S1, S15: what is no answer of scribe is no clean host.
  "scribe-13": {
    events: (recorded) => [
      unseen("a.example.net", NOBODY, unreadable(1, "scribe", "elements has no results")),
      recorded[1] as object,
      unseen("b.example.net", NOBODY, unreadable(1, "scribe", "elements has no results")),
      recorded[2] as object,
      unseen("d.example.net", NOBODY, unreadable(1, "scribe", "elements.results is no list")),
      unseen("e.example.net", NOBODY, unreadable(1, "scribe", "elements has no results")),
    ],
  },
  // S1: a host that was not looked at is no clean one.
  "scribe-14": {
    events: (recorded) => [
      unseen(
        "a.example.net",
        NOBODY,
        'its command ended as "failed"',
        "operation 1 (scribe) failed: runModule() -> exit status 2",
      ),
      unseen(
        "b.example.net",
        NOBODY,
        'its command ended as "timeout"',
        "operation 1 (scribe) failed",
      ),
      ...["c expired", "d cancelled"].map((each) => {
        const [host, status] = each.split(" ");
        const errors = [`its command ended as "${status}"`, "operation 1 (scribe) gave no result"];
        return unseen(`${host}.example.net`, NOBODY, ...errors);
      }),
      ...recorded.slice(4),
    ],
  },
  // S3: a lost event is sent again.
  "scribe-16": {
    events: ([first, ...others]) => [first as object, first as object, ...others],
  },
  // S2: a delivery that did not happen is no success.
  "scribe-17": { ends: "failed" },
  "scribe-28": { ends: "unset" },
  "scribe-31": { events: () => [], auth: [], ends: "failed" },
  // S5: without a token nothing is asked, and without the assets nothing is sent.
  "scribe-18": {
    events: () => [],
    auth: [ASK_TOKEN, ASK_TOKEN, ASK_TOKEN],
    reply: () => ({ status: 500, body: "Internal Server Error" }),
    ends: "failed",
  },
  "scribe-19": { events: () => [], auth: [ASK_TOKEN], ends: "failed" },
  "scribe-26": {
    events: () => [],
    auth: [ASK_TOKEN, ASK_ASSETS, ASK_ASSETS, ASK_ASSETS],
    reply: ({ path }) => (path === "/api/v1/assets/" ? { action: "close" } : undefined),
    ends: "failed",
  },
  // S4: the request for the token is JSON whatever the secret is.
  "scribe-22": {
    auth: [
      [
        "POST",
        "/oauth/token",
        { ...TOKEN_REQUEST, client_id: 'mig "client"', client_secret: "s3\\cr3t" },
      ],
      ASK_ASSETS,
    ],
  },
  // S6: a plain list is a list, and one odd asset does not cost the others.
  "scribe-23": { events: ([first]) => [ownedBy(first, WEBOPS)] },
  "scribe-24": { events: ([first]) => [ownedBy(first, WEBOPS)] },
  // S10: a setting that cannot be read is said, and nothing is done by half of the settings.
  "scribe-29": { events: () => [], ends: "unset" },
  "scribe-30": { events: () => [], ends: "unset" },
  // A host without a name and an address is named by its agent.
  "scribe-34": {
    events: ([first, second]) => {
      const { vulnerabilities } = second as { vulnerabilities: readonly object[] };
      const event = vulnerable("agent 4892412351434", NOBODY, vulnerabilities);
      const { asset } = event as { asset: object };
      return [{ ...event, asset: { ...asset, ipaddress: "" } }, first as object, second as object];
    },
  },
  // As C10.
  "scribe-38": {
    events: (recorded) => [
      recorded[0] as object,
      recorded[2] as object,
      ["POST", "/again", recorded[2]],
    ],
    reply: (heard, index) =>
      heard.path.startsWith("/custom/") || heard.path === "/again"
        ? redirecting(heard, index - 2)
        : undefined,
    ends: "failed",
  },
};
