// Desk: how people at the page show who they are, as the command line says it.
import { secretText, systemClock } from "../edge/clock.ts";
import { absolutePath, fileModeOf, readBytes } from "../edge/files.ts";
import type { Place } from "../edge/web.ts";
import { messageOf, RunnerError } from "../errors.ts";
import { distrust, findFlaw, shellWord } from "../lib/os/ownership.ts";
import type { DeskEdges, Proof } from "../web/desk.ts";
import { perform } from "./acting.ts";
import { type FlagSpec, UsageError } from "./flags.ts";
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
    help: "With --allow-actions: whoever knows the token in FILE may act",
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

/** Others may neither read nor write it; a group may read it, as systemd's credentials are. */
const OTHERS = 0o007;

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
export async function allowedOf(call: Call, place: Place): Promise<Allowed | null> {
  const { flags } = call;
  const [path, header] = [flags.text("token-file"), flags.text("user-header")];
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

async function tokenIn(path: string): Promise<string> {
  const attempt = `Cannot take the token in "${path}"`;
  const refuse = (state: string, hint: string): RunnerError =>
    new RunnerError("CONFIG", `${attempt}: ${state}`, { path, hint });
  const mode = await fileModeOf(path);
  const make = `umask 077; openssl rand -hex 32 > ${shellWord(path)}`;
  if (mode === null) throw refuse("there is no such file", make);
  const flaw = findFlaw(path);
  if (flaw !== null) throw distrust({ code: "CONFIG", thing: "token", path }, flaw);
  if ((mode & OTHERS) !== 0) {
    const bits = mode.toString(8).padStart(4, "0");
    throw refuse(
      `every user of this host can read it (mode ${bits})`,
      `chmod 600 ${shellWord(path)}`,
    );
  }
  const bytes = await readBytes(path).catch((error: unknown) => {
    throw refuse(messageOf(error), make);
  });
  const token = new TextDecoder().decode(bytes).trim();
  if (token.length >= TOKEN_SIZE_MIN && token.length <= TOKEN_SIZE_MAX) return token;
  const wanted = `from ${TOKEN_SIZE_MIN} to ${TOKEN_SIZE_MAX} are wanted`;
  throw refuse(`it has ${token.length} characters, ${wanted}`, make);
}

/** Headers that browsers write themselves say nothing of who asks. */
const NOT_OF_A_PROXY = /^(cookie|host|origin|referer|user-agent|accept.*|sec-.*|content-.*)$/i;

function headerName(text: string): string {
  if (/^[A-Za-z\d-]{1,64}$/.test(text) && !NOT_OF_A_PROXY.test(text)) return text;
  const wanted = "the name of a header that the proxy alone writes, such as X-Remote-User";
  throw new UsageError(`invalid value "${text}" for flag -user-header: ${wanted}`);
}
