/**
 * Whether an actor stored by one version of a definition can go on under another. XState restores what almost fits without a word,
 * leaves out invokes and entry actions, and lets timers fire into nothing; this compares instead.
 */

import { MachineFault } from './machine-fault.ts';
import type { Prepared } from './prepare.ts';
import { decodeState } from './state-text.ts';
import type { SystemState } from './system-state.ts';
import type { MachineSnapshot, Node } from './xstate-internals.ts';

/** Why a stored system cannot go on as it is; empty when it can. */
export function misfits(prepared: Prepared, text: string): string[] {
  let state: SystemState;
  try {
    state = decodeState(prepared, text);
  } catch (error) {
    return [error instanceof MachineFault ? error.message : String(error)];
  }
  const strandedTimers = state.timers.flatMap(({ event, target }) => strandedBy(state, target, event.type) ?? []);
  return [...strandedTimers, ...missingInvokes(state)];
}

function strandedBy(state: SystemState, target: string, type: string): string[] | null {
  const record = state.records.get(target);
  if (record?.entry.kind !== 'machine' || record.snapshot.status !== 'active') return null;
  const { _nodes } = record.snapshot as MachineSnapshot;
  // An `after` belongs to the state that is active; any other delayed event may be meant for a state still to come.
  const nodes = type.startsWith('xstate.after.') ? _nodes : [...record.entry.logic.idMap.values()];
  return nodes.some((node) => handles(node, type)) ? null : [`nothing handles the pending timer '${type}'`];
}

function handles(node: Node, type: string): boolean {
  for (const pattern of node.transitions.keys()) {
    if (pattern === type || pattern === '*') return true;
    if (pattern.endsWith('.*') && `${type}.`.startsWith(pattern.slice(0, -1))) return true;
  }
  return false;
}

/** A state that invokes something now, and did not when this actor entered it, waits for what was never started. */
function missingInvokes(state: SystemState): string[] {
  const problems: string[] = [];
  for (const { entry, snapshot } of state.records.values()) {
    if (entry.kind !== 'machine' || snapshot.status !== 'active' || !('value' in snapshot)) continue;
    const { _nodes, children } = snapshot as MachineSnapshot;
    for (const { id, invoke } of _nodes) {
      for (const invoked of invoke) {
        if (!children[invoked.id]) problems.push(`state '#${id}' invokes '${invoked.id}', which was never started`);
      }
    }
  }
  return problems;
}
