import type { Logger } from 'pino';
import type { Failure } from '../machines/job-policy.ts';
import { classify } from '../src/classify.ts';
import type { RunContext } from '../src/run-context.ts';

/** One attempt of one run: the handler, and what its context is made of. */
export interface Attempt extends Omit<RunContext<unknown>, 'nominalAt' | 'log' | 'signal' | 'outputs'> {
  readonly run: (context: RunContext<never>) => unknown;
  /** Milliseconds since 1970. */
  readonly nominalAt: number;
  /** Asked for on first use: an AbortController costs as much as a step of the machine, and most handlers never look. */
  readonly signal: () => AbortSignal;
  readonly logger: Logger;
  /** Asks for what the run comes after; null where there is nothing. A failure to read it is the attempt's. */
  readonly outputs: (() => Promise<RunContext<unknown>['outputs']>) | null;
}

/** How an attempt ended. */
export type AttemptResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly failure: Failure };

/** Calls the handler of a job once. Resolves however that ends: a throw, at once or later, becomes a classified failure. */
export async function runHandler(attempt: Attempt): Promise<AttemptResult> {
  let log: Logger | undefined;
  let outputs: RunContext<unknown>['outputs'] = {};
  const context: RunContext<unknown> = {
    id: attempt.id,
    name: attempt.name,
    input: attempt.input,
    attempt: attempt.attempt,
    attemptId: attempt.attemptId,
    idempotencyKey: attempt.idempotencyKey,
    progress: attempt.progress,
    schedule: attempt.schedule,
    nominalAt: new Date(attempt.nominalAt),
    get outputs() {
      return outputs;
    },
    get signal() {
      return attempt.signal();
    },
    get log() {
      log ??= attempt.logger.child({ actor: attempt.id, name: attempt.name, attempt: attempt.attempt });
      return log;
    },
  };
  try {
    if (attempt.outputs) outputs = await attempt.outputs();
    return { ok: true, output: await attempt.run(context as RunContext<never>) };
  } catch (error) {
    return { ok: false, failure: classify(error) };
  }
}
