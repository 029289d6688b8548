import { firesBetween } from '../cron-time.ts';
import { date, integer } from '../option-checks.ts';
import { type CronTimes, resolveCronTimes } from './options.ts';

const previewCount = integer(1, 1000);

/** The next `count` (1 to 1000) fires after `from`, without jitter; fewer where there are no more. @throws InvalidOptionError */
export function previewCron(options: CronTimes, count: number, from: Date): Date[] {
  const times = resolveCronTimes(options);
  const after = date(from, 'from').getTime();
  const fires = firesBetween(times, after, Number.POSITIVE_INFINITY, previewCount(count, 'count'));
  return fires.map((at) => new Date(at));
}
