// Desk: how people at the page show who they are, as the command line says it.
import { secretText, systemClock } from "../edge/clock.ts";
import { absolutePath } from "../edge/files.ts";
import type { Place } from "../edge/web.ts";
import { RunnerError } from "../errors.ts";
import { shellWord } from "../lib/os/ownership.ts";
import type { DeskEdges, Proof } from "../web/desk.ts";
import { perform } from "./acting.ts";
import { type FlagSpec, UsageError } from "./flags.ts";
import { readSecret } from "./secret-file.ts";
import type { Call } from "./verb.ts";

/** The flags by which people may act. */
export const DESK_FLAGS: readonly FlagSpec[] = [
  {
    name: "allow-actions",
    kind: "switch",
    help: "Let people act: run, pause, redeliver, drop, approve, answer, resume",
  },
  {
    name: "token-file",
    kind: "text",
    value: "FILE",
    help: "Whoever knows the token in FILE may act (--allow-actions), and by TLS look",
  },
  {
    name: "user-header",
    kind: "text",
    value: "NAME",
    help: "With --allow-actions: the header in which a trusted proxy says who asks",
  },
];

/** Characters of a token. One of 16 cannot be found by trying within any useful time. */
const TOKEN_SIZE_MIN = 16;
const TOKEN_SIZE_MAX = 1_024;

/** What a listener is told before it begins, and who may act there. */
export interface Allowed {
  readonly desk: DeskEdges;
  readonly warning: string | null;
}

/**
 * How people may act; null: they may not.
 *
 * @throws {UsageError} For flags that do not go together.
 * @throws {RunnerError} CONFIG, when the token is no secret.
 */
export async function allowedOf(
  call: Call,
  { place, isSecure }: { readonly place: Place; readonly isSecure: boolean },
): Promise<Allowed | null> {
  const { flags } = call;
  const path = flags.text("token-file");
  const header = flags.text("user-header");
  if (isSecure) return await closedBy(call, path, header);
  if (!flags.has("allow-actions")) {
    if (path === null && header === null) return null;
    throw new UsageError("flags -token-file and -user-header are for -allow-actions");
  }
  if ((path === null) === (header === null)) {
    throw new UsageError("flag -allow-actions wants -token-file FILE or -user-header NAME");
  }
  const proof: Proof =
    path !== null
      ? { kind: "token", token: await tokenIn(absolutePath(path)) }
      : { kind: "header", name: headerName(header ?? "") };
  const desk: DeskEdges = {
    proof,
    isClosed: false,
    now: () => systemClock().now(),
    secret: secretText,
    act: (order, person) => perform(call, order, person),
  };
  const isOpen = proof.kind === "header" && place.kind === "port";
  const open =
    "every program on this host can send the header of --user-header itself, and so act under any " +
    "name: listen on unix:PATH, and let only the proxy open it";
  return { desk, warning: isOpen ? open : null };
}

/** Where other hosts can ask, nobody looks who does not know the token. */
async function closedBy(call: Call, path: string | null, header: string | null): Promise<Allowed> {
  if (header !== null) {
    throw new UsageError(
      "flag -user-header is for a proxy on this host, by -listen unix:PATH: with -tls-cert every " +
        "host could send that header itself",
    );
  }
  if (path === null)
    throw new UsageError("flag -tls-cert wants -token-file FILE, for who may look");
  const proof = { kind: "token", token: await tokenIn(absolutePath(path)) } as const;
  const act: DeskEdges["act"] = call.flags.has("allow-actions")
    ? (order, person) => perform(call, order, person)
    : null;
  const desk = { proof, isClosed: true, now: () => systemClock().now(), secret: secretText, act };
  return { desk, warning: null };
}

async function tokenIn(path: string): Promise<string> {
  const make = `umask 077; openssl rand -hex 32 > ${shellWord(path)}`;
  const bytes = await readSecret(path, { thing: "token", make });
  const token = new TextDecoder().decode(bytes).trim();
  if (token.length >= TOKEN_SIZE_MIN && token.length <= TOKEN_SIZE_MAX) return token;
  const wanted = `from ${TOKEN_SIZE_MIN} to ${TOKEN_SIZE_MAX} are wanted`;
  const message = `Cannot take the token in "${path}": it has ${token.length} characters, ${wanted}`;
  throw new RunnerError("CONFIG", message, { path, hint: make });
}

/** Headers that browsers write themselves say nothing of who asks. */
const NOT_OF_A_PROXY = /^(cookie|host|origin|referer|user-agent|accept.*|sec-.*|content-.*)$/i;

function headerName(text: string): string {
  if (/^[A-Za-z\d-]{1,64}$/.test(text) && !NOT_OF_A_PROXY.test(text)) return text;
  const wanted = "the name of a header that the proxy alone writes, such as X-Remote-User";
  throw new UsageError(`invalid value "${text}" for flag -user-header: ${wanted}`);
}
