/** From a `schedule` call to a stored actor: options and input checked and encoded here, before anything is written. */
import { createHash } from 'node:crypto';
import { decode, encode } from './codec.ts';
import { type AnyDefinition, type DefinitionInternals, parseInput } from './definitions.ts';
import type { Enqueued } from './enqueue.ts';
import { CarillonError, IdempotencyConflictError, InvalidInputError } from './errors.ts';
import type { LoadedDefinition } from './loaded-definition.ts';
import { type ResolvedSchedule, resolveScheduleOptions, type ScheduleOptions } from './options.ts';
import { type RunRecord, reviveRecord, type StoredRecord } from './run-record.ts';
import type { Runtime } from './runtime.ts';
import type { KeyClaim, Scheduled } from './store/contract.ts';

/** How long the record of a settled run answers for its idempotency key. */
const KEY_RETENTION_MS = 30 * 86_400_000;

export interface Submitted {
  readonly id: string;
  readonly outcome: 'scheduled' | 'replaced' | 'skipped_in_flight' | 'skipped_idempotent';
  readonly record?: RunRecord;
  /** Whose place it took. */
  readonly replaced?: string;
}

export interface Submission {
  readonly input: unknown;
  readonly options?: ScheduleOptions | undefined;
  /** What was checked before by rules of its own, instead of `options`. */
  readonly resolved?: ResolvedSchedule;
  /** Label of those it takes the place of. */
  readonly replaces?: string | null;
}

export interface Template {
  readonly definition: LoadedDefinition;
  readonly input: string | null;
}

export class Scheduling {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async one(definition: AnyDefinition | string, submission: Submission): Promise<Submitted> {
    this.#runtime.assertOpen();
    return this.#submit(this.#internals(definition), submission);
  }

  /** One of a definition of our own, whose input was checked before. */
  async own(internals: DefinitionInternals, submission: Submission): Promise<Submitted> {
    this.#runtime.assertOpen();
    return this.#submit(internals, submission);
  }

  /** What others are to make an actor with later: the definition it lives by, and its input as it is stored. */
  async template(definition: AnyDefinition | string, input: unknown): Promise<Template> {
    const internals = this.#internals(definition);
    return { definition: this.#loaded(internals), input: await this.#encoded(internals, input) };
  }

  /** All of them, or none: whatever is wrong is found before the first is written, and they are written together. */
  async many(definition: AnyDefinition, submissions: readonly Submission[]): Promise<readonly Submitted[]> {
    this.#runtime.assertOpen();
    const internals = this.#internals(definition);
    const prepared: Enqueued[] = [];
    for (const [index, submission] of submissions.entries()) {
      try {
        const { enqueued, client } = await this.#prepare(internals, submission);
        if (client) throw new InvalidInputError('options.client', 'is for single schedule() calls.');
        prepared.push(enqueued);
      } catch (error) {
        throw at(index, error);
      }
    }
    const scheduled = await this.#runtime.enqueue.addAll(prepared);
    // One conflict is enough that none was written.
    return scheduled.map((each, index) => {
      try {
        return told(each, submissions[index] as Submission);
      } catch (error) {
        throw at(index, error);
      }
    });
  }

  async #submit(internals: DefinitionInternals, submission: Submission): Promise<Submitted> {
    const { enqueued, client } = await this.#prepare(internals, submission);
    const { enqueue } = this.#runtime;
    if (submission.replaces) return this.#replace(enqueued, submission.replaces, submission);
    const [scheduled] = client ? await enqueue.addWithin(client, [enqueued]) : [await enqueue.add(enqueued)];
    return told(scheduled as Scheduled, submission);
  }

  async #replace(enqueued: Enqueued, label: string, submission: Submission): Promise<Submitted> {
    const { item, replaced } = await this.#runtime.enqueue.replace({ ...enqueued, label });
    const submitted = told(item, submission);
    const [newest] = replaced;
    return newest === undefined ? submitted : { ...submitted, outcome: 'replaced', replaced: newest };
  }

  #internals(definition: AnyDefinition | string): DefinitionInternals {
    const { registry } = this.#runtime;
    return typeof definition === 'string' ? registry.newest(definition) : registry.of(definition);
  }

  async #prepare(
    internals: DefinitionInternals,
    submission: Submission,
  ): Promise<{ enqueued: Enqueued; client: unknown }> {
    const { env, options: settings } = this.#runtime;
    const { name, version } = internals;
    const resolved = submission.resolved ?? resolveScheduleOptions(submission.options ?? {}, internals);
    // Only a schema that answers later is waited for: calls that come together are to stay together.
    const encoding = this.#encoded(internals, submission.input);
    const encoded = encoding instanceof Promise ? await encoding : encoding;
    const { queue: queueName, priority, labels, when, client } = resolved;
    const def = this.#loaded(internals);
    const queue = this.#runtime.queueNumber(queueName) ?? (await this.#runtime.queue(queueName));
    const key =
      resolved.idempotencyKey === null ? null : claimOf(resolved.idempotencyKey, settings.namespace, name, encoded);
    const common = { name, version, priority, labels, when, key, parent: null, role: null, start: false };
    const actor = { ...common, id: env.uuid(), def: def.def, queue, state: internals.initialState, input: encoded };
    return { enqueued: { definition: def, actor, queueName }, client };
  }

  #encoded(internals: DefinitionInternals, input: unknown): string | null | Promise<string | null> {
    const maxBytes = this.#runtime.options.maxPayloadBytes;
    const text = (parsed: unknown): string | null =>
      parsed === undefined ? null : encode(parsed, { path: 'input', maxBytes });
    const parsing = parseInput(internals, input);
    return parsing instanceof Promise ? parsing.then(text) : text(parsing);
  }

  #loaded({ name, version }: DefinitionInternals): LoadedDefinition {
    const definition = this.#runtime.loaded(name, version);
    if (!definition) throw new Error(`Definition ${name} version ${version} is not loaded.`);
    return definition;
  }
}

/** The error, naming the item it is about. */
function at(index: number, error: unknown): unknown {
  if (error instanceof CarillonError) error.message = `items[${index}]: ${error.message}`;
  return error;
}

function claimOf(key: string, namespace: string, name: string, input: string | null): KeyClaim {
  return { key, digest: digest(namespace, key), fingerprint: digest(name, input ?? ''), retentionMs: KEY_RETENTION_MS };
}

/** The length in front keeps ('ab', 'c') apart from ('a', 'bc'). */
function digest(first: string, second: string): Buffer {
  return createHash('sha256').update(`${first.length}:${first}${second}`).digest();
}

function told(scheduled: Scheduled, { options, resolved }: Submission): Submitted {
  const { id, outcome } = scheduled;
  if (outcome === 'conflict') throw new IdempotencyConflictError((resolved ?? options)?.idempotencyKey ?? '', id);
  if (outcome === 'refused') throw new InvalidInputError('input', `the store refuses it: ${scheduled.error.message}`);
  if (outcome !== 'skipped_idempotent' || scheduled.record === null) return { id, outcome };
  return { id, outcome, record: reviveRecord(decode(scheduled.record) as StoredRecord) };
}
