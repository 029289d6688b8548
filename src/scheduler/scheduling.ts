/** From a `schedule` call to a stored actor: options and input checked and encoded here, before anything is written. */
import { encode } from '../codec.ts';
import { parseInput } from '../definitions/input-schema.ts';
import type { DefinitionInternals } from '../definitions/internals.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { CarillonError, InvalidInputError } from '../errors.ts';
import { fingerprintOf, KEY_RETENTION_MS, keyDigest } from '../idempotency-key.ts';
import { type ResolvedSchedule, resolveScheduleOptions } from '../options.ts';
import type { KeyClaim, NewActor, Scheduled } from '../store/contract.ts';
import type { LimitKeys } from '../store/limits.ts';
import { tracedScheduling } from '../telemetry/tracing.ts';
import { encodeTrace } from '../turn/kinship.ts';
import type { Enqueued } from './enqueue.ts';
import type { Runtime } from './runtime.ts';
import { type OwnSubmission, type Submission, type Submitted, told } from './submission.ts';

/** What a run is made with: its input as it is stored, and the limits that input puts it under. */
interface Matter {
  readonly input: string | null;
  readonly limits: LimitKeys | null;
}

export interface Template extends Matter {
  readonly definition: LoadedDefinition;
}

/** What all calls for one definition share. */
interface Terms {
  readonly definition: LoadedDefinition;
  /** Without options. */
  readonly plain: ResolvedSchedule;
}

export class Scheduling {
  readonly #runtime: Runtime;
  readonly #terms = new Map<DefinitionInternals, Terms>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async one(definition: AnyDefinition | string, submission: Submission): Promise<Submitted> {
    this.#runtime.assertOpen();
    return this.#submit(this.#internals(definition), submission);
  }

  /** One of a definition of our own, whose input was checked before. */
  async own(internals: DefinitionInternals, submission: OwnSubmission): Promise<Submitted> {
    this.#runtime.assertOpen();
    return this.#submit(internals, submission);
  }

  /** What others are to make an actor with later: the definition it lives by, and its input as it is stored. */
  async template(definition: AnyDefinition | string, input: unknown): Promise<Template> {
    const { definition: loaded } = this.#termsOf(this.#internals(definition));
    return { definition: loaded, ...(await this.#matter(loaded, input)) };
  }

  /** All of them, or none: whatever is wrong is found before the first is written, and they are written together. */
  async many(definition: AnyDefinition, submissions: readonly Submission[]): Promise<readonly Submitted[]> {
    this.#runtime.assertOpen();
    const internals = this.#internals(definition);
    return tracedScheduling(internals, (trace) => this.#submitAll(internals, submissions, trace));
  }

  async #submitAll(
    internals: DefinitionInternals,
    submissions: readonly Submission[],
    trace: string | null,
  ): Promise<readonly Submitted[]> {
    const terms = this.#termsOf(internals);
    const prepared: Enqueued[] = [];
    for (const [index, submission] of submissions.entries()) {
      try {
        const resolved = this.#resolved(terms, submission);
        const preparing = this.#prepare(terms.definition, resolved, submission, trace);
        const enqueued = preparing instanceof Promise ? await preparing : preparing;
        if (resolved.client) throw new InvalidInputError('options.client', 'is for single schedule() calls.');
        prepared.push(enqueued);
      } catch (error) {
        throw at(index, error);
      }
    }
    const scheduled = await this.#runtime.enqueue.addAll(prepared);
    // One conflict is enough that none was written.
    return scheduled.map((each, index) => {
      try {
        return this.#told(each, prepared[index] as Enqueued, submissions[index] as Submission);
      } catch (error) {
        throw at(index, error);
      }
    });
  }

  #submit(internals: DefinitionInternals, submission: OwnSubmission): Promise<Submitted> {
    return tracedScheduling(internals, (trace) => this.#submitOne(internals, submission, trace));
  }

  async #submitOne(
    internals: DefinitionInternals,
    submission: OwnSubmission,
    trace: string | null,
  ): Promise<Submitted> {
    const terms = this.#termsOf(internals);
    const resolved = this.#resolved(terms, submission);
    const preparing = this.#prepare(terms.definition, resolved, submission, trace);
    // Only what answers later is waited for: calls that come together are to stay together.
    const enqueued = preparing instanceof Promise ? await preparing : preparing;
    const { enqueue } = this.#runtime;
    if (submission.replaces) return this.#replace(enqueued, submission.replaces, submission);
    const { client } = resolved;
    if (!client) return this.#told(await enqueue.add(enqueued), enqueued, submission);
    const [scheduled] = await enqueue.addWithin(client, [enqueued]);
    return this.#told(scheduled as Scheduled, enqueued, submission);
  }

  async #replace(enqueued: Enqueued, label: string, submission: Submission): Promise<Submitted> {
    const { item, replaced } = await this.#runtime.enqueue.replace({ ...enqueued, label });
    const submitted = this.#told(item, enqueued, submission);
    const [newest] = replaced;
    return newest === undefined ? submitted : { ...submitted, outcome: 'replaced', replaced: newest };
  }

  #told(scheduled: Scheduled, { actor: { name }, queueName }: Enqueued, submission: Submission): Submitted {
    this.#runtime.metrics.scheduled(name, queueName, scheduled.outcome);
    return told(scheduled, submission);
  }

  #internals(definition: AnyDefinition | string): DefinitionInternals {
    const { registry } = this.#runtime;
    return typeof definition === 'string' ? registry.newest(definition) : registry.of(definition);
  }

  #termsOf(internals: DefinitionInternals): Terms {
    const known = this.#terms.get(internals);
    if (known) return known;
    const { name, version } = internals;
    const definition = this.#runtime.loaded(name, version);
    if (!definition) throw new Error(`Definition ${name} version ${version} is not loaded.`);
    const terms = { definition, plain: resolveScheduleOptions({}, internals) };
    this.#terms.set(internals, terms);
    return terms;
  }

  #resolved({ definition, plain }: Terms, { resolved, options }: Submission): ResolvedSchedule {
    return resolved ?? (options === undefined ? plain : resolveScheduleOptions(options, definition));
  }

  #prepare(
    definition: LoadedDefinition,
    resolved: ResolvedSchedule,
    submission: OwnSubmission,
    trace: string | null,
  ): Enqueued | Promise<Enqueued> {
    const matter = this.#matter(definition, submission.input, submission.extra?.maxBytes);
    const queue = this.#runtime.queues.numberOf(resolved.queue);
    if (queue !== undefined && !(matter instanceof Promise))
      return this.#enqueued(definition, resolved, submission, trace, matter, queue);
    const later = async (): Promise<Enqueued> => {
      const known = await matter;
      const number = queue ?? (await this.#runtime.queues.register(resolved.queue));
      return this.#enqueued(definition, resolved, submission, trace, known, number);
    };
    return later();
  }

  #enqueued(
    definition: LoadedDefinition,
    { idempotencyKey, queue: queueName, priority, labels, when }: ResolvedSchedule,
    { extra }: OwnSubmission,
    trace: string | null,
    { input, limits }: Matter,
    queue: number,
  ): Enqueued {
    const { def, name, version, initialState } = definition;
    const actor: NewActor = {
      id: this.#runtime.env.uuid(),
      def,
      queue,
      name,
      version,
      priority,
      labels: extra?.labels ? [...extra.labels, ...labels] : labels,
      state: initialState,
      input,
      when,
      parent: null,
      role: trace === null ? null : encodeTrace(trace),
      key: idempotencyKey === null ? null : this.#claimOf(idempotencyKey, name, extra?.fingerprint ?? input),
      limits,
      start: false,
    };
    return { definition, actor, queueName };
  }

  #claimOf(key: string, name: string, content: string | null): KeyClaim {
    const digest = keyDigest(this.#runtime.options.namespace, key);
    return { key, digest, fingerprint: fingerprintOf(name, content), retentionMs: KEY_RETENTION_MS };
  }

  #matter(
    definition: LoadedDefinition,
    input: unknown,
    maxBytes = this.#runtime.options.maxPayloadBytes,
  ): Matter | Promise<Matter> {
    const parsing = parseInput(definition, input);
    return parsing instanceof Promise
      ? parsing.then((parsed) => matterOf(definition, parsed, maxBytes))
      : matterOf(definition, parsing, maxBytes);
  }
}

function matterOf(definition: LoadedDefinition, parsed: unknown, maxBytes: number): Matter {
  return {
    input: parsed === undefined ? null : encode(parsed, { path: 'input', maxBytes }),
    limits: definition.limitKeys(parsed),
  };
}

/** The error, naming the item it is about. */
function at(index: number, error: unknown): unknown {
  if (error instanceof CarillonError) error.message = `items[${index}]: ${error.message}`;
  return error;
}
