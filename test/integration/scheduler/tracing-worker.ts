/** A worker process with the real SDK: tells its spans, hangs in first attempts, and ends by signal. */
import { createScheduler, defineJob } from '../../../src/index.ts';
import { useSdk } from '../../support/spans.ts';

export const traced = defineJob<{ n: number }, number>({
  name: 'traced',
  retry: { maxRetries: 0 },
  async run({ attempt }) {
    process.stdout.write(`${JSON.stringify({ started: attempt })}\n`);
    if (attempt === 1) await new Promise(() => {});
    return attempt;
  },
});

const postgres = process.env['TRACED_POSTGRES'];
if (postgres) {
  const sdk = useSdk();
  const scheduler = await createScheduler({
    definitions: [traced],
    postgres,
    logger: false,
    worker: { lease: '1s' },
    sweepInterval: '100ms',
  });
  scheduler.on('settled', () => process.stdout.write(`${JSON.stringify({ spans: sdk.spans() })}\n`));
  await scheduler.start();
}
