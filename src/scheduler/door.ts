/** What a scheduler's calls come to: each is passed to the room that knows it, once it is sure that the scheduler is open. */
import type { AnyEventObject } from 'xstate';
import { Crons } from '../crons/crons.ts';
import type { CronOptions, CronTimes } from '../crons/options.ts';
import type { CronView } from '../crons/view.ts';
import { type CompatibilityReport, checkLive } from '../definitions/compatibility.ts';
import { type Grip, type Handle, handleOf } from '../definitions/handle.ts';
import type { AnyDefinition, InputOf } from '../definitions/typed-name.ts';
import type { Duration } from '../duration.ts';
import type { FlowOptions } from '../flows/flow-options.ts';
import { scheduleFlow } from '../flows/schedule-flow.ts';
import { Followups } from '../followups/followups.ts';
import type { FollowupOptions } from '../followups/options.ts';
import type { StatelyInspectionEvent } from '../inspect/stately-events.ts';
import type { JournalEntry } from '../journal.ts';
import { Forking } from '../operations/forking.ts';
import { Operating } from '../operations/operating.ts';
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
import { name } from '../option-checks.ts';
import type { ScheduleOptions } from '../options.ts';
import type { Explanation } from '../reading/explain.ts';
import { Reading } from '../reading/reading.ts';
import type { Stats } from '../reading/stats.ts';
import type { ActorView } from '../reading/views.ts';
import type { ReplayReport } from '../replay.ts';
import type { Scheduler } from '../scheduler.ts';
import type { MetricsPage } from '../telemetry/metrics-page.ts';
import {
  type CheckOptions,
  type ForkOptions,
  type ListOptions,
  type ReplayOptions,
  resolveCheckOptions,
  resolveForkOptions,
  resolveReplayOptions,
  resolveStopOptions,
  resolveWaitOptions,
  type SendOptions,
  type WaitOptions,
} from './call-options.ts';
import type { SchedulerEvents } from './events.ts';
import { grantInsight } from './insight.ts';
import type { Runtime } from './runtime.ts';
import { Scheduling } from './scheduling.ts';
import { Sending } from './sending.ts';
import type { Submitted } from './submission.ts';

export class Door implements Scheduler {
  readonly #runtime: Runtime;
  readonly #scheduling: Scheduling;
  readonly #sender: Sending;
  readonly #reader: Reading;
  readonly #cronKeeper: Crons;
  readonly #operator: Operating;
  readonly #followups: Followups;
  readonly #forking: Forking;
  readonly #grip: Grip;
  #metrics: Promise<MetricsPage> | null = null;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#scheduling = new Scheduling(runtime);
    this.#sender = new Sending(runtime);
    this.#reader = new Reading(runtime);
    this.#cronKeeper = new Crons(runtime, this.#scheduling, this.#sender);
    this.#operator = new Operating(runtime);
    this.#followups = new Followups(runtime, this.#scheduling, this.#sender);
    this.#forking = new Forking(runtime);
    this.#grip = {
      result: async (id, options = {}) => this.#reading.result(id, resolveWaitOptions(options).timeoutMs),
      send: (id, event) => this.send(id, event),
      cancel: (id, reason) => this.cancel(id, reason),
    };
    grantInsight(this, runtime);
  }

  // A stopped scheduler says so, instead of what its closed connections would say.

  get #open(): Runtime {
    this.#runtime.assertOpen();
    return this.#runtime;
  }

  get #sending(): Sending {
    this.#runtime.assertOpen();
    return this.#sender;
  }

  get #reading(): Reading {
    this.#runtime.assertOpen();
    return this.#reader;
  }

  get #crons(): Crons {
    this.#runtime.assertOpen();
    return this.#cronKeeper;
  }

  get #operating(): Operating {
    this.#runtime.assertOpen();
    return this.#operator;
  }

  get #following(): Followups {
    this.#runtime.assertOpen();
    return this.#followups;
  }

  async start(): Promise<void> {
    await this.#open.start();
  }

  async stop(options: { timeout?: Duration } = {}): Promise<void> {
    const { timeoutMs } = resolveStopOptions(options);
    await this.#sender.settled();
    await this.#runtime.stop(timeoutMs);
  }

  async schedule(
    definition: AnyDefinition | string,
    input?: unknown,
    options?: ScheduleOptions,
  ): Promise<Handle<never>> {
    return this.#handle(await this.#scheduling.one(definition, { input, options }));
  }

  async scheduleMany<D extends AnyDefinition>(
    definition: D,
    items: readonly { readonly input: InputOf<D>; readonly options?: ScheduleOptions }[],
  ): Promise<Handle<D>[]> {
    const submissions = items.map(({ input, options }) => ({ input, options }));
    const submitted = await this.#scheduling.many(definition, submissions);
    return submitted.map((each) => this.#handle(each));
  }

  async scheduleFlow(options: FlowOptions): Promise<Handle> {
    const { maxPayloadBytes } = this.#open.options;
    return this.#handle(await scheduleFlow(this.#scheduling, options, maxPayloadBytes));
  }

  getHandle<D extends AnyDefinition>(id: string, _definition?: D): Handle<D> {
    return this.#handle({ id, outcome: 'scheduled' });
  }

  async scheduleCron<D extends AnyDefinition>(options: CronOptions<D>): Promise<Handle> {
    return this.#handle(await this.#crons.schedule(options as CronOptions));
  }

  async applyCrons(crons: readonly CronOptions[], options?: { readonly prune?: boolean }): Promise<void> {
    return this.#crons.apply(crons, options);
  }

  previewCron(options: CronTimes, count: number, from?: Date): Date[] {
    return this.#crons.preview(options, count, from);
  }

  async getCron(id: string): Promise<CronView | null> {
    return this.#crons.get(id);
  }

  async listCrons(): Promise<CronView[]> {
    return this.#crons.list();
  }

  async removeCron(id: string): Promise<void> {
    return this.#crons.remove(id);
  }

  async runCron(id: string): Promise<Handle> {
    return this.#handle(await this.#crons.run(id));
  }

  async pauseCron(id: string): Promise<void> {
    return this.#crons.pause(id);
  }

  async resumeCron(id: string): Promise<void> {
    return this.#crons.resume(id);
  }

  async backfillCron(id: string, from: Date, to: Date): Promise<number> {
    return this.#crons.backfill(id, from, to);
  }

  async scheduleFollowup(options: FollowupOptions): Promise<Handle> {
    return this.#handle(await this.#following.schedule(options));
  }

  async listFollowups(filter: { threadId: string }): Promise<ActorView[]> {
    return this.#following.list(filter);
  }

  async cancelFollowup(selector: { key: string } | { threadId: string }): Promise<number> {
    return this.#following.cancel(selector);
  }

  async send(id: string, event: AnyEventObject, options?: SendOptions): Promise<void> {
    return this.#sending.event(id, event, options);
  }

  async cancel(id: string, reason?: string): Promise<void> {
    return this.#sending.cancel(id, reason);
  }

  async runNow(id: string): Promise<void> {
    return this.#sending.runNow(id);
  }

  async reschedule(id: string, at: Date): Promise<void> {
    return this.#sending.reschedule(id, at);
  }

  async release(id: string): Promise<void> {
    return this.#sending.release(id);
  }

  async pauseQueue(queue: string): Promise<void> {
    await this.#open.queues.register(name(queue, 'queue'));
    await this.#runtime.store.setPaused(queue, true, { who: this.#runtime.options.operator });
  }

  async resumeQueue(queue: string): Promise<void> {
    const number = await this.#open.queues.register(name(queue, 'queue'));
    await this.#runtime.store.setPaused(queue, false, { who: this.#runtime.options.operator });
    this.#runtime.announceDue(number, this.#runtime.clock.now());
  }

  async retry(id: string): Promise<void> {
    return this.#operating.retry(id);
  }

  async retryFailed(selector: FailedSelector, options?: RetryFailedOptions): Promise<RetryFailedResult> {
    return this.#operating.retryFailed(selector, options);
  }

  async reconcile(filter?: ReconcileFilter): Promise<DutyResult> {
    return this.#operating.reconcile(filter);
  }

  async prune(): Promise<PruneResult> {
    return this.#operating.prune();
  }

  async releaseKey(key: string, reason: string): Promise<boolean> {
    return this.#operating.releaseKey(key, reason);
  }

  async audit(options?: AuditOptions): Promise<{ items: AuditRecord[]; cursor?: string }> {
    return this.#operating.audit(options);
  }

  async pruned(): Promise<PrunedRuns[]> {
    return this.#operating.pruned();
  }

  async get(id: string): Promise<ActorView | null> {
    return this.#reading.get(id);
  }

  async list(filter: ListOptions = {}): Promise<{ items: ActorView[]; cursor?: string }> {
    return this.#reading.list(filter);
  }

  async explain(id: string): Promise<Explanation> {
    return this.#reading.explain(id);
  }

  async waitFor(id: string, options: WaitOptions = {}): Promise<ActorView> {
    const { timeoutMs, state } = resolveWaitOptions(options);
    return this.#reading.waitFor(id, state, timeoutMs);
  }

  async history(id: string): Promise<JournalEntry[]> {
    return this.#reading.history(id);
  }

  async replay(id: string, options: ReplayOptions = {}): Promise<ReplayReport> {
    return this.#reading.replay(id, resolveReplayOptions(options));
  }

  async fork(id: string, options: ForkOptions): Promise<Handle> {
    this.#runtime.assertOpen();
    return this.#handle({ id: await this.#forking.fork(id, resolveForkOptions(options)), outcome: 'scheduled' });
  }

  async checkDefinition(definition: AnyDefinition, options: CheckOptions = {}): Promise<CompatibilityReport> {
    return checkLive(this.#open.store, definition, resolveCheckOptions(options));
  }

  async inspectionEvents(id: string): Promise<StatelyInspectionEvent[]> {
    return this.#reading.inspectionEvents(id);
  }

  async stats(): Promise<Stats> {
    return this.#reading.stats();
  }

  async metrics(): Promise<string> {
    const runtime = this.#open;
    this.#metrics ??= import('../telemetry/metrics-page.ts').then(({ MetricsPage }) => new MetricsPage(runtime));
    return (await this.#metrics).text();
  }

  on<K extends keyof SchedulerEvents>(event: K, listener: (event: SchedulerEvents[K]) => void): () => void {
    return this.#runtime.announcer.on(event, listener);
  }

  #handle<D extends AnyDefinition>(
    submitted: Pick<Handle, 'id' | 'outcome'> & Pick<Submitted, 'record' | 'replaced'>,
  ): Handle<D> {
    return handleOf<D>(this.#grip, submitted);
  }
}
