import type { SystemState } from './interpreter/index.ts';
import type { Kin } from './kinship.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import type { Instant } from './store/contract.ts';

/** An actor between two turns. */
export interface Life {
  readonly id: string;
  readonly definition: LoadedDefinition;
  readonly createdAt: Instant;
  /** When its first step is due. */
  readonly firstDueAt: Instant;
  /** Null before the first step. */
  readonly system: SystemState | null;
  /** Decoded input; the standard machines never see it, their handler does. */
  readonly input: unknown;
  /** How often an operator had it begin again. */
  readonly retried: number;
  /** Attempts of the lives before this one, while it has not begun. */
  readonly attempts: number;
  /** Events journaled so far. */
  readonly seq: number;
  /** Whose child it is. */
  readonly kin: Kin | null;
}

export type EffectResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: unknown };
