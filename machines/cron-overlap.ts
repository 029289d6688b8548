/**
 * Whether an occurrence runs, waits or is left out, by what of its cron is going on already. Each that is started is counted once
 * and leaves its order, and none goes beyond the limit.
 */

import { type CronContext, isExhausted } from './cron-context.ts';

/** So many occurrences are counted, caught up with, kept waiting or left running at once. */
export const MAX_AT_ONCE = 1000;

/** Takes occurrences that come to light together: each runs, waits or is left out. */
export class Taking {
  result: CronContext;
  /** One of them runs or waits. */
  #took = false;

  constructor(context: CronContext) {
    this.result = context;
  }

  take(nominalAt: number, delayMs: number, isMissed: boolean): void {
    const { spec, running, queued, orders } = this.result;
    if (isExhausted(this.result)) return;
    if (spec.overlap === 'cancelOther') {
      const cancels = running.map((other) => ({ type: 'run.cancel', nominalAt: other }) as const);
      this.result = { ...this.result, orders: [...orders, ...cancels] };
    }
    const alone = running.length === 0 && queued.length === 0;
    const beside = (spec.overlap === 'allow' || spec.overlap === 'cancelOther') && running.length < MAX_AT_ONCE;
    if (alone || beside) this.result = started(this.result, nominalAt, delayMs);
    else if (this.#mayWait(isMissed)) this.result = { ...this.result, queued: [...queued, nominalAt] };
    else {
      this.result = { ...this.result, skipped: this.result.skipped + 1 };
      return;
    }
    this.#took = true;
  }

  /** Also under `skip`: those that come to light together do not shut each other out, nor does what runs shut out all that was missed. */
  #mayWait(isMissed: boolean): boolean {
    const { spec, queued } = this.result;
    if (queued.length >= MAX_AT_ONCE) return false;
    if (spec.overlap === 'queue') return true;
    if (spec.overlap !== 'skip') return false;
    return this.#took || (isMissed && spec.missed === 'all');
  }
}

export function mayStartQueued({ spec, running, queued }: CronContext): boolean {
  if (queued.length === 0) return false;
  return running.length === 0 || (spec.overlap === 'allow' && running.length < MAX_AT_ONCE);
}

export function startQueued(context: CronContext): CronContext {
  const [nominalAt, ...queued] = context.queued;
  return nominalAt === undefined ? context : started({ ...context, queued }, nominalAt, 0);
}

function started(context: CronContext, nominalAt: number, delayMs: number): CronContext {
  const { running, fires, orders } = context;
  return {
    ...context,
    running: [...running, nominalAt],
    fires: fires + 1,
    orders: [...orders, { type: 'run.start', nominalAt, delayMs }],
  };
}
