/**
 * Which turns of a commit may share a statement or a transaction: those that live on and those that settle, those that say
 * nothing to others, and of those with limits no more than there is room for their locks.
 */
import type { TurnWrite } from '../contract.ts';
import { movesPlace } from './places.ts';
import type { SettledWrite } from './settled.ts';
import type { ContinuedWrite } from './turns.ts';

/** Each line is a lock in the server's memory, which has room for so many. */
const MOST_LIMITED = 200;

export function groupsOf(writes: readonly TurnWrite[]): readonly (readonly TurnWrite[])[] {
  return [writes.filter(isContinued), writes.filter(isSettled)].flatMap((group: readonly TurnWrite[]) => {
    const limited = group.filter(movesPlace);
    const free = limited.length === 0 ? group : group.filter((write) => !movesPlace(write));
    return [free.filter((write) => !saysMore(write)), free.filter(saysMore), ...inLimitedGroups(limited)];
  });
}

export function isContinued(write: TurnWrite): write is ContinuedWrite {
  return write.next.kind === 'continued';
}

export function isSettled(write: TurnWrite): write is SettledWrite {
  return write.next.kind === 'settled';
}

export function saysMore({ sends, spawns, next }: TurnWrite): boolean {
  return sends.length > 0 || spawns.length > 0 || next.segment !== null;
}

function inLimitedGroups(writes: readonly TurnWrite[]): readonly (readonly TurnWrite[])[] {
  const groups = [];
  for (let start = 0; start < writes.length; start += MOST_LIMITED)
    groups.push(writes.slice(start, start + MOST_LIMITED));
  return groups;
}

export function sizeOf({ next, sends, spawns }: TurnWrite): number {
  let bytes = 300 + (next.snapshot?.length ?? 0) + next.history.length + (next.segment?.entries.length ?? 0);
  if (next.kind === 'settled') bytes += next.record.length;
  for (const { event } of sends) bytes += event.length;
  for (const { input } of spawns) bytes += input?.length ?? 0;
  return bytes;
}
