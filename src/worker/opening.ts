/** How the first turn of a hold begins: by what the claim brought along, and by what became of the hold before it. */

import { NONE } from '../sparse-list.ts';
import type { Instant } from '../store/contract.ts';
import type { Turn } from '../turn.ts';
import type { Holding } from './holding.ts';

/** Interruptions are charged from this many strikes on: the actor was then the only suspect of the worker that died. */
const CHARGED_FROM_STRIKES = 3;

/** It was held at so many deaths of workers that it may have caused them. */
export function isSuspect({ row }: Holding): boolean {
  return row.strikes >= CHARGED_FROM_STRIKES - 1;
}

/** The claim says by which version it starts, so one that goes on by another is written first. */
export function startsByClaim({ row, mail, limits, life, inherited }: Holding): boolean {
  const plain = row.strikes === 0 && mail.length === 0 && limits === null && !inherited;
  return plain && life.definition.standard;
}

/** True: something was interrupted. */
export function openTurn(turn: Turn, { claimedBefore, row, limits, inherited, life }: Holding, now: Instant): boolean {
  const { strikes } = row;
  if (inherited) turn.inherit(inherited.version, now);
  const effects = life.system?.effects ?? NONE;
  if (strikes > 0 || effects.some((effect) => effect.status === 'running')) {
    // Under a limit no claim is the record of a start.
    const startedAt = strikes > 0 && limits === null ? claimedBefore : null;
    turn.interrupt(strikes >= CHARGED_FROM_STRIKES, startedAt, now);
    return true;
  }
  if (effects.length > 0 && limits !== null) turn.resumeAfresh(now);
  else if (effects.length > 0) turn.resumePending(now);
  return false;
}

/** When the run was due, not when it began. */
export function nominalAtOf({ life, context }: Turn): Instant {
  if (life.kin && 'nominalAt' in life.kin.role) return life.kin.role.nominalAt;
  const { dueAt } = (context ?? {}) as { readonly dueAt?: unknown };
  return life.definition.standard && typeof dueAt === 'number' ? dueAt : life.firstDueAt;
}
