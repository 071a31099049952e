// Ids: which numbers of the API can be used as ids and counts. Go has 64 bits for them; JavaScript
// cannot tell numbers from 2^53 on apart, so those are refused when they are read.

/** The highest id of an action or a command. */
export const ACTION_ID_MAX = Number.MAX_SAFE_INTEGER;

/** Whether a number is the id of an action or a command. */
export function isActionId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

/** Whether a number can be how many there are of something. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The id that a word or a file's name stands for; null when it is none. */
export function parseActionId(word: string): number | null {
  return /^[1-9]\d{0,15}$/.test(word) && isActionId(Number(word)) ? Number(word) : null;
}
