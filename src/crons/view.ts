/** What the store says of crons, in the words of the API. */
import { type CronContext, newCron } from '../../machines/cron-context.ts';
import { planAnew } from '../../machines/cron-policy.ts';
import { decode } from '../codec.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { decodeState, describe } from '../interpreter/index.ts';
import type { RunRecord } from '../run-record.ts';
import type { StoredActor } from '../store/contract.ts';
import { calendar, runId, type StoredCron } from './definition.ts';
import type { CronOptions } from './options.ts';

/** A cron as it is now. Durations are milliseconds. */
export interface CronView {
  readonly id: string;
  /** The actor that it is: for `get`, `history`, `explain`. Its runs are its children. */
  readonly actorId: string;
  /** `retired`: its limit or its end is reached. It stays, so that declaring it again does not run it again. */
  readonly state: 'waiting' | 'paused' | 'retired';
  /** Name of the definition it runs. */
  readonly job: string;
  readonly cron?: string;
  readonly every?: number;
  readonly timezone: string;
  readonly startAt?: Date;
  readonly endAt?: Date;
  /** When it fires next, jitter included. Null: not while it is as it is. */
  readonly nextAt: Date | null;
  /** The last of its runs to end, whether the schedule or somebody asked for it. */
  readonly lastRun?: {
    readonly id: string;
    readonly nominalAt: Date;
    readonly status: RunRecord['status'];
    readonly settledAt: Date;
  };
  /** Its runs that go on. */
  readonly running: readonly { readonly id: string; readonly nominalAt: Date }[];
  /** Fires that wait for the end of a run. */
  readonly queued: readonly Date[];
  /** Runs that the schedule started. */
  readonly fires: number;
  /** Fires left out because a run was still going. */
  readonly skipped: number;
  /** Fires left out because nobody was there in time; of one outage at most 1,000 are counted. */
  readonly missed: number;
  /** Dropped or expired runs in a row. */
  readonly failures: number;
  readonly pausedBecause?: string;
  /** Why it is set aside: quarantined, or no living worker knows crons of this version. */
  readonly reason?: string;
  /** It came with `applyCrons`, so that `prune` takes it away once it is no longer declared. */
  readonly declared: boolean;
  readonly policies: Required<Pick<CronOptions, 'missed' | 'overlap' | 'deleteAfterRun'>> & {
    readonly jitter: number;
    readonly missedWindow?: number;
    readonly limit?: number;
    readonly pauseAfterFailures?: number;
  };
  readonly createdAt: Date;
}

/** A live cron as it is stored. */
export interface LiveCron {
  readonly stored: StoredActor;
  readonly spec: StoredCron;
  readonly context: CronContext;
  readonly state: CronView['state'];
}

/** Null: it is on its way out. */
export function readCron(stored: StoredActor, definition: LoadedDefinition): LiveCron | null {
  const { value, context } = lookAt(stored, definition);
  if (value === 'removing' || value === 'removed') return null;
  return { stored, context, spec: context.spec as StoredCron, state: value as CronView['state'] };
}

function lookAt(stored: StoredActor, { prepared }: LoadedDefinition): { value: string; context: CronContext } {
  const { snapshot, id, createdAt } = stored;
  if (snapshot !== null) {
    try {
      return describe(prepared, decodeState(prepared, snapshot)) as { value: string; context: CronContext };
    } catch {
      // Written by a version that this one cannot read; how it was declared can still be shown.
    }
  }
  const spec = decode(stored.input ?? '') as StoredCron;
  const context = newCron(spec, createdAt);
  if (!spec.enabled) return { value: 'paused', context: { ...context, pausedBecause: 'declared so' } };
  return { value: 'waiting', context: planAnew(calendar, context, createdAt, id) };
}

export function cronViewOf({ stored, spec, context, state }: LiveCron): CronView {
  const { id, times, target, declared, limit, missedWindowMs, pauseAfterFailures } = spec;
  const { next, lastRun, running, queued, fires, skipped, missed, failures, pausedBecause } = context;
  return {
    id,
    actorId: stored.id,
    state,
    job: target.breed.name,
    ...(times.cron !== null && { cron: times.cron }),
    ...(times.everyMs !== null && { every: times.everyMs }),
    timezone: times.timezone,
    ...(times.startAt !== null && { startAt: new Date(times.startAt) }),
    ...(times.endAt !== null && { endAt: new Date(times.endAt) }),
    nextAt: next && new Date(next.fireAt),
    ...(lastRun && {
      lastRun: { ...lastRun, nominalAt: new Date(lastRun.nominalAt), settledAt: new Date(lastRun.settledAt) },
    }),
    running: running.map((nominalAt) => ({ id: runId(stored.id, nominalAt), nominalAt: new Date(nominalAt) })),
    queued: queued.map((nominalAt) => new Date(nominalAt)),
    fires,
    skipped,
    missed,
    failures,
    ...(pausedBecause !== null && { pausedBecause }),
    ...(stored.reason !== null && { reason: stored.reason }),
    declared,
    policies: {
      missed: spec.missed,
      ...(missedWindowMs !== null && { missedWindow: missedWindowMs }),
      overlap: spec.overlap,
      jitter: spec.jitterMs,
      ...(limit !== null && { limit }),
      ...(pauseAfterFailures !== null && { pauseAfterFailures }),
      deleteAfterRun: spec.deleteAfterRun,
    },
    createdAt: new Date(stored.createdAt),
  };
}
