import type { AnyEventObject } from 'xstate';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { firstTimer, type SystemState } from '../interpreter/index.ts';
import type { Via } from '../journal.ts';
import type { RunTimes } from '../run-record.ts';
import type { Instant } from '../store/contract.ts';
import type { Kin } from './kinship.ts';

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
export interface Beginning {
  readonly at: Instant;
  readonly input: unknown;
  readonly event: AnyEventObject;
  readonly via: Via | undefined;
}

export function beginningOf(life: Life, now: Instant): Beginning {
  const { definition, input, createdAt, firstDueAt, attempts, retried } = life;
  if (!definition.standard) return { at: now, input, event: eventOfBeginning(life), via: viaOfBeginning(life) };
  return {
    // A standard machine waits in its own first state, so it begins when it was made, whenever that is computed.
    at: retried > 0 ? firstDueAt : createdAt,
    input: definition.begin?.(input, firstDueAt, attempts) ?? { dueAt: firstDueAt, attempts },
    event: eventOfBeginning(life),
    via: viaOfBeginning(life),
  };
}

/** A standard machine begins with what its context may soon forget: a replay needs it. */
function eventOfBeginning({ definition, firstDueAt: dueAt, attempts, retried }: Life): AnyEventObject {
  const type = retried > 0 ? 'carillon.retried' : 'xstate.init';
  if (!definition.standard && retried === 0) return { type };
  return attempts > 0 ? { type, dueAt, attempts } : { type, dueAt };
}

function viaOfBeginning({ retried }: Life): Via | undefined {
  return retried > 0 ? ['retried'] : undefined;
}

/** For the record of a machine that counts nothing itself. */
export function timesOf({ system, retried }: Life, settledAt: Instant): RunTimes {
  return { startedAt: system?.startedAt ?? null, settledAt, attempts: retried + Number(system !== null) };
}

/** What a standard machine is told with every step but the first. */
export function planOf({ id, input, definition, retried }: Life): unknown {
  return definition.plan?.(input, id, retried);
}

/** What the engine tells a standard machine of ours cannot be forged by mail. */
export function mayHear({ definition }: Life, { type }: AnyEventObject): boolean {
  return !definition.act || type.startsWith('job.');
}

/** Attempts of a standard machine, for views; a custom machine has none of its own. */
export function attemptOf({ system, definition, attempts }: Life, context: unknown): number {
  if (!system) return attempts;
  const { attempt } = (context ?? {}) as { readonly attempt?: unknown };
  return definition.standard && typeof attempt === 'number' ? attempt : 0;
}

/** When the actor next has to be looked at by itself. Null: only mail or a result can move it. */
export function nextDueOf({ system, firstDueAt }: Life): Instant | null {
  return system ? (firstTimer(system.timers)?.dueAt ?? null) : firstDueAt;
}
