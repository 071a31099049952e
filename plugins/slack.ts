// Slack: one message for a result: what was found where, and which hosts were not checked.
//
// [plugin "slack"]
//   url      the incoming webhook. Whoever knows it can post: nothing of it is ever logged
//   when     always; found: something was found; trouble: that, or a host failed. Default: always
//   hosts    names of each kind that are listed, 0 to 50. Default: 10
//   timeout  for one request. Default: 30s
//
// A host that failed is listed apart and is never counted as one on which nothing was found. Names
// of hosts are shown as code: whatever an agent calls itself, it writes no line of its own, no link
// and no mention into the message.
//
// Of an alarm it is told what is wrong, since when, and what to do.
//
// There is one request. A message that Slack refuses (400) fails for good; after any other failure
// the delivery is made again. Slack knows no key by which it could tell the same message twice.
import { plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { hostLabel, readCommand } from "./lib/command.ts";
import { post } from "./lib/post.ts";
import { objectOr, textOr } from "./lib/read.ts";
import { duration, oneOf, url, whole } from "./lib/settings.ts";
import { Tally } from "./lib/tally.ts";
import { linesOf, tellBy } from "./lib/tell.ts";
import { cutText, encodeJson, lineOf } from "./lib/text.ts";

const config = v.strictObject({
  url: url(),
  when: oneOf(["always", "found", "trouble"], "always"),
  hosts: whole({ min: 0, max: 50, fallback: 10 }),
  timeout: duration("30s"),
});

export default plugin({
  config,
  async deliver(result, context) {
    const { hosts: hostsMax, timeout: timeoutMs, url: to, when } = context.config;
    const summary = await summarise(result, hostsMax);
    const isWanted =
      when === "always" || summary.found > 0 || (when === "trouble" && summary.failed > 0);
    if (!isWanted) return;
    const headers = { "Content-Type": "application/json" };
    const text = messageOf(result, summary);
    const body = encodeJson({ text, unfurl_links: false, unfurl_media: false });
    const tally = new Tally(context, { what: "messages" });
    const message = { run: [0, 1], group: "", label: "the message" } as const;
    tally.begin(message);
    tally.note(await post(context, { url: to, headers, body, timeoutMs }), message);
    await tally.finish();
  },
  async alarm(event, context) {
    const { timeout: timeoutMs, url: to } = context.config;
    const [title = "", ...lines] = linesOf(event);
    const shown = [
      `*${literal(title, NAME_MAX)}*`,
      ...lines.map((line) => literal(line, LINE_MAX)),
    ];
    const body = encodeJson({ text: shown.join("\n"), unfurl_links: false, unfurl_media: false });
    const headers = { "Content-Type": "application/json" };
    await tellBy(context, { url: to, headers, body, timeoutMs });
  },
});

interface Summary {
  readonly commands: number;
  readonly found: number;
  readonly failed: number;
  /** The first of them. */
  readonly foundHosts: readonly string[];
  readonly failedHosts: readonly string[];
  readonly statuses: ReadonlyMap<string, number>;
}

/** Characters of a whole message: Slack cuts longer ones. */
const MESSAGE_MAX = 3_900;

/** Of that, what the hosts on which something was found leave to those that failed. */
const FAILED_MIN = 800;

/** Characters of a name, of a host's name and of a reason. */
const NAME_MAX = 200;
const HOST_MAX = 120;
const REASON_MAX = 160;

/** Characters of a line of an alarm. */
const LINE_MAX = 1_000;

/** How many ways to end are told apart. */
const STATUSES_MAX = 6;

async function summarise(result: Result, hostsMax: number): Promise<Summary> {
  let [commands, found, failed] = [0, 0, 0];
  const foundHosts: string[] = [];
  const failedHosts: string[] = [];
  const statuses = new Map<string, number>();
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const host = hostOf(hostLabel(reading));
    commands++;
    const isKnown = statuses.has(reading.status) || statuses.size < STATUSES_MAX;
    const status = isKnown ? reading.status : "other";
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (reading.found && found++ < hostsMax) foundHosts.push(host);
    const [trouble] = reading.troubles;
    if (trouble === undefined) continue;
    if (failed++ < hostsMax) failedHosts.push(`${host} (${literal(trouble, REASON_MAX)})`);
  }
  return { commands, found, failed, foundHosts, failedHosts, statuses };
}

/** The hosts on which something was found are not pushed out by those that failed. */
function messageOf({ action, job }: Result, summary: Summary): string {
  const { commands, failed, failedHosts, found, foundHosts, statuses } = summary;
  const name = literal(textOr(objectOr(action).name), NAME_MAX);
  const each = [...statuses].map(([status, count]) => `${count} ${literal(status, NAME_MAX)}`);
  const head = [
    `*${literal(job, NAME_MAX)}*: ${name}`,
    commands === 0
      ? "No host was asked: the target matched none"
      : `${found} of ${commands} hosts found something, ${failed} failed (${each.join(", ")})`,
  ].join("\n");
  const reserved = failedHosts.length === 0 ? 0 : FAILED_MIN;
  const room = MESSAGE_MAX - head.length;
  const hits = listOf("Found on", { hosts: foundHosts, count: found, room: room - reserved });
  const troubles = { hosts: failedHosts, count: failed, room: room - hits.length };
  return `${head}${hits}${listOf("Failed", troubles)}`;
}

interface Hosts {
  readonly hosts: readonly string[];
  /** How many there are, with those that are not listed. */
  readonly count: number;
  /** Characters that the list may have. */
  readonly room: number;
}

/** Characters of the line that says how many more there are. */
const MORE_SIZE = 40;

function listOf(title: string, { count, hosts, room }: Hosts): string {
  if (hosts.length === 0) return "";
  let text = `\n${title}:`;
  let listed = 0;
  for (const host of hosts) {
    const line = `\n• ${host}`;
    if (text.length + line.length > room - MORE_SIZE) break;
    text += line;
    listed++;
  }
  return count > listed ? `${text}\n• and ${count - listed} more` : text;
}

/**
 * A host's name. It is an agent's word: shown as code, in which nothing is bold or a link, and with
 * what no name has as an escape, so that it is seen for what it is.
 */
function hostOf(name: string): string {
  const escaped = cutText(name, HOST_MAX).replace(/[*~`@|]|(?<=:)\/(?=\/)/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16)}`;
  });
  return code(escaped);
}

/** Texts in which Slack finds nothing to show in another way. */
const PLAIN = /^[\p{L}\p{M}\p{N} ,;:()"'!?+%-]*$/u;

/** A text as it is: as code if Slack would make something else of it. */
function literal(text: string, max: number): string {
  const line = lineOf(text, max);
  return PLAIN.test(line) ? line : code(line);
}

function code(line: string): string {
  return `\`${escapeText(line.replaceAll("`", "'"))}\``;
}

/** The three characters by which Slack knows links and mentions; after all cutting. */
function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
