/** An actor that a turn brings into the world, in the transaction that makes its parent want it. */
import { v5 } from 'uuid';
import type { NewActor } from '../store/contract.ts';
import type { LimitKeys } from '../store/limits.ts';
import { encodeRole, type Role } from './kinship.ts';

/** Of the definition a newborn lives by, what its row needs; a cron keeps it for definitions its worker does not know. */
export interface Breed {
  readonly def: number;
  readonly name: string;
  readonly version: number;
  readonly queueNumber: number;
  readonly priority: number;
  readonly initialState: string | null;
}

export interface BirthRequest {
  readonly input: string | null;
  readonly when: NewActor['when'];
  readonly labels?: readonly string[];
  /** Computed from its input by the definition; none unless given. */
  readonly limits?: LimitKeys | null;
}

/**
 * The same parent and name always give the same child, so that a turn taken twice bears it once; but not the one of an
 * earlier life of its parent, which has its own end. `life`: how often the parent began again.
 */
export function childId(parent: string, name: string, life = 0): string {
  return v5(life === 0 ? name : `${life}:${name}`, parent);
}

export function newborn(
  { def, name, version, queueNumber, priority, initialState }: Breed,
  { id, parent, role }: { readonly id: string; readonly parent: string; readonly role: Role },
  { input, when, labels = [], limits = null }: BirthRequest,
): NewActor {
  const place = { def, name, version, queue: queueNumber, priority };
  const kin = { parent, role: encodeRole(role) };
  return { id, ...place, ...kin, labels, state: initialState, input, when, key: null, limits, start: false };
}
