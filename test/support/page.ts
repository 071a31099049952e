// Page: the page of a runner directory on disk, asked in this process.

import { perform } from "../../src/cli/acting.ts";
import { parseFlags } from "../../src/cli/flags.ts";
import { openSpoolView } from "../../src/cli/open.ts";
import { openSite } from "../../src/cli/site.ts";
import { findHostZone } from "../../src/edge/timezone.ts";
import { type App, createApp } from "../../src/web/app.ts";
import type { DeskEdges } from "../../src/web/desk.ts";
import type { Directory } from "./verb.ts";

/** An answer of the page. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Asks the page of a directory by GET, or by another method, under a name of loopback. */
export interface AskedPage {
  get(path: string, how?: { host?: string | null; method?: string }): Promise<PageAnswer>;
  /** The data of a page. */
  json(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** What went wrong in it. */
  readonly notes: readonly string[];
}

/** The page of a directory. */
export async function pageOf(
  directory: Directory,
  hosts: readonly string[] = [],
  around: Pick<Parameters<typeof appOf>[1], "outage" | "hostOf"> = {},
): Promise<AskedPage> {
  const notes: string[] = [];
  const app = await appOf(directory, { hosts, ...around, note: (line) => notes.push(line) });
  return { notes, ...askerOf(app) };
}

/** What answers the page of a directory. @param how.note Told what went wrong in it. */
export async function appOf(
  directory: Directory,
  how: {
    readonly hosts: readonly string[];
    readonly note: (line: string) => void;
    /** Why what is read is old. @default it is not */
    readonly outage?: () => string | null;
    /** Which host has a job. @default there is no cluster */
    readonly hostOf?: () => string | null;
    /** How people act from it, but for what acts. */
    readonly desk?: Omit<DeskEdges, "act" | "isClosed"> & { readonly isClosed?: boolean };
  },
): Promise<App> {
  const terminal = { out() {}, error() {}, json() {}, file() {}, progress() {}, lines: () => [] };
  const { flags, positionals } = parseFlags([], []);
  const call = {
    flags,
    positionals,
    terminal,
    configPath: directory.runnerConfig,
    hostZone: findHostZone("UTC"),
    environment: { HOME: "/nowhere" },
  };
  const view = await openSpoolView(call);
  const act: DeskEdges["act"] = (order, person) => perform(call, order, person);
  const acting = how.desk === undefined ? {} : { desk: { isClosed: false, ...how.desk, act } };
  const { outage = () => null, hostOf = () => undefined } = how;
  const journal = { path: view.config.journalPath, outage, hostOf };
  return createApp(openSite(view, how.note, { journal }), { hosts: how.hosts, ...acting });
}

function askerOf(app: App): Pick<AskedPage, "get" | "json"> {
  const get: AskedPage["get"] = async (path, { host = "localhost:8787", method = "GET" } = {}) => {
    const answer = await app.answer(new Request(`http://page${path}`, { method }), {
      host,
      from: "",
      header: () => null,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { get, json: async (path) => JSON.parse((await get(path)).text) };
}
