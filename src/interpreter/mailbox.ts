/**
 * What waits for the actors of one system while a step lasts. Nobody is interrupted: what comes for a busy actor is served when it
 * is done. And it ends, because messages are counted.
 */

import type { AnyEventObject } from 'xstate';

/** Messages between the actors of one system in one step: more means that two of them never stop answering each other. */
export const MAX_MESSAGES = 1000;

/** What waits for an actor that is busy, was not started yet, or is to stop when it is done. */
export interface Mailbox {
  readonly address: string;
  busy: boolean;
  stopping: boolean;
  readonly queue: AnyEventObject[];
}

export function emptyBox(address: string): Mailbox {
  return { address, busy: false, stopping: false, queue: [] };
}

export function boxOf(boxes: readonly Mailbox[], address: string): Mailbox | undefined {
  for (const box of boxes) if (box.address === address) return box;
  return undefined;
}

export function endlessTalk(): Error {
  return new Error(`more than ${MAX_MESSAGES} messages in one step; its actors never stop answering each other`);
}
