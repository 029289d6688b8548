/**
 * The rooms behind a scheduler's door. One is entered only while the scheduler is open: a stopped one says so, instead of what its
 * closed connections would say.
 */
import { Crons } from '../crons/crons.ts';
import { type Grip, type Handle, handleOf } from '../definitions/handle.ts';
import type { AnyDefinition } from '../definitions/typed-name.ts';
import { Followups } from '../followups/followups.ts';
import { Forking } from '../operations/forking.ts';
import { Operating } from '../operations/operating.ts';
import { Reading } from '../reading/reading.ts';
import type { MetricsPage } from '../telemetry/metrics-page.ts';
import { resolveWaitOptions } from './call-options.ts';
import type { Runtime } from './runtime.ts';
import { Scheduling } from './scheduling.ts';
import { Sending } from './sending.ts';
import type { Submitted } from './submission.ts';

export class Rooms {
  /** Asks by itself whether it may be entered, once for each call. */
  readonly scheduling: Scheduling;
  readonly #runtime: Runtime;
  readonly #sending: Sending;
  readonly #reading: Reading;
  readonly #crons: Crons;
  readonly #operating: Operating;
  readonly #followups: Followups;
  readonly #forking: Forking;
  readonly #grip: Grip;
  #metrics: Promise<MetricsPage> | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.scheduling = new Scheduling(runtime);
    this.#sending = new Sending(runtime);
    this.#reading = new Reading(runtime);
    this.#crons = new Crons(runtime, this.scheduling, this.#sending);
    this.#operating = new Operating(runtime);
    this.#followups = new Followups(runtime, this.scheduling, this.#sending);
    this.#forking = new Forking(runtime);
    this.#grip = {
      result: async (id, options = {}) => this.reading.result(id, resolveWaitOptions(options).timeoutMs),
      send: async (id, event) => this.sending.event(id, event),
      cancel: async (id, reason) => this.sending.cancel(id, reason),
    };
  }

  get sending(): Sending {
    this.#runtime.assertOpen();
    return this.#sending;
  }

  get reading(): Reading {
    this.#runtime.assertOpen();
    return this.#reading;
  }

  get crons(): Crons {
    this.#runtime.assertOpen();
    return this.#crons;
  }

  get operating(): Operating {
    this.#runtime.assertOpen();
    return this.#operating;
  }

  get followups(): Followups {
    this.#runtime.assertOpen();
    return this.#followups;
  }

  get forking(): Forking {
    this.#runtime.assertOpen();
    return this.#forking;
  }

  /** Loaded with the first question for it. */
  async metrics(): Promise<MetricsPage> {
    this.#runtime.assertOpen();
    this.#metrics ??= import('../telemetry/metrics-page.ts').then(({ MetricsPage }) => new MetricsPage(this.#runtime));
    return this.#metrics;
  }

  /** What a caller holds of an actor: what it asks of that is asked here. */
  handle<D extends AnyDefinition>(
    submitted: Pick<Handle, 'id' | 'outcome'> & Pick<Submitted, 'record' | 'replaced'>,
  ): Handle<D> {
    return handleOf<D>(this.#grip, submitted);
  }

  /** What was sent before is written, whether the door is open or not. */
  async settled(): Promise<void> {
    await this.#sending.settled();
  }
}
