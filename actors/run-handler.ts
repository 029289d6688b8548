import type { Logger } from 'pino';
import type { Failure } from '../machines/job-policy.ts';
import { classify } from '../src/classify.ts';
import type { RunContext } from '../src/run-context.ts';

type Outputs = RunContext<unknown>['outputs'];

/** One attempt of one run: the handler, and what its context is made of. */
export interface Attempt extends Omit<RunContext<unknown>, 'nominalAt' | 'log' | 'signal' | 'outputs'> {
  readonly run: (context: RunContext<never>) => unknown;
  /** Milliseconds since 1970. */
  readonly nominalAt: number;
  /** Asked for on first use: an AbortController costs as much as a step of the machine, and most handlers never look. */
  readonly signal: () => AbortSignal;
  readonly logger: Logger;
  /** Asks for what the run comes after; null where there is nothing. A failure to read it is the attempt's. */
  readonly outputs: (() => Promise<Outputs>) | null;
}

/** How an attempt ended. */
export type AttemptResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly failure: Failure };

/**
 * Calls the handler of a job once, and gives how that ended: a throw, at once or later, is a classified failure. At once where
 * the handler is through when it returns.
 */
export function runHandler(attempt: Attempt): AttemptResult | Promise<AttemptResult> {
  if (!attempt.outputs) return call(attempt, NO_OUTPUTS);
  return attempt.outputs().then((outputs) => call(attempt, outputs), failed);
}

function call(attempt: Attempt, outputs: Outputs): AttemptResult | Promise<AttemptResult> {
  try {
    const { run } = attempt;
    const returned = run(new HandlerContext(attempt, outputs) as RunContext<unknown> as RunContext<never>);
    return isThenable(returned) ? Promise.resolve(returned).then(ended, failed) : ended(returned);
  } catch (error) {
    return failed(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return typeof (value as { readonly then?: unknown }).then === 'function';
}

function ended(output: unknown): AttemptResult {
  return { ok: true, output };
}

function failed(error: unknown): AttemptResult {
  return { ok: false, failure: classify(error) };
}

const NO_OUTPUTS: Outputs = {};

class HandlerContext implements RunContext<unknown> {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly attempt: number;
  readonly attemptId: string;
  readonly idempotencyKey: string;
  readonly nominalAt: Date;
  readonly outputs: Outputs;
  readonly progress: RunContext<unknown>['progress'];
  readonly schedule: RunContext<unknown>['schedule'];
  declare readonly signal: AbortSignal;
  declare readonly log: Logger;
  readonly #attempt: Attempt;
  #log: Logger | undefined;

  static readonly #SIGNAL = {
    enumerable: true,
    get(this: HandlerContext): AbortSignal {
      return this.#attempt.signal();
    },
  };

  static readonly #LOG = {
    enumerable: true,
    get(this: HandlerContext): Logger {
      const { logger, id, name, attempt } = this.#attempt;
      this.#log ??= logger.child({ actor: id, name, attempt });
      return this.#log;
    },
  };

  constructor(attempt: Attempt, outputs: Outputs) {
    this.id = attempt.id;
    this.name = attempt.name;
    this.input = attempt.input;
    this.attempt = attempt.attempt;
    this.attemptId = attempt.attemptId;
    this.idempotencyKey = attempt.idempotencyKey;
    this.nominalAt = new Date(attempt.nominalAt);
    this.outputs = outputs;
    this.progress = attempt.progress;
    this.schedule = attempt.schedule;
    this.#attempt = attempt;
    // Its own, so that a handler may copy its context, and with getters that all share: a literal with getters takes four times as long.
    Object.defineProperty(this, 'signal', HandlerContext.#SIGNAL);
    Object.defineProperty(this, 'log', HandlerContext.#LOG);
  }
}
