import type { ThreadGateway } from '../../actors/thread-gateway.ts';
import { type Delegate, delegateOf } from '../effects/delegates.ts';
import { type Prepared, prepare } from '../interpreter/index.ts';
import type { Settlement } from '../run-record.ts';
import type { LimitKeys } from '../store/limits.ts';
import type { Breed } from '../turn/birth.ts';
import type { DefinitionInternals } from './internals.ts';
import { limitKeys } from './limits.ts';

/** A definition as a worker runs it: checked, prepared for the pure step, and known to the store by a number. */
export interface LoadedDefinition extends DefinitionInternals, Breed {
  readonly prepared: Prepared;
  /** Registry number of (name, version). */
  readonly def: number;
  /** Registry number of its queue. */
  readonly queueNumber: number;
  /** Most bytes of a payload, and of each context, that may be stored. */
  readonly maxPayload: number;
  /** What the store does with a run that ends so. */
  settling(settlement: Settlement): { readonly keepMs: number; readonly freesKey: boolean };
  /** Under which keys a run with this (parsed) input is limited. Null: not at all. @throws InvalidInputError */
  limitKeys(input: unknown): LimitKeys | null;
  /** Who does what its machine invokes, by the key of that logic; absent: the worker itself. */
  readonly delegates: ReadonlyMap<string, { readonly delegate: Delegate; readonly definition: LoadedDefinition }>;
  /** The newest definition of that name in this process. */
  newest(name: string): LoadedDefinition | undefined;
}

/** Before the store was asked for its number. */
export interface PreparedDefinition {
  readonly internals: DefinitionInternals;
  readonly prepared: Prepared;
  readonly delegates: ReadonlyMap<string, { readonly delegate: Delegate; readonly internals: DefinitionInternals }>;
}

/** Throws DefinitionVersionError when its machine cannot be persisted or simulated. */
export function prepareDefinition(internals: DefinitionInternals): PreparedDefinition {
  const { name, version, machine, standard, atRest } = internals;
  const prepared = prepare(machine, { name, version, standard, atRest });
  const delegates = prepared.catalogue.effects.flatMap(({ key, logic }) => {
    const delegate = delegateOf(logic);
    return delegate ? [[key, { delegate, internals: delegate.definition(internals, key) }] as const] : [];
  });
  return { internals, prepared, delegates: new Map(delegates) };
}

/** All of these, and the definitions that what they invoke lives by. */
export function prepareDefinitions(given: readonly DefinitionInternals[]): readonly PreparedDefinition[] {
  const prepared = new Map<DefinitionInternals, PreparedDefinition>();
  const open = [...given];
  for (let internals = open.shift(); internals; internals = open.shift()) {
    if (prepared.has(internals)) continue;
    const each = prepareDefinition(internals);
    prepared.set(internals, each);
    open.push(...[...each.delegates.values()].map((delegate) => delegate.internals));
  }
  return [...prepared.values()];
}

/** The newest version of a definition among those. */
export function newestOf<D extends { readonly name: string; readonly version: number }>(
  definitions: ReadonlyMap<number, D>,
  name: string,
): D | undefined {
  let newest: D | undefined;
  for (const each of definitions.values())
    if (each.name === name && each.version > (newest?.version ?? 0)) newest = each;
  return newest;
}

export interface LoadSettings {
  readonly maxPayload: number;
  readonly namespace: string;
  /** None unless given. */
  readonly threads?: ThreadGateway | null;
  /** Registry numbers, by definition and by name of the queue. */
  defOf(internals: DefinitionInternals): number;
  queueOf(name: string): number;
}

export function loadDefinitions(
  all: readonly PreparedDefinition[],
  settings: LoadSettings,
): ReadonlyMap<number, LoadedDefinition> {
  const loaded = new Map<DefinitionInternals, LoadedDefinition>();
  const newest = new Map<string, LoadedDefinition>();
  for (const { internals, prepared } of all) {
    const { retention, dedupOn, queue } = internals;
    const definition: LoadedDefinition = {
      ...internals,
      run: internals.handlerFor?.({ threads: settings.threads ?? null }) ?? internals.run,
      prepared,
      def: settings.defOf(internals),
      queueNumber: settings.queueOf(queue),
      maxPayload: settings.maxPayload,
      settling: ({ status }) => ({
        keepMs: status === 'done' ? retention.doneMs : retention.droppedMs,
        freesKey: dedupOn === 'none' || (status === 'dropped' && dedupOn === 'success'),
      }),
      limitKeys: (input) => limitKeys(internals, settings.namespace, input),
      delegates: new Map(),
      newest: (name) => newest.get(name),
    };
    loaded.set(internals, definition);
    if (definition.version >= (newest.get(definition.name)?.version ?? 0)) newest.set(definition.name, definition);
  }
  for (const { internals, delegates } of all) {
    const own = loaded.get(internals)?.delegates as Map<string, unknown>;
    for (const [key, { delegate, internals: child }] of delegates)
      own.set(key, { delegate, definition: loaded.get(child) });
  }
  return new Map([...loaded.values()].map((definition) => [definition.def, definition]));
}
