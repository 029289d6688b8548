/**
 * What nothing else does: finds what alarms missed, frees what dead workers hold, tops up alarms, keeps the store's day
 * partitions ahead. Every duty is on its own: one that fails is counted and tried again, and never stops another.
 */
import type { Logger } from 'pino';
import type { Env, LocalTimer } from './env.ts';

export interface DutyReport {
  readonly name: string;
  readonly everyMs: number;
  /** Rows it acted on, in all its passes. */
  readonly processed: number;
  readonly errors: number;
  /** Monotonic milliseconds since its last complete pass; null: it has never completed one. */
  readonly lastPassAgeMs: number | null;
}

export interface Duty {
  readonly name: string;
  /** Passes begin this far apart; a slow pass delays the next one, two never overlap. */
  readonly everyMs: number;
  /** May take long: the other duties do not wait for it. */
  readonly aside: boolean;
  /** `signal`: the sweep stops. */
  run(signal: AbortSignal): Promise<{ readonly processed: number; readonly errors: number }>;
}

interface Ledger {
  readonly duty: Duty;
  processed: number;
  errors: number;
  dueMs: number;
  lastPassMs: number | null;
  failing: boolean;
  /** A pass that was put aside and is still under way. */
  pass: Promise<void> | null;
}

export class Sweep {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #intervalMs: number;
  readonly #ledgers: Ledger[];
  #timer: LocalTimer | null = null;
  #pass: Promise<void> = Promise.resolve();
  #state: 'new' | 'sweeping' | 'stopped' = 'new';
  readonly #stopping = new AbortController();

  constructor(options: { env: Env; logger: Logger; intervalMs: number; duties: readonly Duty[] }) {
    this.#env = options.env;
    this.#logger = options.logger;
    this.#intervalMs = options.intervalMs;
    this.#ledgers = options.duties.map((duty) => ({
      duty,
      processed: 0,
      errors: 0,
      dueMs: 0,
      lastPassMs: null,
      failing: false,
      pass: null,
    }));
  }

  /** Safe to call twice. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'sweeping';
    this.#next(0);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#timer?.clear();
    this.#stopping.abort();
    await this.#pass;
    for (const { pass } of this.#ledgers) await pass;
  }

  report(): readonly DutyReport[] {
    const nowMs = this.#env.monotonicMs();
    return this.#ledgers.map(({ duty, processed, errors, lastPassMs }) => ({
      name: duty.name,
      everyMs: duty.everyMs,
      processed,
      errors,
      lastPassAgeMs: lastPassMs === null ? null : nowMs - lastPassMs,
    }));
  }

  /** Passes of many processes must not fall into step with each other. */
  #next(baseMs: number): void {
    const spreadMs = this.#intervalMs * 0.2 * (this.#env.random() - 0.5);
    this.#timer = this.#env.setTimer(Math.max(0, baseMs + spreadMs), () => {
      this.#pass = this.#sweep().finally(() => {
        if (this.#state === 'sweeping') this.#next(this.#intervalMs);
      });
    });
  }

  async #sweep(): Promise<void> {
    for (const ledger of this.#ledgers) {
      if (this.#state !== 'sweeping') return;
      if (ledger.pass || ledger.dueMs > this.#env.monotonicMs()) continue;
      const pass = this.#perform(ledger);
      if (!ledger.duty.aside) await pass;
      else {
        ledger.pass = pass.finally(() => {
          ledger.pass = null;
        });
      }
    }
  }

  async #perform(ledger: Ledger): Promise<void> {
    const { duty } = ledger;
    ledger.dueMs = this.#env.monotonicMs() + duty.everyMs - this.#intervalMs / 2;
    try {
      const { processed, errors } = await duty.run(this.#stopping.signal);
      ledger.processed += processed;
      ledger.errors += errors;
      ledger.lastPassMs = this.#env.monotonicMs();
      if (ledger.failing) this.#logger.info({ duty: duty.name }, 'sweep duty works again');
      ledger.failing = false;
    } catch (error) {
      ledger.errors += 1;
      if (!ledger.failing) this.#logger.warn({ duty: duty.name, err: error }, 'sweep duty failed; it is tried again');
      ledger.failing = true;
    }
  }
}

/** A duty that only acts and has nothing to count. */
export function duty(
  name: string,
  everyMs: number,
  run: (signal: AbortSignal) => Promise<number | { processed: number; errors: number } | void>,
  aside = false,
): Duty {
  return {
    name,
    everyMs,
    aside,
    async run(signal) {
      const done = await run(signal);
      return typeof done === 'object' ? done : { processed: done ?? 0, errors: 0 };
    },
  };
}
