import type { StateValue } from 'xstate';
import { decode } from '../codec.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { decodeState, describe } from '../interpreter/index.ts';
import { type RunRecord, reviveRecord, type StoredRecord } from '../run-record.ts';
import type { Status, StoredActor } from '../store/contract.ts';
import { childId } from '../turn/birth.ts';
import { type ForkOf, forkOf, kinOf } from '../turn/kinship.ts';
import type { Recovering } from './recovery-words.ts';

/** What an actor looks like from outside. */
export interface ActorView {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status: Status;
  /** Null before a custom machine's first step. */
  readonly state: StateValue | null;
  /** Null before the first step, and where this process does not know the definition. */
  readonly context: unknown;
  /** What it was scheduled with; absent where that was nothing, or cannot be read. */
  readonly input?: unknown;
  /** Only once settled. */
  readonly record?: RunRecord;
  readonly queue: string;
  /** 0 (first) to 9. */
  readonly priority: number;
  readonly labels: readonly string[];
  readonly key?: string;
  /** Number of the running or last attempt of a job; 0 before the first, and for custom machines. */
  readonly attempt: number;
  /** How often an operator had it begin again. */
  readonly retried: number;
  /** Only while a job is out of quick retries and waits for a slow one: it has failed, and has not ended. */
  readonly recovering?: Recovering;
  /** Events journaled so far. */
  readonly seq: number;
  /** When it next looks at itself. Null while a worker holds it, and while it waits for mail only. */
  readonly wakeAt: Date | null;
  readonly timers: readonly { readonly id: string; readonly event: string; readonly dueAt: Date }[];
  readonly effects: readonly {
    readonly id: string;
    readonly src: string;
    readonly running: boolean;
    readonly workerId?: string;
    /** The actor that does it, where it has one of its own. */
    readonly childId?: string;
  }[];
  readonly progress?: unknown;
  readonly parentId?: string;
  /** Which child of a flow it is. */
  readonly childKey?: string;
  /** Whose copy it is, and as of which event. */
  readonly forkOf?: ForkOf;
  /** Why it is set aside: quarantined, or no living worker knows its definition. */
  readonly reason?: string;
  /** Letters in its mailbox. */
  readonly mail: number;
  readonly createdAt: Date;
  readonly settledAt?: Date;
}

/** `definition`: what this process knows of it; without one, what the columns say is shown. */
export function viewOf(stored: StoredActor, definition: LoadedDefinition | undefined): ActorView {
  const looked = look(stored, definition);
  const role = kinOf(stored.parent, stored.role)?.role;
  const origin = forkOf(stored.parent, stored.role);
  return {
    id: stored.id,
    name: stored.name,
    version: stored.version,
    status: stored.status,
    state: looked.state,
    context: looked.context,
    ...inputOf(stored),
    ...(stored.record !== null && { record: reviveRecord(decode(stored.record) as StoredRecord) }),
    queue: stored.queue,
    priority: stored.priority,
    labels: stored.labels,
    ...(stored.key !== null && { key: stored.key }),
    attempt: stored.attempt,
    retried: stored.retried,
    ...recovering(looked, stored, definition),
    seq: stored.seq,
    wakeAt: stored.wakeAt === null ? null : new Date(stored.wakeAt),
    timers: looked.timers,
    effects: looked.effects,
    ...(stored.progress !== null && { progress: decode(stored.progress) }),
    ...(stored.parent !== null && { parentId: stored.parent }),
    ...(role && 'key' in role && { childKey: role.key }),
    ...(origin && { forkOf: origin }),
    ...(stored.reason !== null && { reason: stored.reason }),
    mail: stored.mail,
    createdAt: new Date(stored.createdAt),
    ...(stored.settledAt !== null && { settledAt: new Date(stored.settledAt) }),
  };
}

/** One that nobody can read keeps its actor from running, and must not keep it from being seen. */
function inputOf({ input }: StoredActor): Pick<ActorView, 'input'> {
  try {
    return input === null ? {} : { input: decode(input) };
  } catch {
    return {};
  }
}

function recovering(
  { state, context, timers }: Look,
  { status }: StoredActor,
  definition: LoadedDefinition | undefined,
): Pick<ActorView, 'recovering'> {
  const attempt = (context as { recoveries?: unknown } | null)?.recoveries;
  const timer = timers.find(({ event }) => event.startsWith('xstate.after.recoveryDelay.'));
  if (!definition?.standard || status !== 'active' || state !== 'recovering' || !timer || typeof attempt !== 'number')
    return {};
  const of = definition.recoveries;
  return { recovering: { attempt, ...(of > 0 && { of }), nextAt: timer.dueAt } };
}

type Look = Pick<ActorView, 'state' | 'context' | 'timers' | 'effects'>;

function look(stored: StoredActor, definition: LoadedDefinition | undefined): Look {
  const shown: Look = {
    state: stored.state === null ? null : (JSON.parse(stored.state) as StateValue),
    context: null,
    timers: [],
    effects: [],
  };
  const { worker } = stored;
  if (stored.snapshot === null || !definition) {
    const timers = stored.wakeAt === null ? [] : [{ id: 'start', event: 'start', dueAt: new Date(stored.wakeAt) }];
    return started({ ...shown, timers }, stored, definition);
  }
  try {
    const system = decodeState(definition.prepared, stored.snapshot);
    const { value, context } = describe(definition.prepared, system);
    const timers = system.timers.map(({ id, event, dueAt }) => ({ id, event: event.type, dueAt: new Date(dueAt) }));
    const effects = system.effects.map(({ id, ref, src, status }) =>
      status === 'delegated'
        ? { id, src, running: false, childId: childId(stored.id, ref, stored.retried) }
        : { id, src, running: worker !== null && status === 'running', ...(worker !== null && { workerId: worker }) },
    );
    return started({ state: value, context, timers, effects }, stored, definition);
  } catch {
    // It cannot be restored with this definition; its columns can still be shown.
    return shown;
  }
}

/** Between its claim and its next write a job's row still says what it was; the claim is the record that its handler runs. */
function started(look: Look, { id, worker, status }: StoredActor, definition: LoadedDefinition | undefined): Look {
  const claimed = definition?.claimed;
  if (worker === null || status !== 'active' || !claimed || look.effects.length > 0) return look;
  const { state, effect } = claimed;
  const effects = [{ id: `${id}/${effect}`, src: effect, running: true, workerId: worker }];
  return { ...look, state, timers: [], effects };
}
