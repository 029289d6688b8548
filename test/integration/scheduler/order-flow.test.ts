/** The order flow of the examples, as its head says it goes. */
import { expect, test } from 'vitest';
import { charge, placeOrder, reserve, ship } from '../../../examples/order-flow.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();

test('an order is charged, reserved and shipped; one that is out of stock is dropped and never shipped', async () => {
  const scheduler = await schedulers.open({ definitions: [charge, reserve, ship] });
  const order = await placeOrder(scheduler, { item: 'bell', cents: 4200, stock: 3 });
  const { output } = await order.result({ timeout: '20s' });
  const { shipped } = (output as { children: Record<string, { id: string }> }).children;
  expect((await scheduler.get(shipped?.id ?? ''))?.record).toMatchObject({ output: 'shipped from the shelf of bells' });
  const late = await placeOrder(scheduler, { item: 'gong', cents: 100, stock: 0 });
  expect(await late.result({ timeout: '20s' })).toMatchObject({
    status: 'failed_dropped',
    reason: 'child_dropped',
    error: { message: "Child 'reserved' was dropped: No gong left." },
  });
  const { items } = await scheduler.list({ parentId: late.id });
  expect(items.map(({ childKey }) => childKey ?? '').sort()).toEqual(['charged', 'reserved']);
});
