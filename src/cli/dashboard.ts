// Dashboard: the verb that shows the page, until it is told to stop.
import { systemRandom } from "../edge/clock.ts";
import { onSignals } from "../edge/signals.ts";
import { isAddress, type Listener, listen, type Place } from "../edge/web.ts";
import { RunnerError } from "../errors.ts";
import { createApp } from "../web/app.ts";
import { allowedOf, DESK_FLAGS } from "./desk.ts";
import { UsageError } from "./flags.ts";
import { openSpoolView } from "./open.ts";
import { journalFileKept } from "./reading.ts";
import { resultsOf } from "./results.ts";
import { openSite } from "./site.ts";
import { TLS_FLAGS, Tls, tlsFilesOf } from "./tls.ts";
import type { Call, Verb } from "./verb.ts";

/** Where the page is, unless another place is named. */
const LISTEN_DEFAULT = "127.0.0.1:8787";

const PORT_MAX = 65_535;

const LOOPBACK = /^(127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}|::1)$/;

export const dashboard: Verb = {
  usage:
    "[--listen ADDRESS:PORT|unix:PATH] [--host NAME] [--tls-cert FILE --tls-key FILE] " +
    "[--allow-actions --token-file FILE|--user-header NAME]",
  flags: [
    {
      name: "listen",
      kind: "text",
      value: "WHERE",
      help: `An address and port, or unix:PATH (default ${LISTEN_DEFAULT})`,
    },
    {
      name: "host",
      kind: "list",
      value: "NAME",
      help: "A name to be asked for by, beside loopback and the certificate's; once for each",
    },
    ...TLS_FLAGS,
    ...DESK_FLAGS,
  ],
  help:
    "Shows what happens here as pages for a browser: what is wrong and what to do, what comes next,\n" +
    "what is in flight, jobs, runs, alarms, missed fire times and the audit log. Each page is JSON\n" +
    "too, with .json at the end of its path, and /healthz answers 200, or 503 with the reasons.\n" +
    "A process of its own: it only reads, needs no key, and works beside a running mig-runner or\n" +
    "without one. With --allow-actions people act from it as by the verbs, under their names in the\n" +
    "audit log: by a token, or by the name that a proxy gives them. It listens on this host only:\n" +
    "for people elsewhere use ssh -L, or a proxy that asks for their names. On other addresses it\n" +
    "listens with --tls-cert, --tls-key and --token-file: then only who knows the token may look. A\n" +
    "certificate that is replaced is shown a minute later, or on SIGHUP.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg dashboard\n" +
    "  mig-runner -c runner.cfg dashboard --listen unix:/run/mig-runner/page.sock --host mig.example\n" +
    "  mig-runner -c runner.cfg dashboard --allow-actions --token-file /etc/mig/page-token",
  async run(call) {
    if (call.positionals.length > 0) throw new UsageError("dashboard takes no words");
    const place = placeOf(call.flags.text("listen") ?? LISTEN_DEFAULT);
    const note = (line: string): void => call.terminal.error([line]);
    const tls = await tlsOf(call, place, note);
    const hosts = call.flags.list("host").map(hostName);
    const allowed = await allowedOf(call, { place, isSecure: tls !== null });
    if (tls?.namesHosts === false && hosts.length === 0) {
      throw new UsageError("flag -host is wanted: the certificate names no host");
    }
    const view = await openSpoolView(call);
    for (const warning of view.warnings) note(`warning: ${warning}`);
    if (allowed?.warning != null) note(`warning: ${allowed.warning}`);
    const file = await journalFileKept(view);
    // Somebody waits for each page, and can ask again.
    const opened = resultsOf({ ...call, ...view, random: systemRandom(), attemptsMax: 2 });
    try {
      const known = tls === null ? {} : { isNamed: (name: string) => tls.isFor(name) };
      const acting = allowed === null ? {} : { desk: allowed.desk };
      const site = openSite(view, note, { journal: file, results: opened.results });
      const app = createApp(site, { hosts, ...known, ...acting });
      const takesForms = allowed !== null;
      const credentials = tls?.credentials ?? null;
      const listener = await listen(place, app.answer, { takesForms, credentials });
      call.terminal.out([`the page is at ${listener.url}`]);
      if (isReachable(place)) call.terminal.error([reachable(call, listener.url)], "red");
      await stopped(listener, tls);
      return 0;
    } finally {
      await opened.close();
      await file.close();
    }
  },
};

/** Resolves when a signal has asked to stop and the listener is closed. */
async function stopped(listener: Listener, tls: Tls | null): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const ended = new AbortController();
  const signals = onSignals({
    stop: () => resolve(),
    scan: () => void tls?.renew(listener.renew),
  });
  void tls?.lookUntil(listener.renew, ended.signal);
  await promise;
  ended.abort();
  await listener.close();
  signals.close();
}

/**
 * What is shown by TLS; null: nothing is.
 *
 * @throws {RunnerError} When others could reach the place without it, or it cannot be used.
 */
async function tlsOf(call: Call, place: Place, note: (line: string) => void): Promise<Tls | null> {
  const files = tlsFilesOf(call);
  if (files === null) {
    if (isReachable(place)) throw notHere(call.flags.text("listen") ?? "");
    return null;
  }
  if (place.kind === "socket") {
    throw new UsageError(
      "flag -tls-cert is for a port: with -listen unix:PATH nothing comes over a network",
    );
  }
  return await Tls.open(files, note);
}

/** Whether other hosts can reach it. */
function isReachable(place: Place): place is Place & { kind: "port" } {
  return place.kind === "port" && !LOOPBACK.test(place.host);
}

function reachable({ flags }: Call, url: string): string {
  const does = flags.has("allow-actions") ? "reads all results and acts" : "reads all results";
  return `warning: every host that reaches ${url} can ask: who has the token ${does}`;
}

/**
 * Where to listen.
 *
 * @throws {UsageError} When it is no place.
 */
export function placeOf(text: string): Place {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    if (path === "") throw new UsageError(`invalid value "${text}" for flag -listen: unix:PATH`);
    return { kind: "socket", path };
  }
  const [, name = "", port = ""] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > PORT_MAX) {
    const wanted = "ADDRESS:PORT or unix:PATH is wanted";
    throw new UsageError(`invalid value "${text}" for flag -listen: ${wanted}`);
  }
  const host = name === "localhost" ? "127.0.0.1" : name.replace(/^\[(.*)\]$/, "$1");
  if (!isAddress(host)) {
    // What a name means is said by a server, and can change.
    const wanted = "an address in numbers is wanted, such as 10.1.2.3, [2001:db8::1] or 0.0.0.0";
    throw new UsageError(`invalid value "${text}" for flag -listen: ${wanted}`);
  }
  return { kind: "port", host, port: Number(port) };
}

/** A name as the Host header has it: what can never be one would be no name at all. */
function hostName(text: string): string {
  if (/^([\w-]+\.)*[\w-]+$|^\[[\da-f:.]+\]$/i.test(text)) return text;
  const wanted = "a name such as mig.example.net, without a scheme and a port";
  throw new UsageError(`invalid value "${text}" for flag -host: ${wanted}`);
}

function notHere(text: string): RunnerError {
  return new RunnerError(
    "USAGE",
    `Cannot listen on "${text}": anybody on other hosts could read all results`,
    {
      hint:
        "listen on 127.0.0.1 or unix:PATH, and let people in by ssh -L or by a proxy; or give " +
        "--tls-cert, --tls-key and --token-file",
    },
  );
}
