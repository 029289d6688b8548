import type { Logger } from 'pino';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import type { RunningEffect } from '../effects.ts';
import type { Env } from '../env.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import type { Instant, Store, TurnWrite, WorkerEntry } from '../store/contract.ts';
import type { StoreClock } from '../store-clock.ts';
import type { Turn } from '../turn.ts';
import type { Worker } from '../worker.ts';
import type { Held } from './held.ts';
import type { Gone } from './keeper.ts';

/** What a worker is given, and whom it tells. */
export interface WorkerDeps {
  readonly store: Store;
  readonly env: Env;
  readonly clock: StoreClock;
  readonly logger: Logger;
  readonly definitions: ReadonlyMap<number, LoadedDefinition>;
  readonly entry: Omit<WorkerEntry, 'id'>;
  /** Somebody wants to know what happens in turns, step by step. */
  readonly inspected: boolean;
  startEffect(held: Held, effect: StoredEffect): RunningEffect;
  committed(held: Held, turn: Turn, write: TurnWrite): void;
  /** Something in that queue is due at that instant. */
  expect(queue: number, at: Instant): void;
  /** Goes on under a new identity. */
  rejoined(worker: Worker): void;
  gone(held: Held, how: Gone): void;
  quarantined(actor: { readonly id: string; readonly name: string; readonly queue: number }, reason: string): void;
  failed(error: unknown): void;
}
