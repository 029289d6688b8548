/** How the options of operators' calls are checked. */

import { InvalidOptionError } from '../errors.ts';
import { type Check, integer, kind, list, name, object, oneOf, optional, text } from '../option-checks.ts';
import { isActorId } from '../scheduler/actor-id.ts';
import type { AuditFilter, RecoverFilter, Selection } from '../store/operating.ts';
import type { AuditOptions } from './operations.ts';

const MAX_IDS = 10_000;
const instant: Check<Date> = kind('a valid Date', (value) => value instanceof Date && !Number.isNaN(value.getTime()));

const selectorChecks = object({
  name: optional(text(256), null),
  queue: optional(name, null),
  ids: optional(list(MAX_IDS, kind<string>('the id of an actor', isActorId)), null),
});

const retryChecks = object({
  error: optional(text(1024), null),
  since: optional(instant, null),
  until: optional(instant, null),
  limit: optional(integer(1, 10_000_000), 10_000_000),
  preview: optional(oneOf(true, false), false),
  atomic: optional(oneOf(true, false), false),
});

export interface ResolvedRetryFailed {
  readonly selection: Selection;
  readonly preview: boolean;
  readonly atomic: boolean;
}

/** Exactly one selector: two of them would silently prefer one, and none would mean everything. */
export function resolveRetryFailed(selector: unknown, options: unknown): ResolvedRetryFailed {
  const { name, queue, ids } = selectorChecks(selector, '');
  const given = Object.entries({ name, queue, ids }).filter(([, value]) => value !== null);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'is missing' : `is one too many: ${given.map(([key]) => key).join(' and ')}`;
    throw new InvalidOptionError('selector', `${what}. Give exactly one of name, queue and ids.`);
  }
  const { since, until, preview, atomic, ...rest } = retryChecks(options ?? {}, '');
  const distinct = ids && [...new Set(ids)];
  const times = { since: since?.getTime() ?? null, until: until?.getTime() ?? null };
  return { selection: { name, queue, ids: distinct, ...rest, ...times }, preview, atomic };
}

const reconcileChecks = object({
  namespace: optional(name, null),
  label: optional(text(64), null),
  limit: optional(integer(1, 100_000), 1000),
});

export function resolveReconcile(filter: unknown, namespace: string): RecoverFilter {
  const resolved = reconcileChecks(filter ?? {}, '');
  return { ...resolved, namespace: resolved.namespace ?? namespace };
}

const ACTIONS = [
  'cancel',
  'runNow',
  'reschedule',
  'retry',
  'retryFailed',
  'release',
  'fork',
  'pauseQueue',
  'resumeQueue',
  'releaseKey',
  'prune',
  'cron.pause',
  'cron.resume',
  'cron.update',
] as const satisfies readonly AuditOptions['action'][];

const auditChecks = object({
  who: optional(text(256), null),
  action: optional(oneOf(...ACTIONS), null),
  target: optional(text(512), null),
  since: optional(instant, null),
  until: optional(instant, null),
  limit: optional(integer(1, 1000), 50),
  cursor: optional(kind<string>('what the page before gave', isActorId), null),
});

export function resolveAudit(options: unknown): AuditFilter {
  const { since, until, ...rest } = auditChecks(options ?? {}, '');
  return { ...rest, since: since?.getTime() ?? null, until: until?.getTime() ?? null };
}
