// Random: the numbers of `run.random()`, the same at each replay.
//
// SplitMix32 over a counter: one 32-bit state, every seed gives another sequence of full period.
// @see Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014)

/** A source of numbers in [0, 1). @param seed A whole number from 0 to 2^32 - 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
