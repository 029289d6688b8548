/** What this process's worker does for runs beyond the store: starts their effects, tells listeners, logs every drop. */
import type { AnyEventObject, StateValue } from 'xstate';
import { decode } from './codec.ts';
import type { EffectResult } from './effect-result.ts';
import { type EffectHost, type RunningEffect, startEffect } from './effects.ts';
import type { Gone, Held } from './held.ts';
import type { StoredEffect } from './interpreter/index.ts';
import type { Kin } from './kinship.ts';
import { reviveRecord, type Settlement, type StoredRecord } from './run-record.ts';
import type { Runtime } from './runtime.ts';
import type { TurnWrite } from './store/contract.ts';
import { startRunSpan } from './tracing.ts';
import type { Turn } from './turn.ts';

/** What a run may ask of the scheduler it runs in. */
export interface RunHost {
  /** An event to an actor's mailbox. */
  send(id: string, event: AnyEventObject): Promise<void>;
  /** `schedule`, keyed by the run: a retry of it schedules nothing twice. */
  scheduleFor(runKey: string): Parameters<typeof startEffect>[0]['schedule'];
}

export class Runs {
  readonly #runtime: Runtime;
  readonly #host: RunHost;

  constructor(runtime: Runtime, host: RunHost) {
    this.#runtime = runtime;
    this.#host = host;
  }

  startEffect(held: Held, effect: StoredEffect): RunningEffect {
    const { definition, trace } = held.holding.life;
    const { name } = definition;
    const queue = this.#runtime.queueName(held.holding.queue);
    const attempt = attemptOf(effect);
    const span = startRunSpan({ id: held.id, name, queue, src: effect.src, attempt, traceparent: trace });
    const { metrics, env } = this.#runtime;
    metrics.effectStarted(name, queue);
    const startedMs = env.monotonicMs();
    const watched = this.#runtime.effects?.started();
    let over = false;
    const end = (outcome: 'ok' | 'failed' | 'aborted', error?: unknown): void => {
      if (over) return;
      over = true;
      metrics.effectEnded(name, queue, outcome, env.monotonicMs() - startedMs);
      span.end(outcome, error);
      watched?.();
    };
    const host = this.#hostOf(held, effect, (result) => {
      if (result.ok) end('ok');
      else end('failed', errorOf(result.error));
    });
    const running = span.within(() => startEffect(host, effect));
    return {
      abort(reason) {
        end('aborted');
        running.abort(reason);
      },
      relay: (event) => running.relay(event),
    };
  }

  #hostOf(held: Held, effect: StoredEffect, ended: (result: EffectResult) => void): EffectHost {
    const { store, logger, options } = this.#runtime;
    const { life } = held.holding;
    const { definition } = life;
    return {
      id: held.id,
      name: definition.name,
      definition,
      input: life.input,
      nominalAt: held.nominalAt,
      maxPayload: options.maxPayloadBytes,
      logger,
      finished: (ref, result) => {
        ended(result);
        held.finished(ref, result);
      },
      heard: (event, to) => held.heard(event, to),
      progress: async (value) => {
        await store.progress(held.worker, held.id, held.fence, value);
      },
      schedule: this.#host.scheduleFor(effect.id),
      outputs: this.#outputs(life.kin),
    };
  }

  #outputs(kin: Kin | null): EffectHost['outputs'] {
    if (!kin || !('after' in kin.role)) return null;
    const { after } = kin.role;
    const keys = Object.keys(after);
    if (keys.length === 0) return null;
    return async () => {
      const found = await this.#runtime.store.progressed(Object.values(after));
      const records = new Map(found.map(({ id, record }) => [id, record]));
      const outputOf = (key: string): unknown => {
        const record = records.get(after[key] as string);
        return record ? (decode(record) as StoredRecord).output : undefined;
      };
      return Object.freeze(Object.fromEntries(keys.map((key) => [key, outputOf(key)])));
    };
  }

  committed(held: Held, turn: Turn, write: TurnWrite): void {
    if (turn.deferred.length > 0) this.#act(held, turn.deferred);
    const { name } = held.holding.life.definition;
    const { metrics } = this.#runtime;
    metrics.turned(name, this.#runtime.queueName(held.holding.queue), turn.lateMs);
    for (const birth of write.spawns) metrics.scheduled(birth.name, this.#runtime.queueName(birth.queue), 'born');
    this.#runtime.waiting.heard(held.id);
    this.#runtime.announcer.tell('transition', () => ({
      id: held.id,
      name,
      seq: write.next.seq,
      emitted: turn.emitted as readonly AnyEventObject[],
      state: write.next.state === null ? null : (JSON.parse(write.next.state) as StateValue),
    }));
    if (turn.trail) this.#runtime.inspection?.committed(held, turn.trail);
    if (turn.settlement) this.#settled(held, turn.settlement);
  }

  quarantined(
    { id, name, queue }: { readonly id: string; readonly name: string; readonly queue: number },
    reason: string,
  ): void {
    this.#runtime.metrics.quarantined(name, this.#runtime.queueName(queue));
    this.#runtime.logger.error({ actor: id, name, reason }, 'quarantined');
    this.#runtime.announcer.tell('quarantined', () => ({ id, name, reason }));
  }

  gone(held: Held, how: Gone): void {
    if (how !== 'lost') return;
    const { name } = held.holding.life.definition;
    this.#runtime.metrics.lost(name, this.#runtime.queueName(held.holding.queue));
    this.#runtime.logger.warn({ actor: held.id, name }, 'lost to another worker');
  }

  #settled(held: Held, { record, status }: Settlement): void {
    const { name } = held.holding.life.definition;
    const queue = this.#runtime.queueName(held.holding.queue);
    this.#runtime.metrics.settled(name, queue, record.status);
    if (status === 'dropped') {
      const { reason, attempts, error } = record;
      this.#runtime.logger.warn(
        { id: held.id, name, queue, status: record.status, reason, attempts, error },
        'dropped',
      );
    }
    this.#runtime.announcer.tell('settled', () => ({ id: held.id, name, queue, record: reviveRecord(record) }));
  }

  /**
   * Custom actions and `log`: at most once, and the failure of one is nobody else's. What an action sends to the machine goes
   * through the mailbox, because the actor may be held elsewhere by now; a child can only be reached while it is held here.
   */
  #act(held: Held, deferred: Turn['deferred']): void {
    const { logger } = this.#runtime;
    const outlet = {
      send: (event: AnyEventObject, to: string): void => {
        if (to === '') this.#host.send(held.id, event).catch((error: unknown) => this.#runtime.failed(error));
        else queueMicrotask(() => held.heard(event, to));
      },
      log: (...values: unknown[]): void => logger.info({ actor: held.id, values }, 'log'),
    };
    for (const run of deferred) {
      try {
        run(outlet);
      } catch (error) {
        this.#runtime.failed(error);
      }
    }
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
