/** Which states of a machine can ever be active, whatever its guards say. */
import type { Machine, Node } from './xstate-internals.ts';

export function reachable({ root, idMap }: Machine): ReadonlySet<Node> {
  const active = new Set<Node>();
  const entered = new Set<Node>();
  const open: Node[] = [];

  const activate = (node: Node): void => {
    if (active.has(node)) return;
    active.add(node);
    open.push(node);
    const { parent } = node;
    if (!parent) return;
    activate(parent);
    if (parent.type === 'parallel') for (const region of Object.values(parent.states)) enter(region);
  };
  const enter = (node: Node): void => {
    if (entered.has(node)) return;
    entered.add(node);
    activate(node);
    for (const inner of defaultsOf(node)) enter(inner);
  };

  enter(root);
  // A route leads to these from anywhere.
  for (const node of idMap.values()) if (node.config.route !== undefined) enter(node);
  for (let node = open.shift(); node; node = open.shift()) {
    for (const { target } of transitionsOf(node)) for (const each of target ?? []) enter(each);
  }
  return active;
}

export function transitionsOf(node: Node): Node['always'] & {} {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

/** What is entered with it. A history may lead to any of its siblings, where its default cannot be told. */
function defaultsOf({ type, initial, states, parent, config }: Node): readonly Node[] {
  if (type === 'compound') return initial.target ?? [];
  if (type !== 'history' || !parent) return type === 'parallel' ? Object.values(states) : [];
  const named = typeof config.target === 'string' ? parent.states[config.target] : undefined;
  return named ? [named] : Object.values(parent.states);
}

/** From the state outwards, itself first. */
export function lineage(node: Node): readonly Node[] {
  return node.parent ? [node, ...lineage(node.parent)] : [node];
}

export function pathOf({ path }: Node): string {
  return path.length === 0 ? 'the root state' : `state '${path.join('.')}'`;
}
