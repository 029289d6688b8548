/** What a scheduler's calls come to: each is passed to the room that knows it, once it is sure that the scheduler is open. */
import type { AnyEventObject } from 'xstate';
import type { CronOptions, CronTimes } from '../crons/options.ts';
import type { CronView } from '../crons/view.ts';
import type { CompatibilityReport } from '../definitions/compatibility.ts';
import type { Handle } from '../definitions/handle.ts';
import type { AnyDefinition, InputOf } from '../definitions/typed-name.ts';
import type { Duration } from '../duration.ts';
import type { FlowOptions } from '../flows/flow-options.ts';
import { scheduleFlow } from '../flows/schedule-flow.ts';
import type { FollowupOptions } from '../followups/options.ts';
import type { StatelyInspectionEvent } from '../inspect/stately-events.ts';
import type { JournalEntry } from '../journal.ts';
import type {
  AuditOptions,
  AuditRecord,
  DutyResult,
  FailedSelector,
  PrunedRuns,
  PruneResult,
  ReconcileFilter,
  RetryFailedOptions,
  RetryFailedResult,
} from '../operations/operations.ts';
import type { ScheduleOptions } from '../options.ts';
import type { Explanation } from '../reading/explain.ts';
import type { Stats } from '../reading/stats.ts';
import type { ActorView } from '../reading/views.ts';
import type { ReplayReport } from '../replay.ts';
import type { Scheduler } from '../scheduler.ts';
import {
  type CheckOptions,
  type ForkOptions,
  type ListOptions,
  type ReplayOptions,
  resolveStopOptions,
  resolveWaitOptions,
  type SendOptions,
  type WaitOptions,
} from './call-options.ts';
import type { SchedulerEvents } from './events.ts';
import { grantInsight } from './insight.ts';
import { Rooms } from './rooms.ts';
import type { Runtime } from './runtime.ts';

export class Door implements Scheduler {
  readonly #runtime: Runtime;
  readonly #rooms: Rooms;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#rooms = new Rooms(runtime);
    grantInsight(this, runtime);
  }

  async start(): Promise<void> {
    await this.#runtime.start();
  }

  async stop(options: { timeout?: Duration } = {}): Promise<void> {
    const { timeoutMs } = resolveStopOptions(options);
    await this.#rooms.settled();
    await this.#runtime.stop(timeoutMs);
  }

  async schedule(
    definition: AnyDefinition | string,
    input?: unknown,
    options?: ScheduleOptions,
  ): Promise<Handle<never>> {
    return this.#rooms.handle(await this.#rooms.scheduling.one(definition, { input, options }));
  }

  async scheduleMany<D extends AnyDefinition>(
    definition: D,
    items: readonly { readonly input: InputOf<D>; readonly options?: ScheduleOptions }[],
  ): Promise<Handle<D>[]> {
    const submissions = items.map(({ input, options }) => ({ input, options }));
    const submitted = await this.#rooms.scheduling.many(definition, submissions);
    return submitted.map((each) => this.#rooms.handle(each));
  }

  async scheduleFlow(options: FlowOptions): Promise<Handle> {
    this.#runtime.assertOpen();
    const { maxPayloadBytes } = this.#runtime.options;
    return this.#rooms.handle(await scheduleFlow(this.#rooms.scheduling, options, maxPayloadBytes));
  }

  getHandle<D extends AnyDefinition>(id: string, _definition?: D): Handle<D> {
    return this.#rooms.handle({ id, outcome: 'scheduled' });
  }

  async scheduleCron<D extends AnyDefinition>(options: CronOptions<D>): Promise<Handle> {
    return this.#rooms.handle(await this.#rooms.crons.schedule(options as CronOptions));
  }

  async applyCrons(crons: readonly CronOptions[], options?: { readonly prune?: boolean }): Promise<void> {
    return this.#rooms.crons.apply(crons, options);
  }

  previewCron(options: CronTimes, count: number, from?: Date): Date[] {
    return this.#rooms.crons.preview(options, count, from);
  }

  async getCron(id: string): Promise<CronView | null> {
    return this.#rooms.crons.get(id);
  }

  async listCrons(): Promise<CronView[]> {
    return this.#rooms.crons.list();
  }

  async removeCron(id: string): Promise<void> {
    return this.#rooms.crons.remove(id);
  }

  async runCron(id: string): Promise<Handle> {
    return this.#rooms.handle(await this.#rooms.crons.run(id));
  }

  async pauseCron(id: string): Promise<void> {
    return this.#rooms.crons.pause(id);
  }

  async resumeCron(id: string): Promise<void> {
    return this.#rooms.crons.resume(id);
  }

  async backfillCron(id: string, from: Date, to: Date): Promise<number> {
    return this.#rooms.crons.backfill(id, from, to);
  }

  async scheduleFollowup(options: FollowupOptions): Promise<Handle> {
    return this.#rooms.handle(await this.#rooms.followups.schedule(options));
  }

  async listFollowups(filter: { threadId: string }): Promise<ActorView[]> {
    return this.#rooms.followups.list(filter);
  }

  async cancelFollowup(selector: { key: string } | { threadId: string }): Promise<number> {
    return this.#rooms.followups.cancel(selector);
  }

  async send(id: string, event: AnyEventObject, options?: SendOptions): Promise<void> {
    return this.#rooms.sending.event(id, event, options);
  }

  async cancel(id: string, reason?: string): Promise<void> {
    return this.#rooms.sending.cancel(id, reason);
  }

  async runNow(id: string): Promise<void> {
    return this.#rooms.sending.runNow(id);
  }

  async reschedule(id: string, at: Date): Promise<void> {
    return this.#rooms.sending.reschedule(id, at);
  }

  async release(id: string): Promise<void> {
    return this.#rooms.sending.release(id);
  }

  async pauseQueue(queue: string): Promise<void> {
    return this.#rooms.operating.pauseQueue(queue);
  }

  async resumeQueue(queue: string): Promise<void> {
    return this.#rooms.operating.resumeQueue(queue);
  }

  async retry(id: string): Promise<void> {
    return this.#rooms.operating.retry(id);
  }

  async retryFailed(selector: FailedSelector, options?: RetryFailedOptions): Promise<RetryFailedResult> {
    return this.#rooms.operating.retryFailed(selector, options);
  }

  async reconcile(filter?: ReconcileFilter): Promise<DutyResult> {
    return this.#rooms.operating.reconcile(filter);
  }

  async prune(): Promise<PruneResult> {
    return this.#rooms.operating.prune();
  }

  async releaseKey(key: string, reason: string): Promise<boolean> {
    return this.#rooms.operating.releaseKey(key, reason);
  }

  async audit(options?: AuditOptions): Promise<{ items: AuditRecord[]; cursor?: string }> {
    return this.#rooms.operating.audit(options);
  }

  async pruned(): Promise<PrunedRuns[]> {
    return this.#rooms.operating.pruned();
  }

  async get(id: string): Promise<ActorView | null> {
    return this.#rooms.reading.get(id);
  }

  async list(filter: ListOptions = {}): Promise<{ items: ActorView[]; cursor?: string }> {
    return this.#rooms.reading.list(filter);
  }

  async explain(id: string): Promise<Explanation> {
    return this.#rooms.reading.explain(id);
  }

  async waitFor(id: string, options: WaitOptions = {}): Promise<ActorView> {
    const { timeoutMs, state } = resolveWaitOptions(options);
    return this.#rooms.reading.waitFor(id, state, timeoutMs);
  }

  async history(id: string): Promise<JournalEntry[]> {
    return this.#rooms.reading.history(id);
  }

  async replay(id: string, options?: ReplayOptions): Promise<ReplayReport> {
    return this.#rooms.reading.replay(id, options);
  }

  async fork(id: string, options: ForkOptions): Promise<Handle> {
    return this.#rooms.handle({ id: await this.#rooms.forking.fork(id, options), outcome: 'scheduled' });
  }

  async checkDefinition(definition: AnyDefinition, options?: CheckOptions): Promise<CompatibilityReport> {
    return this.#rooms.reading.check(definition, options);
  }

  async inspectionEvents(id: string): Promise<StatelyInspectionEvent[]> {
    return this.#rooms.reading.inspectionEvents(id);
  }

  async stats(): Promise<Stats> {
    return this.#rooms.reading.stats();
  }

  async metrics(): Promise<string> {
    return (await this.#rooms.metrics()).text();
  }

  on<K extends keyof SchedulerEvents>(event: K, listener: (event: SchedulerEvents[K]) => void): () => void {
    return this.#runtime.announcer.on(event, listener);
  }
}
