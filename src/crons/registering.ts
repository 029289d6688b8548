/**
 * How a cron comes to be, or is changed: an insert that claims its id, and where that is taken, a letter to the one that is there.
 * Any number of processes may declare the same set at once.
 */
import { createHash } from 'node:crypto';
import { sameSpec } from '../../machines/cron-context.ts';
import { encode } from '../codec.ts';
import type { Handle } from '../definitions/handle.ts';
import { ActorSettledError, CarillonError, InvalidInputError, InvalidOptionError } from '../errors.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { Scheduling } from '../scheduler/scheduling.ts';
import type { Sending } from '../scheduler/sending.ts';
import type { KeyClaim, NewActor, StoredActor } from '../store/contract.ts';
import { CRON_NAME, CRON_VERSION, cronKey, type StoredCron } from './definition.ts';
import { CRON_LABEL, type CronDirectory } from './directory.ts';
import { type CronOptions, checkAhead, resolveCronOptions } from './options.ts';
import type { LiveCron } from './view.ts';

/**
 * What a snapshot may take beside the cron's own words: a thousand runs and a thousand that wait, with room to spare. Of a
 * small 'maxPayload' half, so that short crons are possible under any.
 */
const MAX_CONTEXT_BYTES = 40_000;
/** Letters to a cron are read in milliseconds, or nobody is there to read them. */
const PATIENCE_MS = 3_000;
const LOOK_AGAIN_MS = 10;
const MAX_PAUSE_MS = 200;

type Registered = Pick<Handle, 'id' | 'outcome'>;

export class Registering {
  readonly #runtime: Runtime;
  readonly #scheduling: Scheduling;
  readonly #sending: Sending;
  readonly #directory: CronDirectory;

  constructor(runtime: Runtime, scheduling: Scheduling, sending: Sending, directory: CronDirectory) {
    this.#runtime = runtime;
    this.#scheduling = scheduling;
    this.#sending = sending;
    this.#directory = directory;
  }

  async one(options: CronOptions): Promise<Registered> {
    const spec = await this.#spec(options, false);
    try {
      checkAhead(spec, this.#runtime.clock.now());
    } catch (error) {
      const known = await this.#directory.find(spec.id);
      if (known && sameSpec(known.spec, spec)) return { id: known.stored.id, outcome: 'skipped_in_flight' };
      throw error;
    }
    return this.#register(spec);
  }

  async many(crons: readonly CronOptions[], prune: boolean): Promise<void> {
    const specs = await this.#specs(crons);
    const known = new Map((await this.#directory.all()).map((live) => [live.spec.id, live]));
    const now = this.#runtime.clock.now();
    const open = specs.filter((spec, index) => {
      const live = known.get(spec.id);
      if (!live || !sameSpec(live.spec, spec)) inCron(index, spec.id, () => checkAhead(spec, now));
      return !live || !isSo(live, spec);
    });
    // Together, so that they share statements.
    await Promise.all(open.map((spec) => this.#register(spec)));
    if (!prune) return;
    const wanted = new Set(specs.map(({ id }) => id));
    const gone = [...known.values()].filter(({ spec }) => spec.declared && !wanted.has(spec.id));
    await Promise.all(
      gone.map(({ stored }) => this.#sending.cancel(stored.id, 'no_longer_declared').catch(unlessGone)),
    );
  }

  async #specs(crons: readonly CronOptions[]): Promise<readonly StoredCron[]> {
    const specs: StoredCron[] = [];
    for (const [index, options] of crons.entries()) {
      const spec = await inCron(index, options?.id, () => this.#spec(options, true));
      const twin = specs.findIndex(({ id }) => id === spec.id);
      if (twin >= 0)
        throw new InvalidOptionError(
          `crons[${index}].id`,
          `'${spec.id}' is that of crons[${twin}] already: each needs its own.`,
        );
      specs.push(spec);
    }
    return specs;
  }

  async #spec(options: CronOptions, declared: boolean): Promise<StoredCron> {
    const { job, input, spec } = resolveCronOptions(options);
    if (declared && spec.deleteAfterRun) {
      throw new InvalidOptionError(
        'deleteAfterRun',
        'is not for a declared set: the next start would bring it back, and run it again. Use scheduleCron(), or leave it out.',
      );
    }
    const { definition, input: encoded, limits } = await this.#scheduling.template(job, input);
    const { def, name, version, queueNumber, priority, initialState } = definition;
    const breed = { def, name, version, queueNumber, priority, initialState };
    const whole = { ...spec, declared, target: { breed, input: encoded, limits } };
    const { maxPayloadBytes } = this.#runtime.options;
    const room = maxPayloadBytes - Math.min(MAX_CONTEXT_BYTES, Math.floor(maxPayloadBytes / 2));
    const bytes = Buffer.byteLength(JSON.stringify(whole));
    if (bytes > room) {
      const leaves = `'maxPayload' leaves ${room} for the input of a cron and its other options`;
      throw new InvalidInputError('input', `takes too much: ${bytes} bytes with its cron, and ${leaves}.`);
    }
    return whole;
  }

  async #register(spec: StoredCron): Promise<Registered> {
    for (;;) {
      const registered = (await this.#insert(spec)) ?? (await this.#change(spec));
      if (registered) return registered;
      // The one that was there went meanwhile, and its id is about to be free.
      await this.#runtime.env.sleep(LOOK_AGAIN_MS);
    }
  }

  /** Null: its id is taken. */
  async #insert(spec: StoredCron): Promise<Registered | null> {
    const { env, enqueue, options } = this.#runtime;
    const { definition } = this.#directory;
    const { def, name, version, queueNumber: queue, queue: queueName, priority } = definition;
    const input = encode(spec, { path: 'cron', maxBytes: options.maxPayloadBytes });
    const actor: NewActor = {
      id: env.uuid(),
      def,
      name,
      version,
      queue,
      priority,
      input,
      labels: [CRON_LABEL],
      state: spec.enabled ? '"waiting"' : '"paused"',
      when: { afterMs: 0 },
      parent: null,
      role: null,
      key: claimOf(options.namespace, spec.id),
      limits: null,
      start: false,
    };
    const { outcome, id, ...rest } = await enqueue.add({ definition, actor, queueName });
    if (outcome === 'refused')
      throw new InvalidInputError('input', `the store refuses it: ${(rest as { error: Error }).error.message}`);
    return outcome === 'scheduled' ? { id, outcome } : null;
  }

  /** Null: there is none any more. */
  async #change(spec: StoredCron): Promise<Registered | null> {
    const stored = await this.#settleDown(spec.id);
    if (!stored) return null;
    const { id } = stored;
    const live = this.#directory.read(stored);
    if (live && isSo(live, spec)) return { id, outcome: 'skipped_in_flight' };
    try {
      await this.#sending.control(id, { type: 'cron.update', spec });
    } catch (error) {
      if (error instanceof ActorSettledError) return null;
      throw error;
    }
    // It may be about to end without having seen that letter.
    const mayEnd = !live || stored.mail > 0 || live.spec.deleteAfterRun;
    if (mayEnd && !(await this.#settleDown(spec.id))) return null;
    if (!live) return { id, outcome: 'scheduled' };
    return { id, outcome: sameSpec(live.spec, spec) ? 'skipped_in_flight' : 'updated' };
  }

  /**
   * The row of that cron once all its letters are read, one of which may be its removal. Null: it is gone. Where nobody reads
   * letters it is given as it is: whoever comes will read them in order, and one that follows a removal undoes it.
   */
  async #settleDown(id: string): Promise<StoredActor | null> {
    const { env, store } = this.#runtime;
    const startedMs = env.monotonicMs();
    let stored = await this.#directory.locate(id);
    for (let pauseMs = LOOK_AGAIN_MS; stored && stored.settledAt === null; pauseMs *= 2) {
      const isCalm = stored.mail === 0 && this.#directory.read(stored) !== null;
      if (isCalm || env.monotonicMs() - startedMs > PATIENCE_MS) return stored;
      await env.sleep(Math.min(pauseMs, MAX_PAUSE_MS));
      stored = await store.find(stored.id);
    }
    return null;
  }
}

/** As it is wanted, and no letter is on its way that could change that, or end it. */
function isSo({ spec, stored }: LiveCron, wanted: StoredCron): boolean {
  return stored.mail === 0 && sameSpec(spec, wanted);
}

/** In a key space of its own, that no idempotency key of an application falls into; free again as soon as the cron has ended. */
function claimOf(namespace: string, id: string): KeyClaim {
  const digest = createHash('sha256')
    .update(JSON.stringify([namespace, CRON_NAME, id]))
    .digest();
  // What is asked for may differ from what is there: that is for the cron itself to see.
  const fingerprint = createHash('sha256').update(`${CRON_NAME}@${CRON_VERSION}`).digest();
  return { key: cronKey(id), digest, fingerprint, retentionMs: 0 };
}

/** An error names the cron it is about. */
function inCron<T>(index: number, id: unknown, work: () => T): T {
  const named = (error: unknown): never => {
    if (error instanceof CarillonError) error.message = `crons[${index}] ('${String(id)}'): ${error.message}`;
    throw error;
  };
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(named) as T) : result;
  } catch (error) {
    return named(error);
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ActorSettledError)) throw error;
}
