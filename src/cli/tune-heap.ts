import { setFlagsFromString } from 'node:v8';

/**
 * For processes whose work is running actors. V8 guesses from where an object was made whether it will live long; the steps of
 * thousands of actors come from the same few places, it guesses long, and every step pays for it: a quarter of the processor
 * time per job. Only a program may decide that for its process, so the library does not.
 */
export function tuneHeap(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
