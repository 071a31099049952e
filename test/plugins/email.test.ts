// Email: the shipped plugin against a listener that speaks SMTP.
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { resolve } from "node:path";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import email from "../../plugins/email.ts";
import { Scratch } from "../support/edge.ts";
import { answer, command, expired, resultOf } from "../support/results.ts";
import { tryPlugin } from "../support/shipped.ts";
import { NAMED } from "../support/tls-names.ts";

/** What the server answers to a command that begins so, in place of its usual answer. */
type Answers = Readonly<Record<string, string>>;

interface Mail {
  from: string;
  readonly to: string[];
  text: string;
}

/** A server of SMTP on loopback that keeps what it took. */
class Mailbox implements AsyncDisposable {
  readonly taken: Mail[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#talk(socket));
  readonly #answers: Answers;

  private constructor(answers: Answers) {
    this.#answers = answers;
  }

  static async open(answers: Answers = {}): Promise<Mailbox> {
    const mailbox = new Mailbox(answers);
    mailbox.#server.listen(0, "127.0.0.1");
    await once(mailbox.#server, "listening");
    return mailbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #talk(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    let mail: Mail = { from: "", to: [], text: "" };
    let rest = "";
    let isData = false;
    const usual = (line: string): string => {
      if (line.startsWith("EHLO")) return "250-localhost\r\n250 8BITMIME";
      if (line.startsWith("MAIL")) mail = { from: line, to: [], text: "" };
      if (line.startsWith("RCPT")) mail.to.push(line);
      if (line === "DATA") return "354 go on";
      return line === "QUIT" ? "221 bye" : "250 ok";
    };
    const hear = (line: string): void => {
      if (isData && line !== ".") {
        mail.text += `${line}\n`;
        return;
      }
      const word = isData ? "." : (line.split(/[ :]/)[0] ?? "");
      const said = this.#answers[word] ?? usual(isData ? "." : line);
      if (isData && said.startsWith("250")) this.taken.push(mail);
      isData = !isData && line === "DATA" && said.startsWith("354");
      socket.write(`${said}\r\n`);
    };
    socket.setEncoding("utf8").on("data", (data: string) => {
      const lines = (rest + data).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) hear(line);
    });
    socket.write("220 localhost ESMTP\r\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}

const SETTINGS = { from: "mig@example.net", to: ["ann@example.net", "ben@example.net"] };

const NOTHING = [answer({}, { foundanything: false })];

async function deliver(result: unknown, settings: Record<string, unknown> = {}, answers?: Answers) {
  await using mailbox = await Mailbox.open(answers);
  const all = { server: mailbox.url, ...SETTINGS, ...settings } as never;
  const tried = await tryPlugin(email, { settings: all, result });
  return { ...tried, taken: mailbox.taken };
}

describe("email", () => {
  test("sends one message of a result to all, with what was found and who failed", async () => {
    const { kind, taken } = await deliver(
      resultOf(command({ host: "a" }), command({ host: "b", results: NOTHING }), expired("c")),
    );
    expect(kind).toBe("delivered");
    const [mail] = taken;
    expect(taken.length).toBe(1);
    expect(mail?.from).toStartWith("MAIL FROM:<mig@example.net>");
    expect(mail?.to.map((line) => line.slice(0, 25))).toEqual([
      "RCPT TO:<ann@example.net>",
      "RCPT TO:<ben@example.net>",
    ]);
    expect(mail?.text).toContain("\nSubject: nightly: 1 found, 1 failed\n");
    expect(mail?.text).toContain("\n1 of 3 hosts found something, 1 failed\n\nFound on:\n  a\n");
    expect(mail?.text).toContain("\nFailed:\n  c (");
    expect(mail?.text).toMatch(/^Auto-Submitted: auto-generated$/m);
  });

  test("has the same Message-ID at each try, and no line of an agent's own", async () => {
    const evil = resultOf(command({ host: "x\r\nBcc: all@example.net\r\n.\r\nQUIT" }));
    const ids = [];
    for (let turn = 0; turn < 2; turn++) {
      const { taken } = await deliver(evil);
      const text = taken[0]?.text ?? "";
      ids.push(/^Message-ID: <.*>$/im.exec(text)?.[0]);
      expect(text).not.toMatch(/^Bcc/im);
      expect(taken[0]?.to.length).toBe(2);
    }
    expect(ids[0]).toBe(ids[1] ?? "none");
    expect(ids[0]).toMatch(/^Message-ID: <[0-9a-f]{32}@example\.net>$/i);
  });

  test("sends nothing where nothing is wanted", async () => {
    const fine = resultOf(command({ results: NOTHING }));
    for (const when of ["found", "trouble"]) {
      expect((await deliver(fine, { when })).taken).toEqual([]);
      const trouble = await deliver(resultOf(expired("c")), { when });
      expect(trouble.taken.length).toBe(when === "trouble" ? 1 : 0);
    }
  });

  test("tells an alarm, with what to do", async () => {
    await using mailbox = await Mailbox.open();
    const alarm = {
      kind: "alarm",
      event: "failed",
      of: "failed",
      job: "nightly",
      subject: null,
      run: 7,
      at: "2026-11-23T12:00:00.000Z",
      since: "2026-11-23T11:00:00.000Z",
      count: 2,
      message: "run 7 failed: no target",
      hint: "mig-runner history 7",
    } as const;
    const settings = { server: mailbox.url, ...SETTINGS } as never;
    const { kind } = await tryPlugin(email, { settings, alarm: alarm as never });
    expect(kind).toBe("delivered");
    const text = mailbox.taken[0]?.text ?? "";
    expect(text).toContain("\nSubject: nightly: failed\n");
    expect(text).toContain("run 7 failed: no target\n");
    expect(text).toContain("What to do: mig-runner history 7\n");
  });

  test("gives up what is refused for good, and comes back with what may pass", async () => {
    const result = resultOf(command());
    const refused = await deliver(result, {}, { ".": "554 no spam here" });
    expect([refused.kind, refused.final, refused.taken]).toEqual(["failed", true, []]);
    expect(refused.message).toContain("554 no spam here");
    const later = await deliver(result, {}, { MAIL: "451 come back later" });
    expect([later.kind, later.final]).toEqual(["failed", false]);
    expect(later.message).toContain("451 come back later");
    const nobody = await deliver(result, { server: "smtp://127.0.0.1:1" });
    expect([nobody.kind, nobody.final]).toEqual(["failed", false]);
  });

  test("says no password over a line that others can read", async () => {
    const login = { user: "mig", password: "s3cret" };
    const noTls = { STARTTLS: "454 TLS is not available" };
    const { final, kind, message, taken } = await deliver(resultOf(command()), login, noTls);
    expect(taken).toEqual([]);
    expect([kind, final]).toEqual(["failed", false]);
    expect(message).not.toContain("s3cret");
  });

  test("refuses settings that mean nothing", async () => {
    for (const settings of [{ server: "mail" }, { to: [] }, { to: "ann" }, { from: "a\nb@c" }]) {
      expect((await deliver(resultOf(), settings)).kind).toBe("unset");
    }
  });
});

const fixture = (name: string): string => resolve(import.meta.dirname, "../fixtures/tls", name);
const pem = (name: string): string => readFileSync(fixture(name), "utf8");
const CERTIFIED = { key: pem("server.key"), cert: pem("server.pem") };
const EXPIRED = { key: pem("server.key"), cert: pem("expired.pem") };

/** A mail server with TLS and logins, by somebody else than us, and what it was told. */
class Office implements AsyncDisposable {
  readonly #server: SMTPServer;
  readonly logins: { readonly user: string; readonly secure: boolean }[] = [];
  readonly mails: { readonly text: string; readonly secure: boolean }[] = [];

  private constructor(options: SMTPServerOptions, refusal: string) {
    this.#server = new SMTPServer({
      authOptional: true,
      ...CERTIFIED,
      ...options,
      onAuth: ({ password, username = "" }, session, answered) => {
        this.logins.push({ user: username, secure: session.secure });
        if (username === "mig" && password === "s3cret") answered(null, { user: username });
        else answered(new Error(refusal));
      },
      onData: (stream, session, answered) => {
        let text = "";
        stream.setEncoding("utf8").on("data", (part: string) => (text += part));
        stream.on("end", () => {
          this.mails.push({ text, secure: session.secure });
          answered(null);
        });
      },
    });
    // A client that does not trust it ends the connection.
    this.#server.on("error", () => {});
  }

  static async open(options: SMTPServerOptions, refusal: string): Promise<Office> {
    const office = new Office(options, refusal);
    office.#server.listen(0, "127.0.0.1");
    await once(office.#server.server, "listening");
    return office;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve: closed } = Promise.withResolvers<void>();
    this.#server.close(() => closed());
    await promise;
  }
}

const LOGIN = { user: "mig", password: "s3cret", cafile: fixture("ca.pem") };

async function send(
  options: SMTPServerOptions,
  settings: {
    readonly scheme?: "smtp" | "smtps";
    readonly host?: string;
    /** What the server answers to a login that it does not take. */
    readonly refusal?: string;
    readonly [setting: string]: unknown;
  },
) {
  const { host = "localhost", refusal = "Invalid", scheme = "smtp", ...others } = settings;
  await using office = await Office.open(options, refusal);
  const server = `${scheme}://${host}:${office.port}`;
  const tried = await tryPlugin(email, {
    settings: { server, ...SETTINGS, ...others } as never,
    result: resultOf(command({ host: "a" })),
  });
  // Whatever happens, the password is nobody's to read.
  expect(JSON.stringify(tried)).not.toContain("s3cret");
  const { logins, mails } = office;
  return { ...tried, logins, mails };
}

describe("email over TLS", () => {
  for (const [scheme, how] of [
    ["smtp", "STARTTLS"],
    ["smtps", "TLS from the first byte on"],
  ] as const) {
    const options = { secure: scheme === "smtps" };

    test(`logs in and sends by ${how}`, async () => {
      const { kind, logins, mails } = await send(options, { scheme, ...LOGIN });
      expect(kind).toBe("delivered");
      expect(logins).toEqual([{ user: "mig", secure: true }]);
      expect(mails.map(({ secure }) => secure)).toEqual([true]);
      expect(mails[0]?.text).toContain("Subject: nightly: 1 found, 0 failed");
    });

    test(`says of a wrong password what it is, by ${how}, and tries again later`, async () => {
      const wrong = { ...LOGIN, password: "not-s3cret" };
      const { final, kind, mails, message } = await send(options, { scheme, ...wrong });
      expect([kind, final, mails]).toEqual(["failed", false, []]);
      expect(message).toMatch(/^localhost:\d+ refuses the login of mig: .*535/);
      expect(message).toContain("look at user and password");
    });

    test(`sends nothing to a server that it cannot trust, by ${how}`, async () => {
      const strangers = {
        "by an authority that it was not told of": [CERTIFIED, { cafile: undefined }],
        "that has expired": [EXPIRED, {}],
      } as const;
      for (const [name, [certificate, settings]] of Object.entries(strangers)) {
        const { final, kind, logins, mails, message } = await send(
          { ...options, ...certificate },
          { scheme, ...LOGIN, ...settings },
        );
        expect([name, kind, final, logins, mails]).toEqual([name, "failed", false, [], []]);
        expect(message).toMatch(/^no TLS with localhost:\d+, and without it nothing is sent: /);
        expect(message).toContain("cafile");
      }
    });
  }

  test("is spoken without a login as well, where the server offers it", async () => {
    const trusted = await send({}, { cafile: fixture("ca.pem") });
    expect([trusted.kind, trusted.mails.map(({ secure }) => secure)]).toEqual([
      "delivered",
      [true],
    ]);
    const stranger = await send({}, {});
    expect([stranger.kind, stranger.final, stranger.mails]).toEqual(["failed", false, []]);
    const none = await send({ disabledCommands: ["STARTTLS"] }, {});
    expect([none.kind, none.mails.map(({ secure }) => secure)]).toEqual(["delivered", [false]]);
  });

  test("is wanted for a login: a server that offers none gets no password", async () => {
    const open = { disabledCommands: ["STARTTLS"], allowInsecureAuth: true };
    const { final, kind, logins, mails, message } = await send(open, LOGIN);
    expect([kind, final, logins, mails]).toEqual(["failed", false, [], []]);
    expect(message).toStartWith("no TLS with localhost:");
  });

  test("is for the server that is meant, not for another of the same authority", async () => {
    using scratch = new Scratch();
    const { address = "", name = "" } = NAMED.certificates;
    for (const [cert, host, kind] of [
      [address, "127.0.0.1", "delivered"],
      [address, "localhost", "failed"],
      [name, "localhost", "delivered"],
      [name, "127.0.0.1", "failed"],
    ] as const) {
      const cafile = scratch.file("authority.pem", NAMED.authority);
      const options = { secure: true, cert, key: NAMED.key };
      const { mails, ...tried } = await send(options, { scheme: "smtps", host, ...LOGIN, cafile });
      expect([host, tried.kind, mails.length]).toEqual([host, kind, kind === "failed" ? 0 : 1]);
    }
  });

  test("keeps a login to itself that the server tells back", async () => {
    const plain = Buffer.from("\0mig\0s3cret!").toString("base64");
    const refusal = `Unrecognized: AUTH PLAIN ${plain}, s3cret!, ${btoa("s3cret!")}`;
    const wrong = { ...LOGIN, password: "s3cret!", refusal };
    const { kind, message } = await send({}, wrong);
    expect(kind).toBe("failed");
    expect(message).toContain("Unrecognized: AUTH PLAIN");
    for (const secret of [plain, "s3cret", btoa("s3cret!")]) expect(message).not.toContain(secret);
  });

  test("names a cafile that cannot be read", async () => {
    const { final, kind, message } = await send({}, { ...LOGIN, cafile: "/nowhere/ca.pem" });
    expect([kind, final]).toEqual(["failed", false]);
    expect(message).toContain("cafile cannot be read: ENOENT");
    expect(message).toContain("/nowhere/ca.pem");
  });
});
