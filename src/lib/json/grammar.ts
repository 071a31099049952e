// Grammar: JSON (RFC 8259) as tables that are looked up byte by byte.

// What may come next. The order is that of the rows of ACTIONS and of WANTED.
export const VALUE = 0;
const FIRST_VALUE = 1;
export const FIRST_KEY = 2;
export const KEY = 3;
export const COLON = 4;
const AFTER_MEMBER = 5;
const AFTER_ELEMENT = 6;
export const END = 7;
export const IN_TEXT = 8;
export const IN_WORD = 9;

export const WANTED = [
  "a value",
  'a value or "]"',
  'a member name or "}"',
  "a member name",
  '":"',
  '"," or "}"',
  '"," or "]"',
  "nothing more",
];

export const ACCEPT_SPACE = 1;
export const OPEN_OBJECT = 2;
export const OPEN_ARRAY = 3;
export const CLOSE = 4;
export const NEXT_VALUE = 5;
export const NEXT_KEY = 6;
export const BEGIN_TEXT = 7;
export const BEGIN_WORD = 8;

/** What a byte does, for each state up to END: 256 entries a state, 0 is an error. */
export const ACTIONS = buildActions();

function buildActions(): Uint8Array {
  const table = new Uint8Array((END + 1) * 256);
  const set = (state: number, bytes: string, action: number): void => {
    for (const byte of bytes) table[state * 256 + byte.charCodeAt(0)] = action;
  };
  for (let state = VALUE; state <= END; state++) set(state, " \t\r\n", ACCEPT_SPACE);
  for (const state of [VALUE, FIRST_VALUE]) {
    set(state, "{", OPEN_OBJECT);
    set(state, "[", OPEN_ARRAY);
    set(state, '"', BEGIN_TEXT);
    set(state, "-0123456789tfn", BEGIN_WORD);
  }
  set(FIRST_VALUE, "]", CLOSE);
  set(FIRST_KEY, "}", CLOSE);
  set(FIRST_KEY, '"', BEGIN_TEXT);
  set(KEY, '"', BEGIN_TEXT);
  set(COLON, ":", NEXT_VALUE);
  set(AFTER_MEMBER, ",", NEXT_KEY);
  set(AFTER_MEMBER, "}", CLOSE);
  set(AFTER_ELEMENT, ",", NEXT_VALUE);
  set(AFTER_ELEMENT, "]", CLOSE);
  return table;
}

/** The step from one state of a word to the next, 0 when the byte does not belong to it. */
export const WORDS = new Uint8Array(32 * 256);
/** 1 for the states in which a word is complete. */
export const WORD_ENDS = new Uint8Array(32);
buildWords();

function buildWords(): void {
  const step = (from: number, bytes: string, to: number): void => {
    for (const byte of bytes) WORDS[from * 256 + byte.charCodeAt(0)] = to;
  };
  const digits = "0123456789";
  // 1 minus, 2 zero, 3 integer, 4 point, 5 fraction, 6 e, 7 sign of the exponent, 8 exponent.
  step(0, "-", 1);
  for (const from of [0, 1]) step(from, "0", 2);
  for (const from of [0, 1, 3]) step(from, from === 3 ? digits : "123456789", 3);
  for (const from of [2, 3]) step(from, ".", 4);
  for (const from of [4, 5]) step(from, digits, 5);
  for (const from of [2, 3, 5]) step(from, "eE", 6);
  step(6, "+-", 7);
  for (const from of [6, 7, 8]) step(from, digits, 8);
  for (const state of [2, 3, 5, 8]) WORD_ENDS[state] = 1;
  let free = 9;
  for (const word of ["true", "false", "null"]) {
    for (let index = 0; index < word.length; index++, free++) {
      step(index === 0 ? 0 : free - 1, word.charAt(index), free);
    }
    WORD_ENDS[free - 1] = 1;
  }
}

/** 1 for the bytes that stand for themselves inside a text. Bytes from 0x80 are not looked at. */
export const PLAIN = new Uint8Array(256).fill(1, 0x20);
PLAIN[0x22] = 0;
PLAIN[0x5c] = 0;

/** What may come first in a container; `opened` is OPEN_OBJECT or OPEN_ARRAY. */
export function firstIn(opened: number): number {
  return opened === OPEN_OBJECT ? FIRST_KEY : FIRST_VALUE;
}

/** What may come after a value in it. */
export function afterIn(opened: number): number {
  return opened === OPEN_OBJECT ? AFTER_MEMBER : AFTER_ELEMENT;
}

/** What comes behind the "," after a value. @param after What `afterIn` answered. */
export function nextAfter(after: number): number {
  return after === AFTER_MEMBER ? KEY : VALUE;
}

export const COLON_BYTE = 0x3a;
export const COMMA_BYTE = 0x2c;
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const ESCAPES = new Set(Array.from('"\\/bfnrt', codeOf));
export const HEX_DIGITS = new Set(Array.from("0123456789abcdefABCDEF", codeOf));

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

/** Where the plain bytes of a text end: at its quotation mark, an escape, or the chunk's end. */
export function plainTextEnd(chunk: Uint8Array, from: number): number {
  const plain = PLAIN;
  const end = chunk.length;
  let at = from;
  // Four a turn: most texts are short, and this is where most of a page is read.
  for (; at + 4 <= end; at += 4) {
    if (plain[chunk[at] as number] !== 1) return at;
    if (plain[chunk[at + 1] as number] !== 1) return at + 1;
    if (plain[chunk[at + 2] as number] !== 1) return at + 2;
    if (plain[chunk[at + 3] as number] !== 1) return at + 3;
  }
  while (at < end && plain[chunk[at] as number] === 1) at++;
  return at;
}

/** Where the word at `from` ends; `from` itself when it is none, or not complete. */
export function wordEnd(chunk: Uint8Array, from: number): number {
  const words = WORDS;
  let word = 0;
  for (let at = from; at < chunk.length; at++) {
    const next = words[word * 256 + (chunk[at] as number)] as number;
    if (next === 0) return WORD_ENDS[word] === 1 ? at : from;
    word = next;
  }
  return from;
}
