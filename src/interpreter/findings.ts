/**
 * What looks wrong in a statechart, told from its structure alone: guards are taken to be able to say both. Only what cannot be
 * meant is told, except for waiting without a timeout, which can, and which nobody notices until it is too late.
 */
import type { Catalogue, MachineEntry } from './catalogue.ts';
import { endlessRetry } from './endless.ts';
import { lineage, pathOf, reachable, transitionsOf } from './reachable.ts';
import { mentionsSpawn } from './refusals.ts';
import type { Node } from './xstate-internals.ts';

interface Action {
  readonly type?: unknown;
  readonly event?: unknown;
  readonly delay?: unknown;
  readonly assignment?: unknown;
}

export function findingsOf(catalogue: Catalogue): readonly string[] {
  return catalogue.machines.flatMap((entry) => {
    const nodes = [...entry.logic.idMap.values()];
    const active = reachable(entry.logic);
    const live = nodes.filter((node) => active.has(node));
    const found = [
      ...nodes.filter((node) => !active.has(node) && isOutermost(node, active)).map(unreachable),
      ...live.flatMap(shadowed),
      ...live.flatMap((node) => endlessRetry(node) ?? []),
      ...live.flatMap((node) => unheard(node, nodes)),
      // Another machine decides how long one that it invokes may wait.
      ...(entry === catalogue.root ? live.flatMap((node) => standstill(node, entry)) : []),
    ];
    return entry.key === '' ? found : found.map((finding) => `machine '${entry.key}': ${finding}`);
  });
}

/** A history is no state, and what is inside of an unreachable state goes without saying. */
function isOutermost(node: Node, active: ReadonlySet<Node>): boolean {
  return node.type !== 'history' && (!node.parent || active.has(node.parent));
}

function unreachable(node: Node): string {
  return `${pathOf(node)} can never be entered: no transition leads there`;
}

function shadowed(node: Node): readonly string[] {
  const lists = [...node.transitions, ['always', node.always ?? []] as const];
  return lists.flatMap(([type, transitions]) => {
    const first = transitions.findIndex(({ guard }) => guard === undefined);
    const never = first < 0 ? 0 : transitions.length - first - 1;
    if (never === 0) return [];
    const which = never === 1 ? 'the transition' : `${never} transitions`;
    return [`${pathOf(node)}: ${which} on '${type}' after the one without a guard can never be taken`];
  });
}

/** What a machine says to itself and does not listen to. */
function unheard(node: Node, nodes: readonly Node[]): readonly string[] {
  const said = actionsOf(node).flatMap(({ type, event }) => {
    const name = (event as Action | undefined)?.type;
    return type === 'xstate.raise' && typeof name === 'string' && !name.startsWith('xstate.') ? [name] : [];
  });
  const patterns = [...new Set(nodes.flatMap((each) => [...each.transitions.keys()]))];
  return [...new Set(said)]
    .filter((name) => !patterns.some((pattern) => matches(pattern, name)))
    .map((name) => `${pathOf(node)} raises '${name}', which no state handles`);
}

function matches(pattern: string, type: string): boolean {
  if (pattern === type || pattern === '*') return true;
  return pattern.endsWith('.*') && `${type}.`.startsWith(pattern.slice(0, -1));
}

/** It can be left by nothing, or only by somebody who may never come. */
function standstill(node: Node, { logic }: MachineEntry): readonly string[] {
  if (node.type !== 'atomic') return [];
  const line = lineage(node);
  const parallel = line.findLast(({ type }) => type === 'parallel');
  // What another region does may move this one too.
  const around = parallel ? [...line, ...within(parallel)] : line;
  const types = around.flatMap((each) => [...each.transitions.keys()]);
  const moves = around.some(({ invoke, always }) => invoke.length > 0 || (always?.length ?? 0) > 0);
  if (types.length === 0 && !moves) return parallel ? [] : [`${pathOf(node)} can never be left, and is not final`];
  const timed = types.some((type) => type.startsWith('xstate.after.')) || setsTimers([...logic.idMap.values()]);
  const awaited = [...new Set(line.flatMap(({ transitions }) => [...transitions.keys()]))].filter(
    (type) => !type.startsWith('xstate.'),
  );
  if (timed || moves || awaited.length === 0) return [];
  return [
    `${pathOf(node)} waits for ${awaited.join(', ')} without a timeout: give it an 'after', or it may wait for ever`,
  ];
}

function within(node: Node): readonly Node[] {
  return Object.values(node.states).flatMap((inner) => [inner, ...within(inner)]);
}

/** Events that come later, or from children, may be its timeout. */
function setsTimers(nodes: readonly Node[]): boolean {
  return nodes.flatMap(actionsOf).some(({ type, event, delay, assignment }) => {
    const own = String((event as Action | undefined)?.type).startsWith('xstate.after.');
    if ((type === 'xstate.raise' || type === 'xstate.sendTo') && delay !== undefined) return !own;
    return type === 'xstate.spawnChild' || type === 'xstate.enqueueActions' || mentionsSpawn(assignment);
  });
}

function actionsOf(node: Node): readonly Action[] {
  const transitions = transitionsOf(node).flatMap(({ actions }) => actions);
  return [...node.entry, ...node.exit, ...transitions].filter(
    (action): action is Action => action !== null && (typeof action === 'function' || typeof action === 'object'),
  );
}
