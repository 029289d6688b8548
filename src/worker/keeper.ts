import type { RunningEffect } from '../effects.ts';
import type { LocalTimer } from '../env.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import type { Instant, Reloaded, TurnWrite } from '../store/contract.ts';
import type { Turn } from '../turn.ts';
import type { Writer } from './commit-queue.ts';
import type { Held } from './held.ts';

export type Gone = 'released' | 'settled' | 'quarantined' | 'lost';

/** What a held actor asks of the worker that holds it. */
export interface Keeper {
  /** Somebody wants to know what happens in turns, step by step. */
  readonly inspected: boolean;
  now(): Instant;
  setTimer(ms: number, fire: () => void): LocalTimer;
  /** Calls `ring` at that instant, or later. */
  expectRing(at: Instant): void;
  commit(write: TurnWrite, writer: Writer): void;
  reload(held: Held): Promise<Reloaded | null | 'unreachable'>;
  startEffect(held: Held, effect: StoredEffect): RunningEffect;
  /** Its last write is on its way: it needs no slot any more. */
  finishing(held: Held): void;
  committed(held: Held, turn: Turn, write: TurnWrite): void;
  /** It is no longer ours. `reason`: why it is in quarantine. */
  gone(held: Held, how: Gone, reason: string | null): void;
}
