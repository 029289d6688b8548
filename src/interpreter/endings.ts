/**
 * How actors end: an effect by its result, a child when its id is given to another one, and with each actor all that it planned and
 * started. Whoever owns one that ended by itself hears of it.
 */

import type { Run } from './run.ts';
import { doneEvent, errorEvent } from './system-events.ts';
import type { MachineSnapshot, Snapshot } from './xstate-internals.ts';

export type EffectResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly error: unknown };

/** An effect came to its end. */
export function finish(run: Run, ref: string, result: EffectResult): void {
  const effect = run.agenda.effects.find((candidate) => candidate.ref === ref);
  const record = run.records.get(ref);
  if (!effect || !record) return;
  run.agenda.endEffect(effect);
  run.unregister(ref);
  const settled = settledBy(run, result);
  run.records.set(ref, { ...record, systemId: undefined, snapshot: settled });
  tellEnd(run, effect.owner, effect.name, settled);
}

/** An output that cannot be stored is the failure of the effect, not of the machine. */
function settledBy(run: Run, result: EffectResult): Snapshot {
  let error: unknown;
  try {
    if (result.ok) return { status: 'done', output: run.clean(result.output, 'output'), error: undefined };
    error = run.clean(result.error, 'error');
  } catch (refusal) {
    error = run.clean(refusal, 'error');
  }
  return { status: 'error', output: undefined, error };
}

export function tellEnd(run: Run, owner: string, actorId: string, { status, output, error }: Snapshot): void {
  if (status === 'done') run.send(owner, doneEvent(actorId, output));
  if (status === 'error') run.send(owner, errorEvent(actorId, error));
}

/** A child whose id was given to another one would run on with nobody to hear of it. */
export function stopOrphans(run: Run, before: Snapshot, after: Snapshot): void {
  const { children } = after as MachineSnapshot;
  const last = (before as MachineSnapshot).children;
  if (children === last || !last) return;
  for (const id in last) {
    const child = last[id];
    if (child && children[child.id] !== child && run.records.has(run.addressOf(child))) run.stop(run.addressOf(child));
  }
}

/** Nothing an ended actor planned or started goes on. */
export function endWithin(run: Run, address: string): void {
  const inner = `${address}~`;
  for (const child of run.records.keys()) {
    if (!child.startsWith(inner)) continue;
    run.records.delete(child);
    run.unregister(child);
  }
  run.unregister(address);
  run.agenda.close(address);
}
