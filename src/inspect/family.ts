/** Who an actor is to an inspector: parents are introduced before their children, each under the root of its family. */

import { viewOf } from '../reading/views.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { StoredActor } from '../store/contract.ts';
import type { StatelyInspectionEvent, Subject } from './stately-events.ts';
import { introduction } from './stately-events.ts';

/** Longer lines of ancestors than this are cut: they are none of ours. */
const MAX_ANCESTORS = 20;

/** The ancestors of an actor that are still stored, the eldest first. */
export async function ancestorsOf(runtime: Runtime, parent: string | null): Promise<readonly StoredActor[]> {
  const line: StoredActor[] = [];
  let next = parent;
  while (next !== null && line.length < MAX_ANCESTORS) {
    const stored: StoredActor | null = await runtime.store.find(next);
    if (!stored) break;
    line.unshift(stored);
    next = stored.parent;
  }
  return line;
}

export function subjectOf(
  runtime: Runtime,
  { id, name, version, parent }: Pick<StoredActor, 'id' | 'name' | 'version' | 'parent'>,
  rootId: string,
): Subject {
  const chart = runtime.loaded(name, version)?.prepared.chart ?? null;
  return { id, name, rootId, parentId: parent, chart };
}

/** As it is now. */
export function introduced(runtime: Runtime, stored: StoredActor, rootId: string): StatelyInspectionEvent[] {
  const { status, state, context, record } = viewOf(stored, runtime.loaded(stored.name, stored.version));
  const now = {
    at: stored.settledAt ?? stored.createdAt,
    event: { type: '' },
    state,
    context,
    status: status === 'done' || status === 'dropped' ? ('done' as const) : ('active' as const),
    output: record?.output,
    error: record?.error,
  };
  return introduction(subjectOf(runtime, stored, rootId), now, runtime.options.redact);
}
