import type { CronView } from '../crons/view.ts';
import { formatDuration } from '../duration.ts';
import type { Insight } from '../scheduler/insight.ts';
import type { Scheduler } from '../scheduler.ts';
import type { CronRow } from './wire.ts';

const SHOWN = 5;

export async function readCrons(scheduler: Scheduler, insight: Insight): Promise<readonly CronRow[]> {
  const crons = await scheduler.listCrons();
  return crons.map((cron) => rowOf(cron, nextOf(scheduler, cron, insight.now())));
}

function nextOf(scheduler: Scheduler, cron: CronView, now: number): readonly number[] {
  if (cron.nextAt === null || cron.state !== 'waiting') return [];
  const { timezone, startAt, endAt, nextAt } = cron;
  const bounds = { timezone, ...(startAt && { startAt }), ...(endAt && { endAt }) };
  const times = cron.cron === undefined ? { every: cron.every ?? 0, ...bounds } : { cron: cron.cron, ...bounds };
  try {
    const after = new Date(Math.max(now, nextAt.getTime()));
    return [nextAt, ...scheduler.previewCron(times, SHOWN - 1, after)].map((at) => at.getTime());
  } catch {
    // An end that has passed: there is nothing more than the next one.
    return [nextAt.getTime()];
  }
}

function rowOf(cron: CronView, next: readonly number[]): CronRow {
  const { lastRun } = cron;
  return {
    id: cron.id,
    actorId: cron.actorId,
    state: cron.state,
    job: cron.job,
    times: cron.cron ?? `every ${formatDuration(cron.every ?? 0)}`,
    timezone: cron.timezone,
    next,
    last: lastRun ? { id: lastRun.id, status: lastRun.status, at: lastRun.settledAt.getTime() } : null,
    running: cron.running.length,
    fires: cron.fires,
    missed: cron.missed,
    skipped: cron.skipped,
    pausedBecause: cron.pausedBecause ?? null,
  };
}
