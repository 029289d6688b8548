/** Jobs for flows, and looks at their children. */
import { DropError, defineJob, type Handle, type Scheduler } from '../../src/index.ts';
import { deferred } from './deferred.ts';
import { waitUntil } from './wait-until.ts';

export const soon = { timeout: '20s' } as const;

/** Adds its own number to the outputs of those it comes after. */
export const sum = defineJob<{ n: number }, number>({
  name: 'sum',
  run: ({ input, outputs }) =>
    Object.values(outputs).reduce<number>((total, one) => total + (typeof one === 'number' ? one : 0), input.n),
});

export const broken = defineJob({
  name: 'broken',
  run: () => {
    throw new DropError('no stock', { reason: 'out_of_stock' });
  },
});

/** Runs until it is told to end, or until the test lets it go. */
export function patientJob() {
  const hold = deferred();
  const patient = defineJob({
    name: 'patient',
    async run({ signal }) {
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      await Promise.race([hold.promise, aborted]);
    },
  });
  return { patient, hold };
}

/** The children of a flow by their keys. */
export async function childrenOf(scheduler: Scheduler, { id }: Handle) {
  const { items } = await scheduler.list({ parentId: id, limit: 1000 });
  return Object.fromEntries(items.map((view) => [view.childKey ?? '', view]));
}

/** Resolves once the handler of that child runs. */
export async function running(scheduler: Scheduler, flow: Handle, key: string): Promise<void> {
  await waitUntil(async () => (await childrenOf(scheduler, flow))[key]?.effects[0]?.running, { timeoutMs: 20_000 });
}
