import type { Instant } from './contract/clock.ts';

/** How a process hears that it has something to do. */
export interface WakeListener {
  /** Something in this queue is due at that instant. A hint: it may be lost, doubled or wrong. */
  due(queue: number, at: Instant): void;
  /** Look into the mailbox of an actor you hold. */
  poke(actor: string): void;
  /** The channel was lost or is back. Both mean: look for yourself. */
  state(up: boolean): void;
}
