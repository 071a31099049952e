// Email: one message for a result or an alarm, by SMTP.
//
// [plugin "email"]
//   server    smtp://HOST[:PORT], or smtps://HOST[:PORT] for TLS from the first byte on. The port
//             is 25, or 465, unless one is named. Where a server offers STARTTLS, TLS is spoken
//   from      who sends it, such as mig@example.net
//   to        who gets it; the key may be repeated
//   cafile    a file with the authorities, as PEM, one of which has signed its certificate.
//             Default: those that the runtime comes with
//   user      for a server that wants a login, which is made in TLS only. Default: none
//   password  of the login
//   when      always; found: something was found; trouble: that, or a host failed. Default: always
//   hosts     names of each kind that are listed, 0 to 500. Default: 50
//   timeout   for one step of the exchange. Default: 30s
//
// The Message-ID is made from the delivery key: it is the same at each try, so that a message that
// comes twice can be told by it. What a server refuses for good (5xx) fails for good, any other
// failure is tried again later.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Fatal, type PluginContext, plugin, type Result } from "mig-runner";
import { createTransport } from "nodemailer";
import * as v from "valibot";
import { hostLabel, readCommand } from "./lib/command.ts";
import { objectOr, textOr } from "./lib/read.ts";
import { duration, oneOf, text, texts, whole } from "./lib/settings.ts";
import { linesOf, titleOf } from "./lib/tell.ts";
import { lineOf } from "./lib/text.ts";

const ADDRESS = /^[^\s<>@,;:"]+@[^\s<>@,;:"]+$/;
const SERVER = /^smtps?:\/\/[^\s/@?#]+\/?$/;

const config = v.strictObject({
  server: v.pipe(text(), v.regex(SERVER, "smtp://HOST:PORT or smtps://HOST:PORT is wanted")),
  from: v.pipe(text(), v.regex(ADDRESS, "an address such as mig@example.net is wanted")),
  to: v.pipe(
    texts(),
    v.check(
      (all) => all.length > 0 && all.every((each) => ADDRESS.test(each)),
      "one or more addresses such as ann@example.net are wanted",
    ),
  ),
  cafile: v.optional(text()),
  user: v.optional(text()),
  password: v.optional(text()),
  when: oneOf(["always", "found", "trouble"], "always"),
  hosts: whole({ min: 0, max: 500, fallback: 50 }),
  timeout: duration("30s"),
});

type Context = Pick<PluginContext<v.InferOutput<typeof config>>, "config" | "key" | "signal">;

interface Message {
  readonly subject: string;
  readonly lines: readonly string[];
}

/** Characters of a subject, of a line, and of the name of a host. */
const SUBJECT_MAX = 200;
const LINE_MAX = 400;
const HOST_MAX = 120;

export default plugin({
  config,
  async deliver(result, context) {
    const { hosts, when } = context.config;
    const { failed, found, lines } = await summarise(result, hosts);
    if (found === 0 && (when === "found" || (when === "trouble" && failed === 0))) return;
    const name = lineOf(textOr(objectOr(result.action).name), LINE_MAX);
    const subject = `${result.job}: ${found} found, ${failed} failed`;
    await send(context, { subject, lines: [name, "", ...lines] });
  },
  async alarm(event, context) {
    await send(context, { subject: titleOf(event), lines: linesOf(event).slice(1) });
  },
});

async function send({ config: settings, key, signal }: Context, message: Message): Promise<void> {
  const { cafile, from, password, server, timeout, to, user } = settings;
  const authorities = cafile === undefined ? {} : { tls: { ca: await authoritiesIn(cafile) } };
  const transport = createTransport({
    ...addressOf(server),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    // A password goes over no line that others can read.
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" }, requireTLS: true }),
    disableFileAccess: true,
    disableUrlAccess: true,
    ...authorities,
  });
  const end = (): void => transport.close();
  signal.addEventListener("abort", end);
  try {
    const id = createHash("sha256").update(key).digest("hex").slice(0, 32);
    await transport.sendMail({
      from,
      to: [...to],
      subject: lineOf(message.subject, SUBJECT_MAX),
      text: `${message.lines.join("\n")}\n`,
      messageId: `<${id}@${from.slice(from.indexOf("@") + 1)}>`,
      headers: { "Auto-Submitted": "auto-generated" },
    });
  } catch (error) {
    throw failure(error, settings);
  } finally {
    signal.removeEventListener("abort", end);
    transport.close();
  }
}

/** Where the server is. An address of IPv6 stands in brackets. */
function addressOf(server: string) {
  const { hostname, port, protocol } = new URL(server.replace(/^smtp(s?):/, "http$1:"));
  const secure = protocol === "https:";
  const written = /:(\d+)\/?$/.exec(server)?.[1];
  const number = Number(written ?? port);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: number > 0 ? number : secure ? 465 : 25,
    secure,
  };
}

async function authoritiesIn(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(lineOf(`cafile cannot be read: ${why}`, LINE_MAX), { cause: error });
  }
}

/** What nodemailer says of a failure. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
}

/** An answer of 5xx will be the same the next time; a login or TLS that fails may be mended. */
function failure(error: unknown, { password, server, user }: Context["config"]): Error {
  const { code, command, responseCode = 0 } = error as SmtpError;
  const message = withoutLogin((error as SmtpError).message, { user, password });
  const where = new URL(server).host;
  const told =
    code === "EAUTH"
      ? `${where} refuses the login of ${user}: ${message}; look at user and password of its section`
      : code === "ETLS" || CERTIFICATE.test(message)
        ? `no TLS with ${where}, and without it nothing is sent: ${message}; an authority of its ` +
          "own is named by cafile"
        : `the mail was not taken: ${message}`;
  const shown = lineOf(told, LINE_MAX);
  const isRefused = responseCode >= 500 && code !== "EAUTH" && command !== "STARTTLS";
  return isRefused ? new Fatal(shown, { cause: error }) : new Error(shown, { cause: error });
}

interface Login {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Some servers answer a login that they do not take with the line that they were sent. */
function withoutLogin(message: string, { password = "", user = "" }: Login): string {
  if (password === "") return message;
  const sent = [`\0${user}\0${password}`, password].map((each) =>
    Buffer.from(each).toString("base64"),
  );
  return [...sent, password].reduce((text, secret) => text.replaceAll(secret, "…"), message);
}

/** What runtimes say of a certificate that they do not trust. */
const CERTIFICATE = /certificate|self[- ]signed|altname/i;

async function summarise(result: Result, hostsMax: number) {
  let [commands, found, failed] = [0, 0, 0];
  const foundHosts: string[] = [];
  const failedHosts: string[] = [];
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const host = lineOf(hostLabel(reading), HOST_MAX);
    commands++;
    if (reading.found && found++ < hostsMax) foundHosts.push(host);
    const [trouble] = reading.troubles;
    if (trouble === undefined) continue;
    if (failed++ < hostsMax) failedHosts.push(`${host} (${lineOf(trouble, LINE_MAX)})`);
  }
  const head =
    commands === 0
      ? "No host was asked: the target matched none"
      : `${found} of ${commands} hosts found something, ${failed} failed`;
  const lines = [
    head,
    ...listOf("Found on:", { hosts: foundHosts, count: found }),
    ...listOf("Failed:", { hosts: failedHosts, count: failed }),
  ];
  return { found, failed, lines };
}

function listOf(
  title: string,
  { hosts, count }: { readonly hosts: readonly string[]; readonly count: number },
): string[] {
  if (count === 0) return [];
  const more = count > hosts.length ? [`  and ${count - hosts.length} more`] : [];
  return ["", title, ...hosts.map((host) => `  ${host}`), ...more];
}
