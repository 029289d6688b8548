/**
 * Who takes part: the definitions a process has code for, and the worker that takes up what is due for them. Registry ids stand
 * for names and versions everywhere else, and never change; a worker's id is never used again.
 */

import type { DefinitionLimits } from '../limits.ts';

export interface DefinitionEntry {
  readonly kind: 'job' | 'actor' | 'followup' | 'cron' | 'flow';
  readonly name: string;
  readonly version: number;
  /** The machine's configuration as JSON, for drawing it in a process that does not have the code. */
  readonly chart: string;
  /**
   * None unless given. They are the name's: those of the newest version in the last registration hold for all its versions, in
   * every process, and for what is scheduled already.
   */
  readonly limits?: DefinitionLimits;
}

export interface DefinitionVersion {
  readonly version: number;
  readonly def: number;
}

export interface WorkerEntry {
  /** Random, new for every incarnation: one found dead never claims or writes again. */
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly defs: readonly number[];
  readonly queues: readonly number[];
  readonly leaseMs: number;
  readonly concurrency: number;
}

/** A heartbeat that does not depend on the main loop being free, and stops when the main loop hangs. */
export interface Heartbeat {
  /** To be called by the main loop often; a beat is withheld when it has not been for a third of a lease. */
  tick(): void;
  /** Monotonic start (Env.monotonicMs) of the last beat the store accepted; the lease counts from here. */
  lastBeatMs(): number;
  stop(): Promise<void>;
}
