// Action: from a template to the signed text and the body that is posted.
//
//   parseTemplate ─▶ dateAction ─▶ compressAction ─▶ signedText ─▶ withSignature ─▶ encodeAction
//
// Owns:     every byte of the text that is signed and of the action that is posted.
// Not here: reading the file, the clock and the key (lib/ports.ts), the order of the steps (flow/).
//
// Invariants:
//   A1. The signed text does not change after signing: compress first, sign last.
//   A2. Both times are whole milliseconds. The API's database rounds to microseconds, and a
//       fraction that it rounds up to the next second would break the signature.
import { Buffer } from "node:buffer";
import { assert, RunnerError } from "../errors.ts";
import { queryEscape } from "../lib/go/escape.ts";
import { encodeJson } from "../lib/go/json.ts";
import { unmarshal } from "../lib/go/struct.ts";
import { JsonError } from "../lib/go/syntax.ts";
import { timeAt } from "../lib/go/time.ts";
import { gzipSync } from "../lib/late.ts";
import { wideEncoding } from "../text.ts";
import { type Instant, MINUTE_MS, type Milliseconds } from "../time.ts";
import { ACTION, type Action, OPERATIONS, type Operation } from "./model.ts";

export type { Action } from "./model.ts";

/**
 * The name of an action: of the job's own, or of one that a step of its workflow made.
 *
 * @see main.go of the original, which names the actions of jobs so
 */
export function actionName(job: string, step = ""): string {
  return step === "" ? `mig-runner: ${job}` : `mig-runner: ${job}/${step}`;
}

/**
 * An action as a template file holds it: JSON, read by the rules of Go.
 *
 * @throws {RunnerError} ACTION, with Go's message, line and column.
 * @see mig/action.go `ActionFromFile` of the original; test/golden/signing
 */
export function parseTemplate(bytes: Uint8Array): Action {
  try {
    return unmarshal(ACTION, bytes);
  } catch (error) {
    assert(error instanceof JsonError);
    const hint = hintFor(error, bytes);
    throw new RunnerError(
      "ACTION",
      `Cannot read the action template: ${error.message}`,
      { ...positionOf(bytes, error.offset), ...(hint === null ? {} : { hint }) },
      { cause: error },
    );
  }
}

/** Line and column of a byte, counted from 1; a column is a character. */
export function positionOf(bytes: Uint8Array, offset: number): { line: number; column: number } {
  const before = Buffer.from(bytes.subarray(0, offset)).toString("utf8");
  const lines = before.split("\n");
  return { line: lines.length, column: [...(lines.at(-1) ?? "")].length + 1 };
}

/** How to mend the mistakes whose message does not say it. The first that fits holds. */
function hintFor({ message, offset }: JsonError, bytes: Uint8Array): string | null {
  const encoding = wideEncoding(bytes);
  if (encoding !== null) return `The file is ${encoding}: save it as UTF-8`;
  if (offset === 0 && bytes[0] === 0xef) return "Save the file as UTF-8 without a byte order mark";
  if (bytes.length === 0)
    return 'The file is empty: write an object with "target" and "operations"';
  return HINTS.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

const HINTS: readonly (readonly [message: RegExp, hint: string])[] = [
  [
    /^invalid character '}' looking for beginning of object key/,
    "Remove the comma before the closing brace",
  ],
  [
    /^invalid character ']' looking for beginning of value/,
    "Remove the comma before the closing bracket",
  ],
  [/^invalid character ',' looking for/, "Remove the comma: nothing stands before it"],
  [/^invalid character '[/#]'/, "Remove the comment: JSON has none"],
  [/^invalid character '\\'' looking for/, "Write texts in double quotes"],
  [/looking for beginning of object key/, "Write the name of a member in double quotes"],
  [
    /^invalid character '[TFN]' looking for beginning of value/,
    "Write true, false and null in small letters",
  ],
  [
    /looking for beginning of value/,
    "Write a text in double quotes, a number, true, false, null, [ ] or { }",
  ],
  [
    /^invalid character .* after object key:value pair/,
    "Put a comma between two members, and a brace behind the last",
  ],
  [
    /^invalid character .* after object key/,
    "Put a colon between the name of a member and its value",
  ],
  [
    /^invalid character .* after array element/,
    "Put a comma between two elements, and a bracket behind the last",
  ],
  [/^invalid character .* after top-level value/, "Remove what stands behind the last brace"],
  [
    /^invalid character .* in string literal/,
    String.raw`End the text in its line: write \n for a new line, \t for a tab`,
  ],
  [
    /^invalid character .* in string escape code/,
    String.raw`Write each backslash of a text twice: \\`,
  ],
  [
    /^invalid character .* in \\u hexadecimal/,
    String.raw`Write \u with four hexadecimal digits, or a backslash twice: \\`,
  ],
  [
    /^invalid character .* in numeric literal/,
    "Write a number without a leading zero or plus, or a text in double quotes",
  ],
  [
    /^invalid character .* in literal/,
    "Write true, false and null in small letters, and texts in double quotes",
  ],
  [/^unexpected end of JSON input/, "Close every brace, bracket and text; is the file complete?"],
  [/^exceeded max depth|exceeded max depth/, "Nest it less deeply"],
  [
    /^json: cannot unmarshal .* Action\.operations\b.* of type \[\]/,
    'Write "operations": [ { "module": "file", "parameters": { } } ], with the brackets of a list',
  ],
  [/^json: cannot unmarshal .* of type string/, "Write a text in double quotes"],
  [
    /^json: cannot unmarshal .* of type (?:int|uint16|float64)/,
    "Write a number, without quotes and within its range",
  ],
  [/^json: cannot unmarshal .* of type bool/, "Write true or false, without quotes"],
  [/^json: cannot unmarshal .* of type \[\]/, "Write a list: [ ]"],
  [
    /^json: cannot unmarshal .* of type mig\.Operation$/,
    'Write an operation as an object: { "module": "file", "parameters": { } }',
  ],
  [/^json: cannot unmarshal .* of type mig\./, "Write an object: { }"],
  [
    /^parsing time /,
    "Leave validfrom and expireafter out; write other times as 2026-01-02T03:04:05Z",
  ],
];

/** Whether the template carries signatures, which cannot hold once the action is dated. */
export function hasStaleSignatures(template: Action): boolean {
  return template.pgpsignatures !== null && template.pgpsignatures.length > 0;
}

/** How long before now an action becomes valid, and how much longer than its expiry it lives. */
const SLACK_MS: Milliseconds = MINUTE_MS;

/**
 * The template as an action of its own time: named, valid from a minute ago, expired `expiryMs`
 * from now, without the template's signatures.
 *
 * @param order.name Of the action, whole, such as "mig-runner: my-job".
 * @see runner/entity.go `launchAction` of the original
 */
export function dateAction(
  template: Action,
  order: { readonly name: string; readonly now: Instant; readonly expiryMs: Milliseconds },
): Action {
  const validFrom = order.now - SLACK_MS;
  const expireAfter = validFrom + order.expiryMs + SLACK_MS;
  assert(Number.isSafeInteger(validFrom), "A2: now must be whole milliseconds");
  assert(Number.isSafeInteger(expireAfter), "A2: the expiry must be whole milliseconds");
  return {
    ...template,
    name: order.name,
    validfrom: timeAt(validFrom),
    expireafter: timeAt(expireAfter),
    pgpsignatures: null,
    syntaxversion: 2n,
  };
}

/**
 * The action with the parameters of each operation that wants it compressed. An operation that is
 * compressed already stays as it is.
 *
 * @see mig/action.go `CompressOperationParam` of the original
 */
export function compressAction(action: Action): Action {
  return { ...action, operations: action.operations?.map(compressOperation) ?? null };
}

function compressOperation(operation: Operation): Operation {
  if (!operation.want_compressed || operation.is_compressed) return operation;
  const packed = gzipSync(encodeJson(operation.parameters));
  return { ...operation, parameters: packed.toString("base64"), is_compressed: true };
}

/**
 * The text that the PGP signature of the action covers: one line, without a newline at its end.
 *
 * Both times are seconds since the Unix epoch, rounded down. `expireafter` keeps the wrapper that
 * Go puts around a number formatted as text, because API and agents compare the whole text.
 *
 * @param action Dated and compressed (A1).
 * @see mig/action.go `Action.String` of the original; test/golden/signing
 */
export function signedText(action: Action): string {
  const { name, target, validfrom, expireafter, operations } = action;
  const expires = `%!s(int64=${expireafter.unixSeconds})`;
  const dates = `validfrom=${validfrom.unixSeconds};expireafter=${expires}`;
  return `name=${name};target=${target};${dates};operations=${OPERATIONS.encode(operations)};`;
}

/** The whole action as the JSON that is posted. @see test/golden/signing */
export function encodeAction(action: Action): string {
  return ACTION.encode(action);
}

/** The target of an action as `encodeAction` wrote it. */
export function targetOf(body: string): string {
  return (JSON.parse(body) as Pick<Action, "target">).target;
}

/** The action with one more signature, after those that it has. */
export function withSignature(action: Action, signature: string): Action {
  return { ...action, pgpsignatures: [...(action.pgpsignatures ?? []), signature] };
}

/** The body of the POST that creates an action. */
export function formBody(actionJson: string): string {
  return `action=${queryEscape(actionJson)}`;
}

/** The longest form that the API reads. @see net/http `Request.ParseForm` of Go */
const FORM_SIZE_MAX = 10 * 1024 * 1024;

/** What the signature and its member add to the form, at most, with room to spare. */
const SIGNATURE_SIZE_MAX = 16 * 1024;

/** What the API says of an action that is too large as it is posted; null for all others. */
export function sizeMistake(compressed: Action): ActionMistake | null {
  const json = encodeAction(compressed);
  // Escaped, a byte is three at the most, and a character three bytes: mostly that is enough.
  if (9 * json.length + SIGNATURE_SIZE_MAX <= FORM_SIZE_MAX) return null;
  const size = formBody(json).length + SIGNATURE_SIZE_MAX;
  if (size <= FORM_SIZE_MAX) return null;
  const message =
    `Cannot post the action: it has ${millions(size)} MB as it is posted, ` +
    `the API takes at most ${millions(FORM_SIZE_MAX)} MB`;
  const hint = 'Shorten it, make it several jobs, or set "want_compressed": true in its operations';
  return { member: "operations", message, hint };
}

function millions(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

/** Why the API would refuse an action, and how to mend its template. */
export interface ActionMistake {
  /** The member that is at fault. */
  readonly member: "name" | "target" | "operations" | "module";
  readonly message: string;
  readonly hint: string;
}

/** Characters that the API's database has room for in a name and in a target. */
const TEXT_SIZE_MAX = 2_048;

/** All that the API or every agent would refuse, whatever the signature; empty when nothing is. */
export function actionMistakes(action: Action): readonly ActionMistake[] {
  const mistakes: ActionMistake[] = [];
  const { name, target, operations } = action;
  if (target === "") {
    const hint = `Set "target" to a condition over the agents, such as "status='online'"`;
    const message = "Cannot post the action: its target is empty";
    mistakes.push({ member: "target", message, hint });
  }
  for (const [member, text] of [
    ["name", name],
    ["target", target],
  ] as const) {
    const size = [...text].length;
    if (size <= TEXT_SIZE_MAX) continue;
    const message = `Cannot post the action: its ${member} has ${size} characters`;
    const hint = `Shorten the ${member} to ${TEXT_SIZE_MAX} characters`;
    mistakes.push({ member, message, hint });
  }
  if (operations === null || operations.length === 0) {
    const hint = 'Give "operations" at least one object with a "module" and its "parameters"';
    const message = "Cannot post the action: it has no operations";
    mistakes.push({ member: "operations", message, hint });
  }
  for (const [index, { module }] of (operations ?? []).entries()) {
    if (module !== "") continue;
    const message = `Cannot post the action: operation ${index + 1} names no module`;
    const hint = 'Set its "module", such as "file" or "timedrift"';
    mistakes.push({ member: "module", message, hint });
  }
  return mistakes;
}
