/** Attempts without an end: a failure that leads back to what failed, by itself, with nothing on the way that could say no. */
import { lineage, pathOf } from './reachable.ts';
import type { Node, Transition } from './xstate-internals.ts';

/** What to warn of in a state that invokes something; null: its retries end, or it has none. */
export function endlessRetry(state: Node): string | null {
  for (const { id } of state.invoke) {
    const through = wayBack(state, only(state.transitions.get(`xstate.error.actor.${id}`)));
    if (!through) continue;
    const way =
      through.length === 0 ? '' : ` through ${through.map((node) => `'${node.path.join('.')}'`).join(' and ')}`;
    return `${pathOf(state)} is tried again for ever: the failure of '${id}' leads back to it${way}, and no guard ends that`;
  }
  return null;
}

/** The states between a failure and the next attempt; null when it does not come to that, or not without end. */
function wayBack(state: Node, failure: Transition | null): readonly Node[] | null {
  const through: Node[] = [];
  for (let next = leafOf(failure); next && !through.includes(next); next = leafOf(wayOut(next))) {
    if (lineage(next).includes(state)) return isBounded(state, through) ? null : through;
    through.push(next);
  }
  return null;
}

/** A timer around both goes on through every attempt, and ends them. */
function isBounded(state: Node, through: readonly Node[]): boolean {
  const around = [...lineage(state).slice(1), ...through.flatMap((node) => lineage(node).slice(1))];
  return around.some((node) => [...node.transitions.keys()].some((type) => type.startsWith('xstate.after.')));
}

/** The one transition it takes by itself. */
function wayOut(node: Node): Transition | null {
  if (node.always?.length) return only(node.always);
  const automatic = [...node.transitions].filter(([type]) => /^xstate\.(after|done\.actor)\./.test(type));
  const [found, another] = automatic;
  return found && !another ? only(found[1]) : null;
}

/** One with a guard, or before another one, may end it. */
function only(transitions: readonly Transition[] | undefined): Transition | null {
  const [first] = transitions ?? [];
  return first && transitions?.every(({ guard }) => guard === undefined) ? first : null;
}

function leafOf(transition: Transition | null): Node | null {
  const [target, another] = transition?.target ?? [];
  let node = another ? undefined : target;
  while (node?.type === 'compound') node = node.initial.target?.[0];
  return node?.type === 'atomic' ? node : null;
}
