/** The public API. */
export type { Delivery, ThreadGateway } from '../actors/thread-gateway.ts';
export { type WebhookOptions, webhookThreads } from '../actors/webhook.ts';
export { type VerifyWebhookOptions, verifyWebhook } from '../actors/webhook-signature.ts';
export { DropError, isRetryable, RetryableError } from './classify.ts';
export type { CronCalls } from './crons/calls.ts';
export type { CronOptions, CronTimes } from './crons/options.ts';
export type { CronView } from './crons/view.ts';
export { createDashboard, type Dashboard } from './dashboard/dashboard.ts';
export { type NodeListener, toNodeListener } from './dashboard/node-listener.ts';
export type { DashboardAction, DashboardOptions } from './dashboard/options.ts';
export type { CompatibilityReport, DivergingActor, FailingActor } from './definitions/compatibility.ts';
export type { ActorOptions, JobOptions, Retention } from './definitions/definition-options.ts';
export type { Handle, Schedule } from './definitions/handle.ts';
export type { Concurrency, RateLimit } from './definitions/limits.ts';
export type { Migrate, MigrationOutcome, StoredChild, StoredTimer } from './definitions/migration.ts';
export type { Backoff, Recovery } from './definitions/retry-options.ts';
export type {
  ActorDefinition,
  AnyDefinition,
  EventOf,
  InputArgs,
  InputOf,
  JobDefinition,
  OutputOf,
} from './definitions/typed-name.ts';
export { defineActor, defineJob } from './definitions.ts';
export type { Duration } from './duration.ts';
export { fromJob, fromRun } from './effects/delegates.ts';
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
export type { FlowChild, FlowOptions } from './flows/flow-options.ts';
export { followup } from './followups/followup.ts';
export type { FollowupInput, FollowupOptions } from './followups/options.ts';
export type {
  InspectedSnapshot,
  StatelyActorEvent,
  StatelyEventEvent,
  StatelyInspectionEvent,
  StatelySnapshotEvent,
} from './inspect/stately-events.ts';
export type { JournalEntry } from './journal.ts';
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
} from './operations/operations.ts';
export type { ScheduleOptions, SchedulerOptions, When, WorkerOptions } from './options.ts';
export type { Explanation, Waiting } from './reading/explain.ts';
export type { Stats } from './reading/stats.ts';
export type { ActorView } from './reading/views.ts';
export type { ReplayDifference } from './replay/difference.ts';
export type { ReplayReport, ReplayStep } from './replay.ts';
export type { RunContext } from './run-context.ts';
export type { RunRecord } from './run-record.ts';
export type {
  CheckOptions,
  ForkOptions,
  ListOptions,
  ReplayOptions,
  SendOptions,
  WaitOptions,
} from './scheduler/call-options.ts';
export type { QuarantinedEvent, SchedulerEvents, SettledEvent, TransitionEvent } from './scheduler/events.ts';
export { createScheduler, defineConfig, type Scheduler } from './scheduler.ts';
export type { Status } from './store/contract.ts';
export type { ForkOf } from './turn/kinship.ts';
