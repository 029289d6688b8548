/**
 * Runs the invoked actors of committed turns: a job's handler with its run context, any other logic as a real XState actor.
 * Every effect gives one result; one that was aborted gives none that counts, because its incarnation is gone by then.
 */

import type { Logger } from 'pino';
import type { AnyEventObject } from 'xstate';
import { type Attempt, type AttemptResult, runHandler } from '../actors/run-handler.ts';
import { classify } from './classify.ts';
import { encode } from './codec.ts';
import type { LoadedDefinition } from './definitions/loaded-definition.ts';
import type { EffectResult } from './effects/effect-result.ts';
import { runLogic, type StoredEffect } from './interpreter/index.ts';
import type { RunContext } from './run-context.ts';
import type { Instant } from './store/contract.ts';

/** Why a running effect is told to stop: its state was left, its lease was lost, or its worker stops. */
export type AbortReason = 'left' | 'lost' | 'stopping';

export interface RunningEffect {
  /** Of the incarnation that runs. */
  readonly ref: string;
  abort(reason: AbortReason): void;
  /** Passes an event on to a running callback. */
  relay(event: AnyEventObject): void;
}

/** Whose effect it is and where its result goes. */
export interface EffectHost {
  readonly id: string;
  readonly name: string;
  readonly definition: LoadedDefinition;
  readonly input: unknown;
  readonly nominalAt: Instant;
  readonly maxPayload: number;
  readonly logger: Logger;
  finished(ref: string, result: EffectResult): void;
  heard(event: AnyEventObject, to: string): void;
  progress(value: string): Promise<void>;
  /** What the finished children gave that this run comes after. Null: it comes after none. */
  readonly outputs: (() => Promise<RunContext<unknown>['outputs']>) | null;
  /** `schedule` of the scheduler, keyed by this run. */
  readonly schedule: Parameters<typeof runHandler>[0]['schedule'];
}

const ABORTED: Record<AbortReason, string> = {
  left: 'The run was cancelled, timed out or settled.',
  lost: 'The lease was lost: another worker may run this now. Write nothing any more.',
  stopping: 'The worker stops; another one starts this attempt again.',
};

/** An abort signal that exists only once somebody looks at it, aborted already if that comes later. */
class LazyAbort {
  #controller: AbortController | null = null;
  #reason: AbortReason | null = null;

  signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(abortError(this.#reason));
    }
    return this.#controller.signal;
  }

  abort(reason: AbortReason): void {
    this.#reason ??= reason;
    this.#controller?.abort(abortError(reason));
  }
}

/** The signal's reason, for handlers that look at it. */
function abortError(reason: AbortReason): Error {
  return Object.assign(new Error(ABORTED[reason]), { name: 'AbortError', code: `ABORTED_${reason.toUpperCase()}` });
}

export function startEffect(host: EffectHost, effect: StoredEffect): RunningEffect {
  const { definition } = host;
  const { run } = definition;
  if (run && definition.claimed?.effect === effect.src) {
    const job = new JobRun(host, effect, run);
    job.start();
    return job;
  }
  const abort = new LazyAbort();
  const logic = runLogic(definition.prepared, effect, {
    actorId: host.id,
    signal: abort.signal(),
    send: (event, to) => host.heard(event, to),
    done: (output) => host.finished(effect.ref, storable(output, host.maxPayload)),
    failed: (error) => host.finished(effect.ref, { ok: false, error: storableError(error) }),
  });
  return {
    ref: effect.ref,
    abort(reason) {
      abort.abort(reason);
      logic.stop();
    },
    relay: (event) => logic.relay(event),
  };
}

/** The handler of a job under way, and what its context is made of. One object, because there is one for every attempt. */
class JobRun extends LazyAbort implements RunningEffect, Attempt {
  readonly attempt: number;
  readonly #host: EffectHost;
  readonly #effect: StoredEffect;
  readonly #run: Attempt['run'];

  constructor(host: EffectHost, effect: StoredEffect, run: Attempt['run']) {
    super();
    this.#host = host;
    this.#effect = effect;
    this.#run = run;
    this.attempt = (effect.input as { attempt: number }).attempt;
  }

  start(): void {
    const result = runHandler(this);
    if (result instanceof Promise) void result.then((ended) => this.#ended(ended));
    else this.#ended(result);
  }

  get ref(): string {
    return this.#effect.ref;
  }

  get run(): Attempt['run'] {
    return this.#run;
  }

  get id(): string {
    return this.#host.id;
  }

  get name(): string {
    return this.#host.name;
  }

  get input(): unknown {
    return this.#host.input;
  }

  get idempotencyKey(): string {
    return this.#effect.id;
  }

  get attemptId(): string {
    return `${this.#effect.id}/${this.attempt}`;
  }

  get nominalAt(): Instant {
    return this.#host.nominalAt;
  }

  get outputs(): Attempt['outputs'] {
    return this.#host.outputs;
  }

  get logger(): Logger {
    return this.#host.logger;
  }

  get schedule(): Attempt['schedule'] {
    return this.#host.schedule;
  }

  get progress(): Attempt['progress'] {
    const host = this.#host;
    return (value) => host.progress(encode(value, { path: 'progress', maxBytes: host.maxPayload }));
  }

  relay(): void {}

  #ended(result: AttemptResult): void {
    const host = this.#host;
    const { ref } = this.#effect;
    if (!result.ok) return host.finished(ref, { ok: false, error: result.failure });
    const checked = storable(result.output, host.maxPayload);
    host.finished(ref, checked.ok ? checked : { ok: false, error: classify(checked.error) });
  }
}

/** Anything can be thrown. What cannot be stored as it is becomes an error that says what it was. */
function storableError(thrown: unknown): unknown {
  try {
    encode(thrown, { path: 'error', maxBytes: Number.POSITIVE_INFINITY });
    return thrown;
  } catch {
    const { name, message, code } = classify(thrown).error;
    return Object.assign(new Error(message), { name }, code !== undefined && { code });
  }
}

/** An output that cannot be stored is a failure of the run, found before it reaches the machine. */
function storable(output: unknown, maxBytes: number): EffectResult {
  if (output === undefined || output === null) return { ok: true, output };
  try {
    encode(output, { path: 'output', maxBytes });
    return { ok: true, output };
  } catch (error) {
    return { ok: false, error };
  }
}
