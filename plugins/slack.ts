// Slack: one message for a result: what was found where, and which hosts were not checked.
//
// [plugin "slack"]
//   url      the incoming webhook. Whoever knows it can post: nothing of it is ever logged
//   when     always; found: something was found; trouble: that, or a host failed. Default: always
//   hosts    names of each kind that are listed, 0 to 50. Default: 10
//   timeout  for one request. Default: 30s
//
// A host that failed is listed apart and is never counted as one on which nothing was found.
//
// There is one request. A message that Slack refuses (400) fails for good; after any other failure
// the delivery is made again. Slack knows no key by which it could tell the same message twice.
import { plugin, type Result } from "mig-runner";
import * as v from "valibot";
import { hostLabel, readCommand } from "./lib/command.ts";
import { post } from "./lib/post.ts";
import { duration, oneOf, url, whole } from "./lib/settings.ts";
import { Tally } from "./lib/tally.ts";

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
    const body = JSON.stringify({ text: messageOf(result, summary) });
    const tally = new Tally(context, "messages");
    tally.note(await post(context, { url: to, headers, body, timeoutMs }), "the message");
    tally.finish();
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

/** Characters of one host's line, and of a message: Slack cuts longer ones. */
const LINE_MAX = 160;
const MESSAGE_MAX = 3_900;

async function summarise(result: Result, hostsMax: number): Promise<Summary> {
  let [commands, found, failed] = [0, 0, 0];
  const foundHosts: string[] = [];
  const failedHosts: string[] = [];
  const statuses = new Map<string, number>();
  for await (const command of result.commands) {
    const reading = readCommand(command);
    const host = hostLabel(reading);
    commands++;
    statuses.set(reading.status, (statuses.get(reading.status) ?? 0) + 1);
    if (reading.found && found++ < hostsMax) foundHosts.push(host);
    const [trouble] = reading.troubles;
    if (trouble === undefined) continue;
    if (failed++ < hostsMax) failedHosts.push(`${host} (${trouble})`.slice(0, LINE_MAX));
  }
  return { commands, found, failed, foundHosts, failedHosts, statuses };
}

function messageOf({ action, job }: Result, summary: Summary): string {
  const { commands, failed, failedHosts, found, foundHosts, statuses } = summary;
  const name = typeof action.name === "string" ? action.name : "";
  const counts = [...statuses].map(([status, count]) => `${count} ${status}`).join(", ");
  const lines = [
    `*${escapeText(job)}*: ${escapeText(name)}`,
    commands === 0
      ? "No host was asked: the target matched none"
      : `${found} of ${commands} hosts found something, ${failed} failed (${escapeText(counts)})`,
    ...listOf("Found on", foundHosts, found),
    ...listOf("Failed", failedHosts, failed),
  ];
  const message = lines.join("\n");
  return message.length <= MESSAGE_MAX ? message : `${message.slice(0, MESSAGE_MAX)}…`;
}

function listOf(title: string, hosts: readonly string[], count: number): readonly string[] {
  if (hosts.length === 0) return [];
  const more = count > hosts.length ? [`• and ${count - hosts.length} more`] : [];
  return [`${title}:`, ...hosts.map((host) => `• ${escapeText(host)}`), ...more];
}

/** The three characters that Slack gives a meaning. */
function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
