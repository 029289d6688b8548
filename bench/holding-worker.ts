/** A worker process whose runs end when it is told so: says which began, until it is killed. */
import { createScheduler, defineJob } from '../src/index.ts';

const hold = defineJob({
  name: 'hold',
  queue: 'bench',
  attemptTimeout: 0,
  async run({ id }) {
    process.send?.({ id, atMs: Date.now() });
    await new Promise((resolve) => process.once('message', resolve));
  },
});

process.setMaxListeners(0);
const scheduler = await createScheduler({ definitions: [hold], logger: false });
if (process.argv[2] === 'schedule') {
  await scheduler.scheduleMany(
    hold,
    Array.from({ length: Number(process.argv[3]) }, () => ({ input: undefined })),
  );
  await scheduler.stop();
  process.exit(0);
}
await scheduler.start();
process.send?.('ready');
