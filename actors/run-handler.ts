import type { Logger } from 'pino';
import type { Failure } from '../machines/job-policy.ts';
import { classify } from '../src/classify.ts';
import type { RunContext } from '../src/run-context.ts';

/** One attempt of one run: the handler, and what its context is made of. */
export interface Attempt extends Omit<RunContext<unknown>, 'nominalAt' | 'log'> {
  readonly run: (context: RunContext<never>) => unknown;
  /** Milliseconds since 1970. */
  readonly nominalAt: number;
  readonly logger: Logger;
}

/** How an attempt ended. */
export type AttemptResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly failure: Failure };

/** Calls the handler of a job once. Resolves however that ends: a throw, at once or later, becomes a classified failure. */
export async function runHandler({ run, nominalAt, logger, ...rest }: Attempt): Promise<AttemptResult> {
  let log: Logger | undefined;
  const context: RunContext<unknown> = {
    ...rest,
    nominalAt: new Date(nominalAt),
    // Most handlers log nothing, and a child logger costs as much as a step of the machine.
    get log() {
      log ??= logger.child({ actor: rest.id, name: rest.name, attempt: rest.attempt });
      return log;
    },
  };
  try {
    return { ok: true, output: await run(context as RunContext<never>) };
  } catch (error) {
    return { ok: false, failure: classify(error) };
  }
}
