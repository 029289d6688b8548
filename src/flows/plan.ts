/** A flow's input as it is stored, once: its children with all that is needed to bear them. */

import type { FlowPlan } from '../../machines/flow-progress.ts';
import type { LimitKeys } from '../store/limits.ts';
import { type Breed, childId } from '../turn/birth.ts';

export interface StoredFlow {
  readonly name: string;
  readonly onDrop: 'cancelRest' | 'continue';
  /** The definitions its children live by, each once. */
  readonly targets: readonly Breed[];
  readonly children: readonly StoredFlowChild[];
}

interface StoredFlowChild {
  readonly key: string;
  /** Positions of the children it comes after. */
  readonly after: readonly number[];
  /** Position of its definition. */
  readonly target: number;
  /** Its own input, encoded. */
  readonly input: string | null;
  /** What that input counts under, where its definition has limits. */
  readonly limits?: LimitKeys;
}

/** Inputs are decoded once for all turns that a worker takes while it holds the flow. */
const plans = new WeakMap<object, FlowPlan>();

/** `life`: how often the flow began again; each has children of its own. */
export function planOf(flow: StoredFlow, id: string, life = 0): FlowPlan {
  const known = plans.get(flow);
  if (known) return known;
  const before = flow.children.map((): number[] => []);
  for (const [index, { after }] of flow.children.entries()) for (const earlier of after) before[earlier]?.push(index);
  const positions = new Map(flow.children.map(({ key }, index) => [key, index]));
  const plan: FlowPlan = {
    children: flow.children.map(({ key, after }, index) => ({ key, after, before: before[index] ?? [] })),
    indexOf: (key) => positions.get(key as string) ?? -1,
    idOf: (key) => flowChildId(id, key, life),
  };
  plans.set(flow, plan);
  return plan;
}

export function flowChildId(flow: string, key: string, life = 0): string {
  return childId(flow, `child/${key}`, life);
}
