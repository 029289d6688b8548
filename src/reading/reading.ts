/** What the store says of actors, in the words of the API. */

import { decode } from '../codec.ts';
import { type CompatibilityReport, checkLive } from '../definitions/compatibility.ts';
import { prepareDefinition } from '../definitions/loaded-definition.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { internalsOf } from '../definitions.ts';
import { ActorNotFoundError, UnknownDefinitionError } from '../errors.ts';
import { pastEvents } from '../inspect/past-events.ts';
import type { StatelyInspectionEvent } from '../inspect/stately-events.ts';
import { accepts, decodeState } from '../interpreter/index.ts';
import { type JournalEntry, readJournal } from '../journal.ts';
import type { LivedBy } from '../replay/past.ts';
import { pastOf } from '../replay/past.ts';
import { type ReplayReport, replayPast } from '../replay.ts';
import { type RunRecord, reviveRecord, type StoredRecord } from '../run-record.ts';
import { isActorId } from '../scheduler/actor-id.ts';
import {
  type CheckOptions,
  type ListOptions,
  type ReplayOptions,
  resolveCheckOptions,
  resolveListOptions,
  resolveReplayOptions,
} from '../scheduler/call-options.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { StoredActor } from '../store/contract.ts';
import type { JournalSegment } from '../store/journal-segment.ts';
import { type Explanation, explain } from './explain.ts';
import { livedByLoaded } from './lived-by.ts';
import { type Stats, statsOf } from './stats.ts';
import { type ActorView, viewOf } from './views.ts';

export class Reading {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async get(id: string): Promise<ActorView | null> {
    const stored = await this.#lookUp(id);
    return stored && this.#view(stored);
  }

  async list(filter: ListOptions): Promise<{ items: ActorView[]; cursor?: string }> {
    const { items, cursor } = await this.#runtime.store.list(resolveListOptions(filter));
    return { items: items.map((stored) => this.#view(stored)), ...(cursor !== undefined && { cursor }) };
  }

  async explain(id: string): Promise<Explanation> {
    const stored = await this.#find(id);
    const runtime = this.#runtime;
    const [stats, wait, versions] = await Promise.all([
      runtime.store.stats(),
      runtime.store.placeWait(id),
      runtime.store.versions(stored.name),
    ]);
    const definition = runtime.readable(stored.name, stored.version);
    const def = versions.find(({ version }) => version === stored.version)?.def;
    const place = { queue: await runtime.queues.register(stored.queue), def, versions, wait };
    const view = this.#view(stored);
    const others =
      definition?.waitingFor && view.context !== null && stored.input !== null
        ? definition.waitingFor(view.context, decode(stored.input))
        : [];
    return explain(view, this.#accepts(stored), stats, place, new Date(runtime.clock.now()), others);
  }

  async history(id: string): Promise<JournalEntry[]> {
    const stored = await this.#find(id);
    const segments = await this.#segments(stored);
    return readJournal(stored, segments).map(({ seq, at, event, state }) => ({ seq, at, event, state }));
  }

  /** @throws ActorNotFoundError @throws UnknownDefinitionError where this process does not know its version. */
  async replay(id: string, options: ReplayOptions = {}): Promise<ReplayReport> {
    const { definition, upTo } = resolveReplayOptions(options);
    const stored = await this.#find(id);
    const segments = await this.#segments(stored);
    return replayPast(pastOf(stored, segments), this.#livedBy(stored, definition), upTo);
  }

  async check(definition: AnyDefinition, options: CheckOptions = {}): Promise<CompatibilityReport> {
    return checkLive(this.#runtime.store, definition, resolveCheckOptions(options));
  }

  async inspectionEvents(id: string): Promise<StatelyInspectionEvent[]> {
    const stored = await this.#find(id);
    const segments = await this.#segments(stored);
    return [...(await pastEvents(this.#runtime, stored, pastOf(stored, segments)))];
  }

  async #segments({ id, spilled }: StoredActor): Promise<readonly JournalSegment[]> {
    return spilled ? this.#runtime.store.journal(id) : [];
  }

  #livedBy({ name, version }: StoredActor, definition: AnyDefinition | undefined): LivedBy {
    if (definition) {
      const given = prepareDefinition(internalsOf(definition));
      return () => given;
    }
    const livedBy = livedByLoaded(this.#runtime, name);
    if (!livedBy(version))
      throw new UnknownDefinitionError(`${name}' version '${version}`, this.#runtime.registry.names);
    return livedBy;
  }

  async result(id: string, timeoutMs: number | null): Promise<RunRecord> {
    const { record } = await this.#runtime.waiting.until(id, null, timeoutMs);
    return reviveRecord(decode(record as string) as StoredRecord);
  }

  async waitFor(id: string, state: string | null, timeoutMs: number | null): Promise<ActorView> {
    await this.#runtime.waiting.until(id, state, timeoutMs);
    return this.#view(await this.#find(id));
  }

  async stats(): Promise<Stats> {
    const { store, sweep, alarms } = this.#runtime;
    return statsOf(await store.stats(), sweep.report(), alarms.state());
  }

  async #find(id: string): Promise<StoredActor> {
    const stored = await this.#lookUp(id);
    if (!stored) throw new ActorNotFoundError(id);
    return stored;
  }

  async #lookUp(id: string): Promise<StoredActor | null> {
    return isActorId(id) ? this.#runtime.store.find(id) : null;
  }

  #view(stored: StoredActor): ActorView {
    return viewOf(stored, this.#runtime.readable(stored.name, stored.version));
  }

  #accepts(stored: StoredActor): readonly string[] {
    const definition = this.#runtime.readable(stored.name, stored.version);
    if (!definition || stored.snapshot === null || stored.status !== 'active') return [];
    try {
      const types = accepts(definition.prepared, decodeState(definition.prepared, stored.snapshot));
      // What the engine tells its own machines, nobody else may send.
      return definition.standard ? types.filter((type) => type.startsWith('job.')) : types;
    } catch {
      // Not restorable with the code at hand; the explanation says what else is known.
      return [];
    }
  }
}
