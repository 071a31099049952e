// Dashboard: the verb that shows the page, until it is told to stop.
import { onSignals } from "../edge/signals.ts";
import { type Listener, listen, type Place } from "../edge/web.ts";
import { RunnerError } from "../errors.ts";
import { createApp } from "../web/app.ts";
import { allowedOf, DESK_FLAGS } from "./desk.ts";
import { UsageError } from "./flags.ts";
import { journalFile, openSpoolView } from "./open.ts";
import { openSite } from "./site.ts";
import type { Call, Verb } from "./verb.ts";

/** Where the page is, unless another place is named. */
const LISTEN_DEFAULT = "127.0.0.1:8787";

const PORT_MAX = 65_535;

/** Numbers only: what a name such as "localhost" means is said by a server, and can change. */
const LOOPBACK = /^(127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}|::1)$/;

export const dashboard: Verb = {
  usage:
    "[--listen ADDRESS:PORT|unix:PATH] [--host NAME] " +
    "[--allow-actions --token-file FILE|--user-header NAME]",
  flags: [
    {
      name: "listen",
      kind: "text",
      value: "WHERE",
      help: `A loopback address and port, or unix:PATH (default ${LISTEN_DEFAULT})`,
    },
    {
      name: "host",
      kind: "list",
      value: "NAME",
      help: "A name that a proxy asks by, beside those of loopback; once for each",
    },
    ...DESK_FLAGS,
  ],
  help:
    "Shows what happens here as pages for a browser: what is wrong and what to do, what comes next,\n" +
    "what is in flight, jobs, runs, alarms, missed fire times and the audit log. Each page is JSON\n" +
    "too, with .json at the end of its path, and /healthz answers 200, or 503 with the reasons.\n" +
    "A process of its own: it only reads, needs no key, and works beside a running mig-runner or\n" +
    "without one. With --allow-actions people act from it as by the verbs, under their names in the\n" +
    "audit log: by a token, or by the name that a proxy gives them. It listens on this host only;\n" +
    "for people elsewhere use ssh -L, or a proxy that asks for their names.\n\n" +
    "Examples:\n" +
    "  mig-runner -c runner.cfg dashboard\n" +
    "  mig-runner -c runner.cfg dashboard --listen unix:/run/mig-runner/page.sock --host mig.example\n" +
    "  mig-runner -c runner.cfg dashboard --allow-actions --token-file /etc/mig/page-token",
  async run(call) {
    if (call.positionals.length > 0) throw new UsageError("dashboard takes no words");
    const place = placeOf(call.flags.text("listen") ?? LISTEN_DEFAULT);
    const hosts = call.flags.list("host").map(hostName);
    const view = await openSpoolView(call);
    const note = (line: string): void => call.terminal.error([line]);
    for (const warning of view.warnings) note(`warning: ${warning}`);
    const allowed = await allowedOf(call, place);
    if (allowed?.warning != null) note(`warning: ${allowed.warning}`);
    const acting = allowed === null ? {} : { desk: allowed.desk };
    const file = await journalFile(view);
    try {
      const app = createApp(openSite(view, note, file.path), { hosts, ...acting });
      const listener = await listen(place, app.answer, { takesForms: allowed !== null });
      call.terminal.out([`the page is at ${listener.url}`]);
      await stopped(call, listener);
      return 0;
    } finally {
      await file.close();
    }
  },
};

/** Resolves when a signal has asked to stop and the listener is closed. */
async function stopped(_: Call, listener: Listener): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals = onSignals({ stop: () => resolve(), scan() {} });
  await promise;
  await listener.close();
  signals.close();
}

/**
 * Where to listen.
 *
 * @throws {UsageError} When it is no place.
 * @throws {RunnerError} USAGE, when others could reach it.
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
  if (!LOOPBACK.test(host)) throw notHere(text);
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
    { hint: "listen on 127.0.0.1 or unix:PATH, and let people in by ssh -L or by a proxy" },
  );
}
