/**
 * What a test file opened and has to close again. Everything in this folder that starts a process, a server or a pool
 * registers here; one line at the top of a test file turns a leftover into a failure.
 */
import { afterAll } from 'vitest';

export interface Opened {
  /** Named in the failure. */
  readonly what: string;
  isOpen(): boolean;
  /** Ends it by force, so that one leftover does not disturb the next file. */
  destroy(): void | Promise<void>;
}

const everything = new Set<Opened>();

export function registerOpened(thing: Opened): void {
  everything.add(thing);
}

/** Call once at the top of a test file, before any other hook: hooks after a file run last one first. */
export function expectNothingLeftBehind(): void {
  afterAll(async () => {
    const left = [...everything].filter((thing) => thing.isOpen());
    everything.clear();
    for (const thing of left) await thing.destroy();
    if (left.length > 0) throw new Error(`Left behind by this file: ${left.map((thing) => thing.what).join(', ')}.`);
  });
}
