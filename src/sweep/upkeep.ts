/** The sweep's duties, in the order in which they matter. */
import { ALARM_BUCKET_MS, alarmHorizonMs } from '../alarms/plan.ts';
import type { Alarms } from '../alarms.ts';
import type { Store } from '../store/contract.ts';
import type { RecoverReply } from '../store/operating.ts';
import type { StoreClock } from '../store-clock.ts';
import { type Duty, type DutyReport, duty } from '../sweep.ts';
import type { Worker } from '../worker.ts';

const HOUR_MS = 3_600_000;
const MAX_ALARMS = 200;
const PARK_EVERY_MS = 15_000;
const RECONCILE_EVERY_MS = 3_000;
/** How often others hear of the duties themselves: the doctor asks for three times that before it worries. */
const REPORT_EVERY_MS = 5_000;
const MEND_EVERY_MS = 30_000;
const FORGET_EVERY_MS = 30_000;
const PRUNE_EVERY_MS = 600_000;

/** What every worker's sweep does: the doctor asks for each of them. */
export const workerDuties: readonly string[] = [
  'next-due',
  'held',
  'reap',
  'alarms',
  'reconcile',
  'park',
  'days',
  'report',
  'limits',
  'mend',
  'forget',
  'prune',
];

interface UpkeepDeps {
  readonly store: Store;
  readonly clock: StoreClock;
  readonly alarms: Alarms;
  readonly worker: Worker | null;
  readonly served: ReadonlySet<number>;
  readonly defs: readonly number[];
  readonly queueName: (queue: number) => string;
  readonly sweepIntervalMs: number;
  /** What the sweep has done so far. */
  readonly report: () => readonly DutyReport[];
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
  report: reportOf,
}: UpkeepDeps): readonly Duty[] {
  const everyPass = sweepIntervalMs;
  const nextDue = duty('next-due', everyPass, async () => {
    const { now, due } = await store.nextDue([...served], defs);
    clock.observe(now);
    for (const at of due.values()) if (at <= now + 2 * sweepIntervalMs) worker?.expect(at);
    if (worker?.working) await worker.inherit();
  });
  const alarmsDuty = duty('alarms', everyPass, async () => {
    const buckets = await store.dueBuckets(alarmHorizonMs(sweepIntervalMs), ALARM_BUCKET_MS, MAX_ALARMS);
    alarms.topUp(
      buckets.map(({ queue, at }) => ({ queue: queueName(queue), at })),
      clock.now(),
    );
    return buckets.length;
  });
  const recovered = (reply: RecoverReply): RecoverReply => {
    if (reply.queues.some((queue) => served.has(queue))) worker?.wake();
    for (const queue of reply.queues) store.announce(queue, clock.now());
    return reply;
  };
  const reap = duty('reap', everyPass, async () => recovered(await store.reap()));
  const mend = duty('mend', MEND_EVERY_MS, async () => recovered(await store.mend()), true);
  const held = duty('held', everyPass, async () => {
    if (!worker?.working) return;
    await worker.reconciliation.look(worker.heldIds);
    await worker.reconciliation.flushLeases();
  });
  const reconcile = duty('reconcile', RECONCILE_EVERY_MS, async () => worker?.reconciliation.reconcile());
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
  const forget = duty('forget', FORGET_EVERY_MS, () => store.forget(), true);
  const prune = duty('prune', PRUNE_EVERY_MS, (signal) => store.prune(null, signal), true);
  const report = duty('report', REPORT_EVERY_MS, async () => {
    const now = clock.now();
    const states = reportOf().map(({ lastPassAgeMs, ...duty }) => ({
      ...duty,
      lastPassAt: lastPassAgeMs === null ? null : Math.floor(now - lastPassAgeMs),
    }));
    if (worker) await store.reportDuties(worker.id, states);
  });
  const regular = [nextDue, held, reap, limits, alarmsDuty, reconcile, park, days, report];
  return worker ? [...regular, mend, forget, prune] : [alarmsDuty, days];
}
