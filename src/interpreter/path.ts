/**
 * A way that XState was found to go, made ready to be gone: its guards and actions as functions, in order. Only what is understood
 * down to its last effect becomes part of a path; a way with anything else in it is left to XState.
 */

import type { AnyEventObject } from 'xstate';
import type { MachineEntry } from './catalogue.ts';
import type { Choice, Noted, Way } from './probe.ts';
import type { Walk } from './walk.ts';
import type { Context, ExecutableAction, MachineSnapshot, Node } from './xstate-internals.ts';

export type Guard = (context: Context, event: AnyEventObject) => boolean;
export type Act = (walk: Walk) => void;

export interface Path {
  readonly acts: readonly Act[];
  /** The state it leads to. */
  readonly to: MachineSnapshot;
  readonly done: boolean;
}

export interface Branch {
  /** Null: always taken. */
  readonly guard: Guard | null;
  /** Null: XState has to be asked what happens there. */
  readonly path: Path | null;
}

type Args = Record<string, unknown>;
type Expression = (args: Args, params?: unknown) => unknown;

/** XState's own actions: functions that carry what they were made with. */
interface BuiltIn {
  readonly type: string;
  readonly resolve?: unknown;
  readonly assignment?: Expression | Record<string, unknown>;
  readonly event?: unknown;
  readonly delay?: unknown;
  readonly id?: unknown;
  readonly sendId?: unknown;
}

/** In the order they are tried. A guard that is not understood leaves all that follows to XState. */
export function branchesOf(entry: MachineEntry, choices: readonly Choice[]): readonly Branch[] {
  const branches: Branch[] = [];
  for (const { guard, way } of choices) {
    const asked = guard === undefined ? null : guardOf(entry, guard);
    if (asked === undefined) return [...branches, { guard: null, path: null }];
    branches.push({ guard: asked, path: way && pathOf(entry, way) });
  }
  return branches;
}

export function pathOf(entry: MachineEntry, { notes, value, done }: Way): Path | null {
  const acts: Act[] = [];
  for (const note of notes) {
    const act = actOf(entry, note, value);
    if (!act) return null;
    acts.push(act);
  }
  return { acts, to: entry.templates.of(value), done };
}

function guardOf({ logic }: MachineEntry, guard: unknown): Guard | undefined {
  const named = typeof guard === 'string' ? guard : (guard as { readonly type: string }).type;
  const inline = typeof guard === 'function';
  const resolved = inline ? guard : logic.implementations.guards[named];
  if (typeof resolved !== 'function' || 'check' in resolved) return undefined;
  const holds = resolved as (args: object, params: unknown) => boolean;
  const paramsOf = inline ? () => undefined : paramsIn(guard);
  return (context, event) => holds({ context, event }, paramsOf(context, event));
}

/** The params that stand beside the name of a guard or an action. */
function paramsIn(reference: unknown): (context: Context, event: AnyEventObject) => unknown {
  if (typeof reference !== 'object' || reference === null || !('params' in reference)) return () => undefined;
  const { params } = reference;
  return typeof params === 'function' ? (context, event) => params({ context, event }) : () => params;
}

function actOf(entry: MachineEntry, note: Noted, value: unknown): Act | null {
  if (note.kind === 'action') return actionOf(entry, note.action);
  if (note.kind === 'stop') return (walk) => walk.stop(note.id);
  if (note.kind === 'output') return outputOf(entry.logic.root, typeof value === 'string' ? value : '');
  return invokeOf(entry, note.node, note.index);
}

function invokeOf({ logic, actors }: MachineEntry, nodeId: string, index: number): Act | null {
  const invoke = logic.idMap.get(nodeId)?.invoke[index];
  const invoked = invoke && actors.get(invoke.src);
  if (!invoked || typeof invoke.id !== 'string') return null;
  const { id, input, onSnapshot } = invoke;
  const sync = onSnapshot !== undefined;
  return (walk) => {
    const { context, event, self } = walk;
    walk.start(invoked, id, sync, typeof input === 'function' ? input({ context, event, self }) : input);
  };
}

/** XState asks the final state for its output first, and the machine with what that gave. */
function outputOf(root: Node, key: string): Act | null {
  const final = root.states[key];
  if (!final) return null;
  const [own, last] = [root.output, final.output];
  return (walk) => {
    const { context, event, self } = walk;
    const given = typeof last === 'function' ? last({ context, event, self }) : last;
    const done = { type: `xstate.done.state.${final.id}`, output: given };
    walk.output = typeof own === 'function' ? own({ context, event: done, self }) : own;
  };
}

function actionOf({ logic }: MachineEntry, action: unknown): Act | null {
  const inline = typeof action === 'function';
  const type = typeof action === 'string' ? action : (action as { readonly type: string }).type;
  const implementation = (inline ? action : logic.implementations.actions[type]) as (BuiltIn & Expression) | undefined;
  const paramsOf = inline ? () => undefined : paramsIn(action);
  if (!implementation || !('resolve' in implementation)) {
    const name = inline ? action.name || '(anonymous)' : type;
    return (walk) => walk.custom(name, implementation as ExecutableAction['exec'], paramsOf(walk.context, walk.event));
  }
  switch (implementation.type) {
    case 'xstate.assign':
      return assigning(implementation.assignment as Expression | Record<string, unknown>, paramsOf);
    case 'xstate.raise':
      return raising(implementation, logic.implementations.delays, paramsOf);
    case 'xstate.cancel': {
      const { sendId } = implementation;
      return (walk) => walk.cancel(evaluated(sendId, walk, paramsOf(walk.context, walk.event)) as string);
    }
    default:
      return null;
  }
}

type ParamsOf = (context: Context, event: AnyEventObject) => unknown;

function assigning(assignment: Expression | Record<string, unknown>, paramsOf: ParamsOf): Act {
  const members = typeof assignment === 'function' ? null : Object.entries(assignment);
  return (walk) => {
    const { context, event } = walk;
    const params = paramsOf(context, event);
    const args = walk.assignArgs();
    if (!members) return walk.assign((assignment as Expression)(args, params) as Context);
    const update: Context = {};
    for (const [key, part] of members) update[key] = typeof part === 'function' ? part(args, params) : part;
    walk.assign(update);
  };
}

/** Only delayed: an event that is raised at once is another microstep. */
function raising(
  { event, delay, id }: BuiltIn,
  delays: Readonly<Record<string, unknown>>,
  paramsOf: ParamsOf,
): Act | null {
  if (typeof event === 'string') return null;
  const wait = typeof delay === 'string' ? delays[delay] : delay;
  if (typeof wait !== 'number' && typeof wait !== 'function') return null;
  return (walk) => {
    const params = paramsOf(walk.context, walk.event);
    const raised = evaluated(event, walk, params) as AnyEventObject;
    walk.raise(raised, evaluated(wait, walk, params), id as string | undefined);
  };
}

function evaluated(expression: unknown, walk: Walk, params: unknown): unknown {
  return typeof expression === 'function' ? (expression as Expression)(walk.args(), params) : expression;
}
