/** What this process's worker does for runs beyond the store: starts their effects, tells listeners, logs every drop. */
import type { AnyEventObject, StateValue } from 'xstate';
import { decode } from '../codec.ts';
import type { EffectHost, RunningEffect, startEffect } from '../effects.ts';
import type { StoredEffect } from '../interpreter/index.ts';
import { reviveRecord, type Settlement, type StoredRecord } from '../run-record.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import type { TurnWrite } from '../store/contract.ts';
import type { Kin } from '../turn/kinship.ts';
import type { Turn } from '../turn.ts';
import type { Held } from '../worker/held.ts';
import type { Gone } from '../worker/keeper.ts';
import { EffectRun } from './effect-run.ts';

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
  readonly #queueNames = new Map<number, string>();

  constructor(runtime: Runtime, host: RunHost) {
    this.#runtime = runtime;
    this.#host = host;
  }

  startEffect(held: Held, effect: StoredEffect): RunningEffect {
    const { queue, life } = held.holding;
    const parts = { runtime: this.#runtime, host: this.#host, outputs: this.#outputs(life.kin) };
    return new EffectRun(held, effect, this.#queueName(queue), parts).start();
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
    const { metrics, waiting, announcer } = this.#runtime;
    metrics.turned(name, this.#queueName(held.holding.queue), turn.lateMs);
    for (const birth of write.spawns) metrics.scheduled(birth.name, this.#queueName(birth.queue), 'born');
    waiting.heard(held.id);
    if (announcer.hears('transition')) {
      const { seq, state } = write.next;
      const value = state === null ? null : (JSON.parse(state) as StateValue);
      announcer.tell('transition', { id: held.id, name, seq, emitted: turn.emitted, state: value });
    }
    if (turn.trail) this.#runtime.inspection?.committed(held, turn.trail);
    if (turn.settlement) this.#settled(held, turn.settlement);
  }

  /** Remembered by number: it is asked for several times a run. */
  #queueName(queue: number): string {
    const known = this.#queueNames.get(queue);
    if (known !== undefined) return known;
    const name = this.#runtime.queues.nameOf(queue);
    this.#queueNames.set(queue, name);
    return name;
  }

  quarantined(
    { id, name, queue }: { readonly id: string; readonly name: string; readonly queue: number },
    reason: string,
  ): void {
    this.#runtime.metrics.quarantined(name, this.#queueName(queue));
    this.#runtime.logger.error({ actor: id, name, reason }, 'quarantined');
    this.#runtime.announcer.tell('quarantined', { id, name, reason });
  }

  gone(held: Held, how: Gone): void {
    if (how !== 'lost') return;
    const { name } = held.holding.life.definition;
    this.#runtime.metrics.lost(name, this.#queueName(held.holding.queue));
    this.#runtime.logger.warn({ actor: held.id, name }, 'lost to another worker');
  }

  #settled(held: Held, { record, status }: Settlement): void {
    const { name } = held.holding.life.definition;
    const queue = this.#queueName(held.holding.queue);
    this.#runtime.metrics.settled(name, queue, record.status);
    if (status === 'dropped') {
      const { reason, attempts, error } = record;
      this.#runtime.logger.warn(
        { id: held.id, name, queue, status: record.status, reason, attempts, error },
        'dropped',
      );
    }
    const { announcer } = this.#runtime;
    if (announcer.hears('settled'))
      announcer.tell('settled', { id: held.id, name, queue, record: reviveRecord(record) });
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
