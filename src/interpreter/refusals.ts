/** What registration refuses, because a stored actor could not keep or repeat it, and what its author should know beforehand. */

import { canonical } from '../codec.ts';
import { DefinitionVersionError, InvalidInputError } from '../errors.ts';
import type { Catalogue, Entry, MachineEntry } from './catalogue.ts';
import type { Logic, Node } from './xstate-internals.ts';

/** Throws DefinitionVersionError for the first thing that cannot be persisted or stepped; returns what to warn of. */
export function checkMachine(catalogue: Catalogue, definition: string): string[] {
  const warnings = new Set<string>();
  for (const entry of catalogue.machines) {
    const where = entry.key === '' ? definition : `${definition}, machine '${entry.key}'`;
    new Check(entry, where, warnings).run();
  }
  return [...warnings];
}

/** An action or guard as a configuration may have it: a name, an object with a name, a function, one of XState's own. */
type Part = string | (Function & BuiltIn) | BuiltIn;

interface BuiltIn {
  readonly type?: unknown;
  readonly id?: unknown;
  readonly src?: unknown;
  readonly delay?: unknown;
  readonly assignment?: unknown;
  readonly guards?: readonly Part[];
  readonly resolve?: unknown;
  readonly check?: unknown;
}

class Check {
  readonly #entry: MachineEntry;
  readonly #where: string;
  readonly #warnings: Set<string>;

  constructor(entry: MachineEntry, where: string, warnings: Set<string>) {
    this.#entry = entry;
    this.#where = where;
    this.#warnings = warnings;
  }

  run(): void {
    const { logic, actors } = this.#entry;
    this.#checkContext(logic.config.context);
    for (const [name, delay] of Object.entries(logic.implementations.delays))
      this.#checkDelay(delay, `delay '${name}'`);
    for (const [name, action] of Object.entries(logic.implementations.actions)) {
      this.#checkAction(action as Part, `action '${name}'`);
    }
    for (const node of logic.idMap.values()) this.#checkNode(node);
    for (const [name, actor] of actors) this.#checkActor(name, actor);
  }

  #refuse(place: string, problem: string): never {
    throw new DefinitionVersionError(`${this.#where}: ${place}: ${problem}`);
  }

  #warn(warning: string): void {
    this.#warnings.add(warning);
  }

  #checkContext(context: unknown): void {
    if (typeof context === 'function') return;
    try {
      canonical(context, 'context');
    } catch (error) {
      if (error instanceof InvalidInputError) this.#refuse('the machine', error.message);
      throw error;
    }
  }

  #checkNode(node: Node): void {
    const place = node.path.length === 0 ? 'the root state' : `state '${node.path.join('.')}'`;
    const transitions = [...node.transitions.values(), node.always ?? []].flat();
    const initial = node.type === 'compound' ? node.initial.actions : [];
    const actions = [
      ...node.entry,
      ...node.exit,
      ...initial,
      ...transitions.flatMap((transition) => transition.actions),
    ];
    for (const action of actions as Part[]) this.#checkAction(action, place);
    for (const { guard } of transitions) if (guard !== undefined) this.#checkGuard(guard as Part, place);
    for (const { id, src } of node.invoke) {
      if (!this.#entry.actors.has(src)) {
        this.#refuse(place, `invokes '${id}' from '${src}', which has no logic; add it to setup({ actors })`);
      }
    }
  }

  #checkAction(action: Part, place: string): void {
    if (typeof action !== 'function') return this.#checkNamedAction(action, place);
    if (action.resolve === undefined) {
      this.#warn(`custom action '${action.name || '(inline)'}' runs after the commit of its step, at most once`);
      return;
    }
    if (action.type === 'xstate.raise' || action.type === 'xstate.sendTo') this.#checkDelay(action.delay, place);
    if (action.type === 'xstate.spawnChild') this.#checkSpawn(action, place);
    if (action.type === 'xstate.assign' && mentionsSpawn(action.assignment)) this.#warnOfSpawning(place);
  }

  #checkNamedAction(action: string | BuiltIn, place: string): void {
    const name = String(typeof action === 'string' ? action : action.type);
    if (this.#entry.logic.implementations.actions[name] === undefined) {
      this.#warn(`${place}: action '${name}' has no implementation, so it does nothing`);
    }
  }

  #checkDelay(delay: unknown, place: string): void {
    const delays = this.#entry.logic.implementations.delays;
    if (typeof delay === 'string' && delays[delay] === undefined) {
      // XState would take the event as not delayed at all.
      this.#refuse(place, `delay '${delay}' is not implemented and would fire at once; add it to setup({ delays })`);
    }
    if (Number.isNaN(delay)) this.#refuse(place, 'a delay is not a number; give milliseconds');
  }

  #checkSpawn({ id, src }: BuiltIn, place: string): void {
    const { actors, names } = this.#entry;
    if (id === undefined)
      this.#refuse(place, 'spawnChild needs an id, or two children cannot be told apart; give it { id }');
    if (typeof src === 'string' && !actors.has(src)) {
      this.#refuse(place, `spawnChild('${src}') has no logic; add it to setup({ actors })`);
    }
    if (typeof src !== 'string' && !names.has(src)) {
      this.#refuse(
        place,
        'spawnChild with inline logic cannot be stored; add the logic to setup({ actors }) and name it',
      );
    }
    if (typeof id === 'function') this.#warnOfSpawning(place);
  }

  #warnOfSpawning(place: string): void {
    this.#warn(
      `${place}: spawned children are kept until they are stopped, also when they are done; stop what you spawn`,
    );
  }

  #checkGuard(guard: Part, place: string): void {
    if (typeof guard === 'function') {
      for (const inner of guard.guards ?? []) this.#checkGuard(inner, place);
      return;
    }
    const name = String(typeof guard === 'string' ? guard : guard.type);
    if (this.#entry.logic.implementations.guards[name] === undefined) {
      this.#refuse(place, `guard '${name}' is not implemented; add it to setup({ guards })`);
    }
  }

  #checkActor(name: string, { kind, logic }: Entry): void {
    if (kind !== 'effect') return;
    const what = startedAnew(logic);
    if (what) {
      this.#warn(
        `actor '${name}' is ${what}: it starts anew on every change of worker, and holds a place in one until it ends`,
      );
    }
  }
}

export function mentionsSpawn(assignment: unknown): boolean {
  const parts = typeof assignment === 'object' && assignment !== null ? Object.values(assignment) : [assignment];
  return parts.some((part) => typeof part === 'function' && /\bspawn\b/.test(Function.prototype.toString.call(part)));
}

/** What XState's own creators made, told by how it answers: a promise ends and is retried, the others have no end of their own. */
function startedAnew(logic: Logic): 'a callback' | 'an observable' | null {
  const active = { status: 'active', output: undefined, error: undefined } as const;
  const answers = (type: string): string => {
    try {
      return logic.transition(active, { type, data: undefined }, { self: {} } as never).status;
    } catch {
      return 'threw';
    }
  };
  if (answers('xstate.observable.complete') === 'done') return 'an observable';
  return 'config' in logic && answers('xstate.promise.resolve') === 'threw' ? 'a callback' : null;
}
