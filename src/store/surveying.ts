/** What a dashboard asks of a store: how many are where, and what has happened lately. Bounded, whatever there is. */
import type { Instant } from './contract/clock.ts';
import type { DefinitionEntry } from './contract/registry.ts';

export interface DefinitionRecord extends Pick<DefinitionEntry, 'kind' | 'name' | 'version' | 'chart'> {
  readonly id: number;
  readonly registeredAt: Instant;
}

/** Actors that are alive, in one state of one definition. */
export interface PopulationCount {
  readonly def: number;
  /** As stored: JSON text; null before the first step. */
  readonly state: string | null;
  readonly quarantined: boolean;
  /** A worker has hold of them, which may say more than their state. */
  readonly held: boolean;
  readonly count: number;
}

export interface Population {
  readonly counts: readonly PopulationCount[];
  /** False: too many to be counted; a sample was, and the numbers are scaled to what the planner takes for the whole. */
  readonly exact: boolean;
}

/** Runs that settled in one minute, in one state of one definition. */
export interface SettledCount {
  readonly def: number;
  readonly status: 'done' | 'dropped';
  readonly state: string | null;
  /** Begin of the minute. */
  readonly minute: Instant;
  readonly count: number;
}

export interface SettledLately {
  readonly counts: readonly SettledCount[];
  /** They are complete from here on. */
  readonly since: Instant;
}

export interface Surveying {
  definitions(): Promise<readonly DefinitionRecord[]>;
  /** Exact for at most `bound` actors. */
  population(bound: number): Promise<Population>;
  /** Of the last `windowMs`, or the newest `bound` of them. */
  settledLately(windowMs: number, bound: number): Promise<SettledLately>;
  /** Another text whenever anything that can be read may have changed. Costs next to nothing. */
  mark(): Promise<string>;
}
