/**
 * A copy of an actor as it was after one of its events. Its past is taken again up to there and has to come out as it was stored.
 * Everything it will ask of the world carries ids of its own: what the origin did under its keys says nothing of the copy.
 */
import type { AnyEventObject } from 'xstate';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import {
  ActorNotFoundError,
  InvalidInputError,
  InvalidOptionError,
  InvalidStateError,
  ReplayDivergedError,
  UnknownDefinitionError,
} from '../errors.ts';
import { decodeState, deliver, describe, encodeState, type SystemState, withEffectIds } from '../interpreter/index.ts';
import { journalLine } from '../journal.ts';
import { HELD } from '../reading/explain.ts';
import { livedByLoaded } from '../reading/lived-by.ts';
import { type Past, pastOf } from '../replay/past.ts';
import { replayPast, stateAt } from '../replay.ts';
import { isActorId } from '../scheduler/actor-id.ts';
import { type ForkOptions, resolveForkOptions } from '../scheduler/call-options.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { StoredActor } from '../store/contract.ts';
import { encodeForkOf } from '../turn/kinship.ts';
import { checkEvent, encodeLetter } from '../turn/mail.ts';
import { excessOf } from '../turn/state-limit.ts';

export class Forking {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Gives the id of the copy. */
  async fork(origin: string, given: ForkOptions): Promise<string> {
    const asked = resolveForkOptions(given);
    const { store, env, clock, options } = this.#runtime;
    for (const event of asked.events) checkEvent(event);
    const stored = isActorId(origin) ? await store.find(origin) : null;
    if (!stored) throw new ActorNotFoundError(origin);
    const past = pastOf(stored, stored.spilled ? await store.journal(origin) : []);
    const { definition, system } = this.#then(stored, past, asked.atSeq);
    const id = env.uuid();
    const own = system && decodeState(definition.prepared, withEffectIds(encodeState(system), origin, id));
    const life = new Copy(id, definition, own, clock.now(), { id: origin, seq: asked.atSeq });
    const rest = life.live(asked.events);
    const queue = await this.#runtime.queues.register(stored.queue);
    const { now } = await store.fork(
      {
        ...life.row(),
        def: definition.def,
        name: definition.name,
        version: definition.version,
        queue,
        priority: stored.priority,
        labels: [`fork:${origin}`],
        input: stored.input,
        role: encodeForkOf(life.origin),
        limits: definition.limitKeys(past.input),
        quarantine: asked.effects === 'start' ? null : heldText(life.origin),
        mail: rest.map((event) => encodeLetter({ kind: 'event', event }, options.maxPayloadBytes)),
        origin: life.origin,
      },
      { who: options.operator },
    );
    if (asked.effects === 'start') this.#runtime.announceDue(queue, now);
    return id;
  }

  /** What it lived by, and its state, after that event. */
  #then(
    { id, name, version }: StoredActor,
    past: Past,
    seq: number,
  ): { readonly definition: LoadedDefinition; readonly system: SystemState | null } {
    const [first, last] = [past.entries[0]?.seq, past.entries.at(-1)?.seq];
    if (first === undefined || last === undefined)
      throw new InvalidStateError(id, 'nothing has happened to it yet. Schedule another one with its input instead.');
    if (seq < first || seq > last)
      throw new InvalidOptionError('atSeq', `must be from ${first} to ${last}, got ${seq}.`);
    const livedBy = livedByLoaded(this.#runtime, name);
    const { ok, firstDifference } = replayPast(past, livedBy, seq);
    if (!ok)
      throw new ReplayDivergedError(
        `The past of ${id} does not come out again as it was stored: step ${firstDifference?.seq} differs at '${firstDifference?.path}'. Look with \`carillon replay ${id}\`.`,
      );
    const then = stateAt(past, livedBy, seq);
    const definition = then && this.#runtime.loaded(name, then.version);
    if (!definition)
      throw new UnknownDefinitionError(`${name}' version '${then?.version ?? version}`, this.#runtime.registry.names);
    if (definition.act)
      throw new InvalidStateError(id, 'crons and flows cannot be forked: fork one of their children.');
    const stopped = past.entries.find((entry) => entry.seq === seq)?.via?.[0] === 'stopped';
    if (stopped || (then.system && describe(definition.prepared, then.system).status !== 'active'))
      throw new InvalidStateError(id, `it had ended by step ${seq}. Name an earlier one.`);
    return { definition, system: then.system };
  }
}

function heldText({ id, seq }: Copy['origin']): string {
  return `${HELD} a copy of ${id} as of step ${seq}. Release it, and its timers and effects go on; they have keys of their own.`;
}

/** A copy before it is stored: what it is told is computed at once, and whatever that starts waits. */
class Copy {
  readonly id: string;
  readonly origin: { readonly id: string; readonly seq: number };
  readonly #definition: LoadedDefinition;
  readonly #lines: string[] = [];
  readonly #now: number;
  #system: SystemState | null;

  constructor(
    id: string,
    definition: LoadedDefinition,
    system: SystemState | null,
    now: number,
    origin: Copy['origin'],
  ) {
    this.id = id;
    this.origin = origin;
    this.#definition = definition;
    this.#system = system;
    this.#now = now;
    const event = { type: 'carillon.forked', ...origin };
    this.#note(event, system ? ['forked', encodeState(system)] : ['forked']);
  }

  /** Takes as many of these as leave it alive. What is left is for a worker: it alone may end a run. */
  live(events: readonly AnyEventObject[]): readonly AnyEventObject[] {
    const { prepared } = this.#definition;
    for (const [index, event] of events.entries()) {
      if (!this.#system) return events.slice(index);
      try {
        const step = deliver(prepared, this.#system, { id: this.id, now: this.#now, event });
        if (step.status !== 'active') return events.slice(index);
        this.#system = step.state;
      } catch (error) {
        throw new InvalidInputError(`events[${index}]`, `its machine fails on it: ${(error as Error).message}`);
      }
      this.#note(event);
    }
    return [];
  }

  row(): Pick<StoredActor, 'id' | 'state' | 'snapshot' | 'history' | 'seq' | 'attempt'> {
    const { initialState, standard, prepared } = this.#definition;
    const system = this.#system;
    const snapshot = system && encodeState(system);
    const excess = excessOf(snapshot, this.#definition);
    if (excess !== null) throw new InvalidInputError('events', `with them ${excess}`);
    const { value, context } = system ? describe(prepared, system) : { value: null, context: null };
    const { attempt } = (context ?? {}) as { readonly attempt?: unknown };
    return {
      id: this.id,
      state: value === null ? initialState : JSON.stringify(value),
      snapshot,
      history: this.#lines.join('\n'),
      seq: this.#lines.length,
      attempt: standard && typeof attempt === 'number' ? attempt : 0,
    };
  }

  #note(event: AnyEventObject, via?: Parameters<typeof journalLine>[3]): void {
    const value = this.#system && describe(this.#definition.prepared, this.#system).value;
    this.#lines.push(journalLine(this.#now, event, value, via));
  }
}
