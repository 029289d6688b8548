/**
 * How an actor of an older version goes on under a newer one: by that one's `migrate`, or from the very state it is in, where
 * all of it exists there. Pure, and the same for a worker that takes an actor over and for a check beforehand.
 */
import type { AnyEventObject } from 'xstate';
import type { DefinitionInternals } from '../definitions/internals.ts';
import type { MigrationOutcome } from '../definitions/migration.ts';
import type { Prepared } from '../interpreter/index.ts';
import {
  decodeState,
  encodeState,
  misfits,
  type Portrait,
  portraitOf,
  repainted,
  type SystemState,
} from '../interpreter/index.ts';

/** Of the newer version, what matters here. */
export interface Heir extends Pick<DefinitionInternals, 'name' | 'version' | 'migrate'> {
  readonly prepared: Prepared;
  /** By key of their logic: what another actor does. */
  readonly delegates: ReadonlyMap<string, unknown>;
}

/** As an older version left it. */
export interface Estate {
  readonly version: number;
  readonly snapshot: string;
}

/** Throws an error with all that is in the way. */
export function takenOver(estate: Estate, heir: Heir): SystemState {
  const { name, version } = heir;
  const problems: string[] = [];
  const text = heir.migrate ? migrated(estate, heir) : estate.snapshot;
  problems.push(...misfits(heir.prepared, text));
  const system = problems.length === 0 ? decodeState(heir.prepared, text) : null;
  for (const { name: child, src, status } of system?.effects ?? []) {
    if (status === 'delegated' && !heir.delegates.has(src))
      problems.push(`child '${child}' is done by an actor of its own, and '${src}' is no longer one`);
  }
  if (system && problems.length === 0) return system;
  const how = heir.migrate ? 'what its migrate() gave does not fit' : 'it does not fit, and there is no migrate()';
  throw new Error(
    `Version ${version} of ${name} cannot take over from version ${estate.version}: ${how}: ${problems.join('; ')}.`,
  );
}

function migrated({ version, snapshot }: Estate, heir: Heir): string {
  const before = portraitOf(snapshot);
  let outcome: MigrationOutcome;
  try {
    outcome = (heir.migrate as NonNullable<Heir['migrate']>)({
      version,
      snapshot: before.snapshot,
      timers: [...before.timers],
      children: [...before.children],
    });
    return repainted(snapshot, after(outcome, before));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`migrate() of ${heir.name} version ${heir.version} failed on version ${version}: ${message}`, {
      cause: error,
    });
  }
}

/** What an author may give wrong is named, before anything is made of it. */
function after(given: MigrationOutcome, before: Portrait): Portrait {
  const { snapshot, timers = before.timers, children = before.children } = given ?? {};
  if (typeof snapshot !== 'object' || snapshot === null || !('value' in snapshot) || !('context' in snapshot))
    throw new TypeError('it must return { snapshot: { value, context }, timers?, children? }');
  for (const [index, { event, dueAt }] of timers.entries()) {
    if (typeof (event as Partial<AnyEventObject> | undefined)?.type !== 'string' || !Number.isFinite(dueAt))
      throw new TypeError(`timers[${index}] needs an event with a type, and dueAt in milliseconds`);
  }
  const known = new Map(before.children.map((child) => [child.id, child]));
  const staying = children.map(({ id }) => {
    const child = known.get(id);
    if (!child) throw new TypeError(`it has no child '${id}' that could go on`);
    return child;
  });
  return { snapshot, timers, children: staying };
}

/** The same migration twice: what comes out must be the same text. Null: it is. */
export function unsteady(estate: Estate, heir: Heir): string | null {
  const [first, second] = [encodeState(takenOver(estate, heir)), encodeState(takenOver(estate, heir))];
  return first === second ? null : `migrate() of ${heir.name} version ${heir.version} does not give the same twice`;
}
