import type { AnyEventObject } from 'xstate';
import type { SystemState } from './interpreter/index.ts';
import type { Via } from './journal.ts';
import type { Kin } from './kinship.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import type { RunTimes } from './run-record.ts';
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
  /** W3C traceparent of the call that scheduled it. */
  readonly trace: string | null;
}

/** How its machine begins, and what of that is written down. */
export function beginningOf(
  { definition, input, createdAt, firstDueAt, attempts, retried }: Life,
  now: Instant,
): { readonly at: Instant; readonly input: unknown; readonly event: AnyEventObject; readonly via?: Via } {
  // A standard machine waits in its own first state, so it begins when it was made, whenever that is computed.
  const at = definition.standard ? (retried > 0 ? firstDueAt : createdAt) : now;
  const standardInput = definition.begin?.(input, firstDueAt, attempts) ?? { dueAt: firstDueAt, attempts };
  // A standard machine begins with what its context may soon forget: a replay needs it.
  const told = definition.standard || retried > 0 ? { dueAt: firstDueAt, ...(attempts > 0 && { attempts }) } : {};
  const beginning = { at, input: definition.standard ? standardInput : input };
  if (retried > 0) return { ...beginning, event: { type: 'carillon.retried', ...told }, via: ['retried'] };
  return { ...beginning, event: { type: 'xstate.init', ...told } };
}

/** For the record of a machine that counts nothing itself. */
export function timesOf({ system, retried }: Life, settledAt: Instant): RunTimes {
  return { startedAt: system?.startedAt ?? null, settledAt, attempts: retried + Number(system !== null) };
}

export type EffectResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: unknown };

/** How a machine hears of the end of what it invoked under that name. */
export function eventOfResult(name: string, result: EffectResult): AnyEventObject {
  return result.ok
    ? { type: `xstate.done.actor.${name}`, output: result.output }
    : { type: `xstate.error.actor.${name}`, error: result.error };
}

/** What was invoked is not started again: too many of its workers died. */
export function interruptedTooOften(attempts: number): Error {
  const error = new Error(`Interrupted ${attempts} times: its worker died.`);
  return Object.assign(error, { code: 'INTERRUPTED' });
}
