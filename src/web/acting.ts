// Acting: the paths by which people at the page act: signing in and out, and the forms of deeds.
//
// Every answer to a form leads to a page of ours, so that a reload does nothing twice (or says why
// nothing was done). What came of it is shown there.
import { type DeedForm, deedForm, deedVerb, orderOf, pageAfter } from "./deeds.ts";
import { type Desk, type Headers, isOwnPage, type Outcome, type Person } from "./desk.ts";
import type { Sheet } from "./layout.ts";
import { type Markup, markup, type Piece } from "./markup.ts";

/** What a form came to: a page to go to, or why not. */
export type Came =
  | { readonly kind: "go"; readonly path: string; readonly cookie: string | null }
  | { readonly kind: "refused"; readonly status: number; readonly why: string };

/** Where people sign in. */
export const SIGN_IN = "/sign-in";
const SIGN_OUT = "/sign-out";

/** What is sent by a form, to which path. */
export interface Sent {
  readonly path: string;
  readonly form: URLSearchParams;
  readonly headers: Headers;
}

/** What becomes of a form; null when there is no such path. */
export async function receive(desk: Desk, sent: Sent): Promise<Came | null> {
  const { path, form, headers } = sent;
  const verb = deedVerb(path.replace(/^\/act\//, ""));
  const isDeed = desk.canAct && path.startsWith("/act/") && verb !== null;
  if (!isDeed && path !== SIGN_OUT && !(path === SIGN_IN && desk.hasToken)) return null;
  if (!isOwnPage(headers)) return refused(403, "The form came from another website.");
  if (path === SIGN_IN) return signIn(desk, sent);
  const person = desk.who(headers);
  if (person === null) return refused(403, notKnown(desk));
  if (!desk.isProven(person, form)) {
    return refused(403, "The form is of another session. Load its page again.");
  }
  if (!isDeed) return { kind: "go", path: "/", cookie: desk.signOut(person) };
  const order = orderOf(verb, form);
  const outcome = await desk.act(order, person);
  if (outcome === null) return refused(503, "Too much is being done already. Try again.");
  return { kind: "go", path: pageAfter(order, form), cookie: null };
}

function signIn(desk: Desk, { form, headers: { from } }: Sent): Came {
  const given = { token: form.get("token") ?? "", name: form.get("name") ?? "" };
  const begun = desk.signIn({ ...given, from });
  if (begun === "wrong") return refused(403, "That is not the token.");
  if (begun === "wait") return refused(429, "Too many wrong tokens: try again in a minute.");
  return { kind: "go", path: ownPath(form.get("to") ?? ""), cookie: begun };
}

/** A page of ours, with its query; the first page for anything else. */
export function ownPath(text: string): string {
  const isOwn = /^(?:\/[\w%~-][\w.%~-]*)+(?:\?[\w.%~=&+*-]*)?$/.test(text);
  return isOwn && text.length <= PATH_SIZE_MAX ? text : "/";
}

/** Characters of a page that somebody comes back to. */
const PATH_SIZE_MAX = 500;

function refused(status: number, why: string): Came {
  return { kind: "refused", status, why };
}

function notKnown(desk: Desk): string {
  return desk.hasToken
    ? "Nobody is signed in, or the session has ended. Sign in and load the page again."
    : "The proxy did not say who asks.";
}

/** What stands above a page for a person who may act: who they are, and what came of it. */
export function deskPieces(
  desk: Desk,
  { headers, deeds, path }: Pick<Sent, "headers" | "path"> & { deeds: readonly DeedForm[] },
): { readonly person: Piece; readonly acts: Piece } {
  const person = desk.who(headers);
  if (person === null) {
    const link = desk.hasToken && markup`<a href="${signInPath(path)}">Sign in to act</a>`;
    return { person: link, acts: null };
  }
  const told = desk.told(person);
  const acts = [
    told === null ? null : toldPiece(told),
    desk.canAct ? formsPiece(deeds, person) : null,
  ];
  return { person: personPiece(desk, person), acts };
}

function toldPiece({ isDone, lines }: Outcome): Markup {
  const kind = isDone ? "good" : "bad";
  const said = lines.map((line) => markup`<p>${line}</p>`);
  return markup`<div role="status" class="told ${kind}">${said}</div>`;
}

function formsPiece(deeds: readonly DeedForm[], { proof }: Person): Piece {
  if (deeds.length === 0) return null;
  const forms = deeds.map((deed) => deedForm(deed, proof));
  return markup`<div class="acts" role="group" aria-label="What can be done">${forms}</div>`;
}

function personPiece(desk: Desk, { name, proof }: Person): Piece {
  if (!desk.hasToken) return markup`<span>${name}</span>`;
  return markup`<span>${name}</span>
<form method="post" action="${SIGN_OUT}"><input type="hidden" name="proof" value="${proof}">
<button>Sign out</button></form>`;
}

/** Where people sign in who come from a page. */
export function signInPath(from: string): string {
  return `${SIGN_IN}?${new URLSearchParams({ to: from })}`;
}

/** The page on which people sign in. @param to The page that they come from. */
export function signInSheet(desk: Desk, to: string): Sheet {
  return { title: "Sign in", place: SIGN_IN, body: signInForm(desk, ownPath(to)), isStill: true };
}

function signInForm(desk: Desk, to: string): Markup {
  const named = desk.canAct ? " Your name goes into the audit log." : "";
  return markup`<p>The token is in the file of --token-file.${named}</p>
<form method="post" action="${SIGN_IN}"><input type="hidden" name="to" value="${to}">
<label>Name<input type="text" name="name" maxlength="64" autocomplete="username"></label>
<label>Token<input type="password" name="token" autocomplete="current-password" required></label>
<button>Sign in</button></form>`;
}

/** The page that says why nothing was done. */
export function refusedSheet(why: string): Sheet {
  const body = markup`<p class="bad">${why}</p><p>Nothing was done.</p>
<p><a href="/">Overview</a></p>`;
  return { title: "Not done", place: "", body, isStill: true };
}
