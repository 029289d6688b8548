/** The public API. */
export type { Delivery, ThreadGateway } from '../actors/thread-gateway.ts';
export { type WebhookOptions, webhookThreads } from '../actors/webhook.ts';
export { type VerifyWebhookOptions, verifyWebhook } from '../actors/webhook-signature.ts';
export type {
  CheckOptions,
  ForkOptions,
  ListOptions,
  ReplayOptions,
  SendOptions,
  WaitOptions,
} from './call-options.ts';
export { DropError, isRetryable, RetryableError } from './classify.ts';
export type { CompatibilityReport, DivergingActor, FailingActor } from './compatibility.ts';
export type { CronCalls } from './crons/calls.ts';
export type { CronOptions, CronTimes } from './crons/options.ts';
export type { CronView } from './crons/view.ts';
export { createDashboard, type Dashboard } from './dashboard/dashboard.ts';
export { type NodeListener, toNodeListener } from './dashboard/node-listener.ts';
export type { DashboardAction, DashboardOptions } from './dashboard/options.ts';
export type { Backoff, JobOptions, Recovery, Retention } from './definition-options.ts';
export {
  type ActorDefinition,
  type ActorOptions,
  type AnyDefinition,
  defineActor,
  defineJob,
  type EventOf,
  type InputArgs,
  type InputOf,
  type JobDefinition,
  type Migrate,
  type MigrationOutcome,
  type OutputOf,
  type StoredChild,
  type StoredTimer,
} from './definitions.ts';
export { fromJob, fromRun } from './delegates.ts';
export type { Duration } from './duration.ts';
export {
  ActorNotFoundError,
  ActorSettledError,
  CarillonError,
  DefinitionVersionError,
  EmbeddedPostgresError,
  IdempotencyConflictError,
  InvalidInputError,
  InvalidOptionError,
  InvalidStateError,
  ReplayDivergedError,
  SchedulerStoppedError,
  SchemaVersionError,
  ThreadNotFoundError,
  ThreadStoppedError,
  UnknownDefinitionError,
  WaitTimeoutError,
} from './errors.ts';
export type { QuarantinedEvent, SchedulerEvents, SettledEvent, TransitionEvent } from './events.ts';
export type { Explanation, Waiting } from './explain.ts';
export type { FlowChild, FlowOptions } from './flows/flow-options.ts';
export { followup } from './followups/followup.ts';
export type { FollowupInput, FollowupOptions } from './followups/options.ts';
export type { Handle, Schedule } from './handle.ts';
export type {
  InspectedSnapshot,
  StatelyActorEvent,
  StatelyEventEvent,
  StatelyInspectionEvent,
  StatelySnapshotEvent,
} from './inspect/stately-events.ts';
export type { JournalEntry } from './journal.ts';
export type { ForkOf } from './kinship.ts';
export type { Concurrency, RateLimit } from './limits.ts';
export type {
  AuditAction,
  AuditOptions,
  AuditRecord,
  DutyResult,
  FailedSelector,
  KeyConflict,
  Operations,
  PrunedRuns,
  PruneResult,
  ReconcileFilter,
  RetryFailedOptions,
  RetryFailedResult,
} from './operations.ts';
export type { ScheduleOptions, SchedulerOptions, When, WorkerOptions } from './options.ts';
export type { ReplayDifference, ReplayReport, ReplayStep } from './replay.ts';
export type { RunContext } from './run-context.ts';
export type { RunRecord } from './run-record.ts';
export { createScheduler, defineConfig, type Scheduler } from './scheduler.ts';
export type { Stats } from './stats.ts';
export type { Status } from './store/contract.ts';
export type { ActorView } from './views.ts';
