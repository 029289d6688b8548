/** Whether BullMQ's store can be used, from what each part of the alarms last met. An outage is logged once, and its end. */
import type { Logger } from 'pino';

export class AlarmHealth {
  readonly #logger: Logger;
  readonly #failing = new Set<string>();
  #up = false;
  #told = false;
  #lastError: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** False until something succeeded, and while any part fails. */
  get up(): boolean {
    return this.#up;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  isFailing(part: string): boolean {
    return this.#failing.has(part);
  }

  succeeded(part: string): void {
    this.#failing.delete(part);
    if (this.#up || this.#failing.size > 0) return;
    this.#up = true;
    this.#lastError = undefined;
    if (this.#told) this.#logger.info('alarms are back');
    this.#told = false;
  }

  failed(part: string, error: unknown): void {
    this.#failing.add(part);
    this.#up = false;
    this.#lastError = error instanceof Error ? error.message : String(error);
    if (this.#told) return;
    this.#told = true;
    this.#logger.warn({ err: error }, 'alarms are down: until they are back, only the sweep finds what is due');
  }
}
