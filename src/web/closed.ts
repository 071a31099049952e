// Closed: what people and programs are answered who may not look, on a page that other hosts reach.
//
// Nothing of the directory is in it: not its path, nor whether a page is there.
import { ownPath, signInPath } from "./acting.ts";
import { plain } from "./answer.ts";
import type { Desk, Headers, Refused } from "./desk.ts";
import { outside } from "./layout.ts";
import { markup } from "./markup.ts";

/** A request to a page that may be closed. */
export interface Knock {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Headers;
}

/** The answer to whoever may not look; null for everybody else. */
export function closedAnswer(desk: Desk, knock: Knock, style: string): Response | null {
  const may = desk.mayLook(knock.headers);
  if (may === true) return null;
  if (may !== "unknown") return notTaken(may);
  const path = knock.path.replace(/\?.*$/s, "");
  if (knock.method === "POST" || /\.(?:json|csv)$|^\/(?:events|metrics)$/.test(path)) {
    const ask = "Ask with the token of --token-file: Authorization: Bearer TOKEN";
    return challenge(plain(401, ask));
  }
  // From a link of another website a browser brings no cookie; from a page of our own it does.
  if (/^(?:cross|same)-site$/.test(knock.headers.header("sec-fetch-site") ?? "")) {
    return again(ownPath(knock.path), style);
  }
  return new Response(null, { status: 303, headers: { Location: signInPath(knock.path) } });
}

/** Why a token is not taken. */
function notTaken(why: Refused): Response {
  if (why === "wrong") return challenge(plain(401, "That is not the token."));
  const answer = plain(429, "Too many wrong tokens: try again in a minute.");
  answer.headers.set("Retry-After", "60");
  return answer;
}

function challenge(answer: Response): Response {
  answer.headers.set("WWW-Authenticate", 'Bearer realm="mig-runner"');
  return answer;
}

function again(path: string, style: string): Response {
  const head = markup`<meta http-equiv="refresh" content="0; url=${path}">`;
  const body = markup`<p><a href="${path}">Go on</a></p>`;
  const text = outside({ title: "mig-runner", body, head }, style).toString();
  return new Response(text, { headers: { "Content-Type": "text/html; charset=utf-8" } });
}
