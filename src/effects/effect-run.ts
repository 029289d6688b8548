import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { type AbortReason, type EffectHost, type RunningEffect, startEffect } from '../effects.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { isTraced, type RunSpan, startRunSpan } from '../telemetry/tracing.ts';
import type { Held } from '../worker/held.ts';
import type { EffectResult } from './effect-result.ts';
import type { RunHost } from './runs.ts';

/**
 * One effect under way: where its result goes, and what is counted, traced and watched of it. Its methods are asked for by
 * whoever runs the effect; there is one of these for every attempt, so it makes nothing before somebody asks.
 */
export class EffectRun implements EffectHost, RunningEffect {
  readonly name: string;
  readonly outputs: EffectHost['outputs'];
  readonly #held: Held;
  readonly #effect: StoredEffect;
  readonly #queue: string;
  readonly #runtime: Runtime;
  readonly #host: RunHost;
  readonly #startedMs: number;
  readonly #span: RunSpan | null;
  readonly #watched: (() => void) | undefined;
  #running: RunningEffect | null = null;
  #over = false;

  constructor(
    held: Held,
    effect: StoredEffect,
    queue: string,
    {
      runtime,
      host,
      outputs,
    }: { readonly runtime: Runtime; readonly host: RunHost; readonly outputs: EffectHost['outputs'] },
  ) {
    const { definition, trace } = held.holding.life;
    this.#held = held;
    this.#effect = effect;
    this.#queue = queue;
    this.#runtime = runtime;
    this.#host = host;
    this.name = definition.name;
    this.outputs = outputs;
    const { id } = held;
    this.#span = isTraced(trace)
      ? startRunSpan({ id, name: this.name, queue, src: effect.src, attempt: attemptOf(effect), traceparent: trace })
      : null;
    runtime.metrics.effectStarted(this.name, queue);
    this.#startedMs = runtime.env.monotonicMs();
    this.#watched = runtime.effects?.started();
  }

  start(): this {
    this.#running = this.#span
      ? this.#span.within(() => startEffect(this, this.#effect))
      : startEffect(this, this.#effect);
    return this;
  }

  // ── what the worker asks ──────────────────────────────────────────────────

  get ref(): string {
    return this.#effect.ref;
  }

  abort(reason: AbortReason): void {
    this.#end('aborted');
    this.#running?.abort(reason);
  }

  relay(event: Parameters<RunningEffect['relay']>[0]): void {
    this.#running?.relay(event);
  }

  // ── what the effect asks ──────────────────────────────────────────────────

  get id(): string {
    return this.#held.id;
  }

  get definition(): LoadedDefinition {
    return this.#held.holding.life.definition;
  }

  get input(): unknown {
    return this.#held.holding.life.input;
  }

  get nominalAt(): number {
    return this.#held.nominalAt;
  }

  get maxPayload(): number {
    return this.#runtime.options.maxPayloadBytes;
  }

  get logger(): EffectHost['logger'] {
    return this.#runtime.logger;
  }

  finished(ref: string, result: EffectResult): void {
    if (result.ok) this.#end('ok');
    else this.#end('failed', errorOf(result.error));
    this.#held.finished(ref, result);
  }

  heard(event: Parameters<EffectHost['heard']>[0], to: string): void {
    this.#held.heard(event, to);
  }

  async progress(value: string): Promise<void> {
    const { worker, id, fence } = this.#held;
    await this.#runtime.store.progress(worker, id, fence, value);
  }

  get schedule(): EffectHost['schedule'] {
    return this.#host.scheduleFor(this.#effect.id);
  }

  #end(outcome: 'ok' | 'failed' | 'aborted', error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const { metrics, env } = this.#runtime;
    metrics.effectEnded(this.name, this.#queue, outcome, env.monotonicMs() - this.#startedMs);
    this.#span?.end(outcome, error);
    this.#watched?.();
  }
}

/** A job counts its own attempts; of anything else the engine counts how often it was started. */
function attemptOf({ input, attempt }: StoredEffect): number {
  const { attempt: own } = (input ?? {}) as { readonly attempt?: unknown };
  return typeof own === 'number' ? own : attempt;
}

/** A job's failure is classified already, and has the error inside. */
function errorOf(failure: unknown): unknown {
  const { error } = (failure ?? {}) as { readonly error?: unknown };
  return error ?? failure;
}
