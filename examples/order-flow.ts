// An order in three steps: two that may run at the same time, and one that comes after both, with what they gave at hand.
// Out of stock, the flow is dropped at once; the shipment never starts, and the charge is told to end if it still runs.
//   const flow = await placeOrder(scheduler, { item: 'bell', cents: 4200, stock: 3 });
//   await flow.result();
import { DropError, defineJob, type Handle, type Scheduler } from 'carillon';
import { z } from 'zod';

export const charge = defineJob({
  name: 'charge',
  input: z.object({ cents: z.number().int().positive() }),
  run: ({ input, idempotencyKey }) => ({ receipt: `receipt for ${input.cents}`, idempotencyKey }),
});

export const reserve = defineJob({
  name: 'reserve',
  input: z.object({ item: z.string(), stock: z.number().int().min(0) }),
  run({ input }) {
    // Trying again would not help, so this is no failure to be retried.
    if (input.stock === 0) throw new DropError(`No ${input.item} left.`, { reason: 'out_of_stock' });
    return { shelf: `shelf of ${input.item}s` };
  },
});

export const ship = defineJob<undefined, string>({
  name: 'ship',
  // By the keys of the steps it comes after. A step whose record was pruned gives undefined.
  run({ outputs }) {
    const { reserved } = outputs as { reserved?: { shelf: string } };
    return `shipped from the ${reserved?.shelf ?? 'warehouse'}`;
  },
});

export interface Order {
  readonly item: string;
  readonly cents: number;
  readonly stock: number;
}

export function placeOrder(scheduler: Scheduler, { item, cents, stock }: Order): Promise<Handle> {
  return scheduler.scheduleFlow({
    name: 'order',
    children: [
      { key: 'charged', job: charge, input: { cents } },
      { key: 'reserved', job: reserve, input: { item, stock } },
      { key: 'shipped', job: ship, after: ['charged', 'reserved'] },
    ],
  });
}
