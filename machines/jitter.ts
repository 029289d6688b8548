/** Spread without randomness: the same actor and attempt always give the same fraction, so a replay gives the same delay. */

/** A fraction in [0, 1) drawn from `seed` and `step` (FNV-1a, then the finalizer of MurmurHash3). */
export function fractionOf(seed: string, step: number): number {
  let hash = 0x811c9dc5 ^ step;
  for (let index = 0; index < seed.length; index += 1) {
    hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
