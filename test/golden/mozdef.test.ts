// MozDef: the requests of the original's two output plugins, made again by ours from the same
// results, but for the defects that are listed here, each with what is sent instead.
import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import compliance from "../../plugins/mozdef-compliance.ts";
import scribe from "../../plugins/mozdef-scribe.ts";
import { type Heard, Listener, type Reply, type Tried, tryPlugin } from "../support/shipped.ts";
import { MENDED, type Mended, type Recording } from "./mozdef-mended.ts";

const folder = join(import.meta.dirname, "plugins/mozdef");
const files = readdirSync(folder).sort();
let held = 0;

describe("golden MozDef events", () => {
  test.each(files)("%s", async (file) => {
    const recording = JSON.parse(readFileSync(join(folder, file), "utf8")) as Recording;
    const name = file.replace(".json", "");
    const mended = MENDED[name] ?? {};
    const { requests, tried } = await replay(recording, mended.reply);
    const sent = requests.map((heard) => [heard.method, heard.path, bodyOf(heard.body)] as const);
    const events = sent.filter(([, path]) => !AUTH.test(path));
    const wanted = wantedEvents(recording, mended.events);
    expect(ordered(recording, events)).toEqual(ordered(recording, wanted));
    // In the same order of members, too.
    expect(JSON.stringify(ordered(recording, events))).toBe(
      JSON.stringify(ordered(recording, wanted)),
    );
    const asked = mended.auth ?? recordedRequests(recording).filter(([, path]) => AUTH.test(path));
    expect(sent.filter(([, path]) => AUTH.test(path))).toEqual([...asked]);
    expect(tried.kind).toBe(mended.ends ?? (recording.exit === 0 ? "delivered" : "failed"));
    held++;
  });

  afterAll(() => {
    console.log(`golden plugins: ${held} of ${files.length}`);
    expect(held).toBe(files.length);
  });
});

type Sent = readonly [method: string, path: string, body: unknown];

/** Requests for the token and for the assets. */
const AUTH = /\/oauth\/token$|\/assets\/$/;

/** Of searches in one result the original makes no order. */
function ordered({ request_order: order }: Recording, sent: readonly Sent[]): readonly Sent[] {
  if (order === "exact") return sent;
  const key = (each: Sent): string => JSON.stringify(each);
  return sent.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
}

function wantedEvents(
  recording: Recording,
  mend:
    | ((events: readonly object[]) => readonly (object | readonly [string, string, unknown])[])
    | undefined,
): readonly Sent[] {
  const recorded = recordedRequests(recording).filter(([, path]) => !AUTH.test(path));
  if (mend === undefined) return recorded;
  const path = recorded[0]?.[1] ?? "/custom/vulnerability";
  const own = recording.plugin === "runner-compliance" ? "/custom/complianceitems" : path;
  const wanted = mend(recorded.map(([, , body]) => body as object));
  return wanted.map((event) => (isSent(event) ? event : ["POST", own, event]));
}

function isSent(value: object): value is Sent {
  return Array.isArray(value);
}

function recordedRequests({ requests }: Recording): readonly Sent[] {
  return requests.map(({ body, method, path }) => {
    // Ours adds the path under which the API is.
    const linked = body.replaceAll("example.net/command?", "example.net/api/v1/command?");
    return [method, path, parse(linked)] as const;
  });
}

/** The original puts its request for a token together by hand, so it may be no JSON. */
function parse(body: string): unknown {
  if (body === "") return null;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** A body without what is different at each run. */
function bodyOf(text: string): unknown {
  if (text === "") return null;
  return JSON.parse(text, function (this: object, key, value) {
    if (key === "timestamp" || key === "utctimestamp") return "<now>";
    if (key === "processid") return "<pid>";
    return key === "hostname" && "processname" in this ? "<hostname>" : value;
  });
}

/** Gives the recorded result to our plugin, with the recorded answers in place of the services. */
async function replay(
  recording: Recording,
  reply: Mended["reply"],
): Promise<{ readonly requests: readonly Heard[]; readonly tried: Tried }> {
  const { answers = [], listening } = recording.listener;
  const heard: Heard[] = [];
  const answer = (request: Heard): Reply => {
    const index = heard.push(request) - 1;
    return reply?.(request, index) ?? answers[index] ?? { status: 200 };
  };
  await using mozdef = await Listener.open(answer);
  await using service = await Listener.open(answer);
  const [first, second] = listening === false ? [1, 1] : [mozdef.port, service.port];
  const here = (text: string): string =>
    text.replaceAll("127.0.0.1:18080", `127.0.0.1:${first}`).replaceAll(":18081", `:${second}`);
  const back = (text: string): string =>
    text.replaceAll(`127.0.0.1:${first}`, "127.0.0.1:18080").replaceAll(`:${second}`, ":18081");
  const environment = Object.fromEntries(
    Object.entries(recording.env ?? {}).map(([name, value]) => [name, here(value)]),
  );
  const isCompliance = recording.plugin === "runner-compliance";
  const named = isCompliance ? { processname: recording.argv[0] } : {};
  const settings = { ...settingsOf(here(recording.config ?? "")), ...named, connections: "1" };
  const tried = await tryPlugin(isCompliance ? compliance : scribe, {
    settings,
    result: recording.stdin,
    environment,
  });
  return { requests: heard.map((each) => ({ ...each, body: back(each.body) })), tried };
}

/** The original's configuration file as the section of the plugin that replaces it. */
function settingsOf(text: string): Record<string, string> {
  const settings: Record<string, string> = {};
  let section = "";
  for (const line of text.split("\n")) {
    section = /^\s*\[(\w+)\]/.exec(line)?.[1] ?? section;
    const [, key = "", value = ""] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === "" || key === "bin") continue;
    const name = section === "serviceapi" && key === "url" ? "serviceapi" : key;
    const unquoted = value.replace(/^"(.*)"$/, "$1").replace(/\\(.)/g, "$1");
    if (unquoted !== "") settings[name] = unquoted;
  }
  return settings;
}
