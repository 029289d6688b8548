/** What a scheduler's calls about crons come to. */
import { ON_TIME_MS } from '../../machines/cron-policy.ts';
import { firesBetween } from '../cron-time.ts';
import type { Handle } from '../definitions/handle.ts';
import { InvalidOptionError, InvalidStateError } from '../errors.ts';
import { date, object, oneOf, optional } from '../option-checks.ts';
import type { Enqueued } from '../scheduler/enqueue.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { Scheduling } from '../scheduler/scheduling.ts';
import type { Sending } from '../scheduler/sending.ts';
import type { Instant } from '../store/contract.ts';
import { newborn } from '../turn/birth.ts';
import type { FireRole } from '../turn/kinship.ts';
import { breedFor, cronKey, runId } from './definition.ts';
import { CronDirectory } from './directory.ts';
import { type CronOptions, type CronTimes, cronId } from './options.ts';
import { previewCron } from './preview.ts';
import { Registering } from './registering.ts';
import { type CronView, cronViewOf, type LiveCron } from './view.ts';

const MAX_BACKFILL = 1000;
/** Further it is not counted how much too much was asked for. */
const MAX_COUNTED = 10_000;

const applyChecks = object({ prune: optional(oneOf(true, false), false) });

export class Crons {
  readonly #runtime: Runtime;
  readonly #sending: Sending;
  readonly #directory: CronDirectory;
  readonly #registering: Registering;

  constructor(runtime: Runtime, scheduling: Scheduling, sending: Sending) {
    this.#runtime = runtime;
    this.#sending = sending;
    this.#directory = new CronDirectory(runtime);
    this.#registering = new Registering(runtime, scheduling, sending, this.#directory);
  }

  async schedule(options: CronOptions): Promise<Pick<Handle, 'id' | 'outcome'>> {
    return this.#registering.one(options);
  }

  async apply(crons: readonly CronOptions[], options: unknown = {}): Promise<void> {
    if (!Array.isArray(crons)) throw new InvalidOptionError('crons', 'must be a list of crons.');
    return this.#registering.many(crons, applyChecks(options, '').prune);
  }

  preview(options: CronTimes, count: number, from = new Date(this.#runtime.clock.now())): Date[] {
    return previewCron(options, count, from);
  }

  async get(id: string): Promise<CronView | null> {
    const live = await this.#directory.find(cronId(id, 'id'));
    return live && cronViewOf(live);
  }

  async list(): Promise<CronView[]> {
    return (await this.#directory.all()).map(cronViewOf);
  }

  async remove(id: string): Promise<void> {
    const { stored } = await this.#get(id);
    await this.#sending.cancel(stored.id, 'removed');
  }

  async pause(id: string): Promise<void> {
    const { stored, state } = await this.#get(id);
    if (state === 'retired')
      throw new InvalidStateError(stored.id, `cron '${id}' is retired: there is no fire left that could be held back.`);
    await this.#sending.control(stored.id, { type: 'cron.pause' });
  }

  async resume(id: string): Promise<void> {
    const { stored } = await this.#get(id);
    await this.#sending.control(stored.id, { type: 'cron.resume' });
  }

  async run(id: string): Promise<Pick<Handle, 'id' | 'outcome'>> {
    const live = await this.#get(id);
    const { env, clock } = this.#runtime;
    const [outcome] = await this.#insert([this.#extraRun(live, env.uuid(), clock.now())]);
    return outcome as Pick<Handle, 'id' | 'outcome'>;
  }

  async backfill(id: string, from: Date, to: Date): Promise<number> {
    const live = await this.#get(id);
    const [first, last] = [date(from, 'from').getTime(), date(to, 'to').getTime()];
    const now = await this.#runtime.store.now();
    if (last > now) throw new InvalidOptionError('to', `must not be in the future, got ${to.toISOString()}.`);
    if (first > last) throw new InvalidOptionError('from', `must not be after 'to', ${to.toISOString()}.`);
    const passed = firesBetween(live.spec.times, first - 1, Math.min(last, passedUntil(live, now)), MAX_COUNTED);
    // Those that wait will have their run.
    const open = passed.filter((nominalAt) => !live.context.queued.includes(nominalAt));
    if (open.length > MAX_BACKFILL) {
      const count = `${open.length}${passed.length === MAX_COUNTED ? ' or more' : ''}`;
      throw new InvalidOptionError(
        'to',
        `leaves ${count} fires to run, of at most ${MAX_BACKFILL}. Take smaller pieces.`,
      );
    }
    const runs = open.map((nominalAt) => this.#extraRun(live, runId(live.stored.id, nominalAt), nominalAt));
    const scheduled = await this.#insert(runs);
    return scheduled.filter(({ outcome }) => outcome === 'scheduled').length;
  }

  #get(id: string): Promise<LiveCron> {
    return this.#directory.get(cronId(id, 'id'));
  }

  #extraRun({ stored, spec }: LiveCron, id: string, nominalAt: Instant): Enqueued {
    const { breed: declared, input, limits } = spec.target;
    const newest = this.#directory.definition.newest(declared.name);
    const breed = breedFor(declared, newest);
    const role: FireRole = { nominalAt, extra: true };
    const request = { input, limits, when: { afterMs: 0 }, labels: [cronKey(spec.id)] };
    return {
      definition: breed === newest ? newest : null,
      actor: newborn(breed, { id, parent: stored.id, role }, request),
      queueName: this.#runtime.queues.nameOf(breed.queueNumber),
    };
  }

  async #insert(runs: readonly Enqueued[]): Promise<readonly Pick<Handle, 'id' | 'outcome'>[]> {
    const scheduled = await Promise.all(runs.map((run) => this.#runtime.enqueue.add(run)));
    return scheduled.map((each) => {
      if (each.outcome === 'refused') throw each.error;
      return each as Pick<Handle, 'id' | 'outcome'>;
    });
  }
}

/**
 * Until when the cron will make no run of its own any more. One that waits sees to what comes after its last look; one that does
 * not may have been resumed a moment ago, by a clock that is a little behind.
 */
function passedUntil({ state, context }: LiveCron, now: Instant): Instant {
  return state === 'waiting' ? context.lastNominal : Math.max(context.lastNominal, now - ON_TIME_MS);
}
