/** The sweep's duties, in the order in which they matter. */
import { ALARM_BUCKET_MS, alarmHorizonMs } from './alarms/plan.ts';
import type { Alarms } from './alarms.ts';
import type { Store } from './store/contract.ts';
import type { StoreClock } from './store-clock.ts';
import { type Duty, duty } from './sweep.ts';
import type { Worker } from './worker.ts';

const HOUR_MS = 3_600_000;
const MAX_ALARMS = 200;
const PARK_EVERY_MS = 15_000;
const RECONCILE_EVERY_MS = 3_000;

interface UpkeepDeps {
  readonly store: Store;
  readonly clock: StoreClock;
  readonly alarms: Alarms;
  readonly worker: Worker | null;
  readonly served: ReadonlySet<number>;
  readonly defs: readonly number[];
  readonly queueName: (queue: number) => string;
  readonly sweepIntervalMs: number;
}

export function upkeep({
  store,
  clock,
  alarms,
  worker,
  served,
  defs,
  queueName,
  sweepIntervalMs,
}: UpkeepDeps): readonly Duty[] {
  const everyPass = sweepIntervalMs;
  const nextDue = duty('next-due', everyPass, async () => {
    const { now, due } = await store.nextDue([...served], defs);
    clock.observe(now);
    for (const at of due.values()) if (at <= now + 2 * sweepIntervalMs) worker?.expect(at);
  });
  const alarmsDuty = duty('alarms', everyPass, async () => {
    const buckets = await store.dueBuckets(alarmHorizonMs(sweepIntervalMs), ALARM_BUCKET_MS, MAX_ALARMS);
    alarms.topUp(
      buckets.map(({ queue, at }) => ({ queue: queueName(queue), at })),
      clock.now(),
    );
    return buckets.length;
  });
  const reap = duty('reap', everyPass, async () => {
    const reaped = await store.reap();
    if (reaped.queues.some((queue) => served.has(queue))) worker?.wake();
    for (const queue of reaped.queues) store.announce(queue, clock.now());
    return reaped;
  });
  const held = duty('held', everyPass, async () => {
    if (!worker?.working) return;
    await worker.look(worker.heldIds);
    await worker.flushLeases();
  });
  const reconcile = duty('reconcile', RECONCILE_EVERY_MS, async () => worker?.reconcile());
  const park = duty('park', PARK_EVERY_MS, () => store.park());
  const limits = duty('limits', everyPass, async () => {
    const admitted = await store.admit();
    for (const { queue, at } of admitted.due) {
      if (served.has(queue)) worker?.expect(at);
      if (at <= clock.now() + 2 * sweepIntervalMs) store.announce(queue, at);
    }
    return admitted;
  });
  const days = duty('days', HOUR_MS, () => store.prepareDays());
  return worker ? [nextDue, held, reap, limits, alarmsDuty, reconcile, park, days] : [alarmsDuty, days];
}
