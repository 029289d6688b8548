// A cron: every night at half past two in Berlin, whatever the clocks there do. In the night they go forward that time does not
// exist, and it fires at three; in the night they go back it comes twice, and fires the first time only.
//   await scheduler.applyCrons([nightly]); // at every start of every process
import { type CronOptions, defineJob } from 'carillon';

export const nightlyReport = defineJob<{ region: string }, string>({
  name: 'nightly-report',
  // The night it is for, however late it runs.
  run: ({ input, nominalAt }) => `${input.region}: ${nominalAt.toISOString()}`,
});

export const nightly: CronOptions<typeof nightlyReport> = {
  id: 'nightly-report',
  cron: '30 2 * * *',
  timezone: 'Europe/Berlin',
  job: nightlyReport,
  input: { region: 'eu' },
  missed: 'last',
  overlap: 'queue',
  pauseAfterFailures: 5,
};
