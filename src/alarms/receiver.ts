/**
 * Takes the alarms of one queue that ring and passes them on as wake-ups. BullMQ's own loop repeats some errors without a pause
 * and couples completing a job with claiming the next, which deadlocks on Postgres: this one takes, completes, rings.
 */
import type { Env } from '../env.ts';
import type { AlarmBackend, BullWorker } from './backend.ts';
import type { AlarmHealth } from './health.ts';

const RETRY_MS = 1_000;

interface ReceiverOptions {
  readonly backend: AlarmBackend;
  /** Of the BullMQ queue. */
  readonly name: string;
  readonly env: Env;
  readonly health: AlarmHealth;
  readonly closing: AbortSignal;
  onRing(jobId: string | undefined): void;
}

export class AlarmReceiver {
  readonly #options: ReceiverOptions;
  #worker: BullWorker | undefined;
  /** Errors that BullMQ reports by event only, while a call goes on or returns as if nothing had happened. */
  #silent: Error | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** Until closing. */
  async run(): Promise<void> {
    const { name, env, health, closing } = this.#options;
    const part = `receiving ${name}`;
    const token = env.uuid();
    let failures = 0;
    while (!closing.aborted) {
      this.#silent = undefined;
      try {
        await this.#receive(token);
        if (this.#silent !== undefined) throw this.#silent;
        failures = 0;
        health.succeeded(part);
      } catch (error) {
        if (closing.aborted) return;
        failures += 1;
        // A deadlock or a reconnect is over at the next try; two in a row are worth a word.
        if (failures > 1) health.failed(part, error);
        await env.sleep(RETRY_MS, closing).catch(() => undefined);
      }
    }
  }

  async close(): Promise<void> {
    await this.#worker?.close(true);
  }

  async #receive(token: string): Promise<void> {
    const worker = this.#worker ?? (await this.#open());
    const job = await worker.getNextJob(token);
    if (job === undefined) return;
    // Rung when the job is gone: an `add` that BullMQ ignored because the job existed came before this.
    await job.moveToCompleted('', token, false).finally(() => {
      if (!this.#options.closing.aborted) this.#options.onRing(job.id);
    });
  }

  async #open(): Promise<BullWorker> {
    const { backend, name, closing } = this.#options;
    await backend.connect(closing);
    closing.throwIfAborted();
    const worker = backend.openWorker(name);
    this.#worker = worker;
    worker.on('error', (error) => {
      this.#silent = error;
    });
    // Puts back what a worker that died had taken, so that nothing stays behind for ever.
    await worker.startStalledCheckTimer();
    return worker;
  }
}
