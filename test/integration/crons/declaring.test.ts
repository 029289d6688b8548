/** Whole sets of crons, declared at the start of an application by as many processes as there are. */
import { expect, test } from 'vitest';
import { type CronOptions, defineJob, InvalidOptionError, UnknownDefinitionError } from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const schedulers = useSchedulers();
const tick = defineJob<{ n: number } | undefined, void>({ name: 'tick', run: () => undefined });
const definitions = [tick];

function crons(count: number, given: Partial<CronOptions> = {}): CronOptions[] {
  return Array.from(
    { length: count },
    (_, n) => ({ id: `c${n}`, every: '1h', job: tick, input: { n }, ...given }) as CronOptions,
  );
}

/** Letters that were written to crons, as their journals show. */
async function updates(scheduler: Awaited<ReturnType<typeof schedulers.open>>): Promise<number> {
  const views = await scheduler.listCrons();
  const journals = await Promise.all(views.map(({ actorId }) => scheduler.history(actorId)));
  return journals.flat().filter(({ event }) => event.type === 'cron.update').length;
}

test('ten processes that declare the same set at once make each cron once, and write to none', async () => {
  const opened = await Promise.all(Array.from({ length: 10 }, () => schedulers.open({ definitions, start: false })));
  const [first] = opened as [(typeof opened)[0]];
  await Promise.all(opened.map((scheduler) => scheduler.applyCrons(crons(20))));
  const { items } = await first.list({ name: 'carillon.cron', limit: 1000 });
  expect(items.map(({ key }) => key ?? '').sort()).toEqual(
    crons(20)
      .map(({ id }) => `cron:${id}`)
      .sort(),
  );
  expect(items.every(({ mail }) => mail === 0)).toBe(true);
  await Promise.all(opened.map((scheduler) => scheduler.applyCrons(crons(20))));
  await first.start();
  await waitUntil(async () =>
    (await first.list({ name: 'carillon.cron', limit: 1000 })).items.every(({ seq }) => seq > 0),
  );
  expect(await updates(first)).toBe(0);
}, 60_000);

test('what changed is changed, by whoever comes, and the rest stays untouched', async () => {
  const [one, other] = await Promise.all([schedulers.open({ definitions }), schedulers.open({ definitions })]);
  await one.applyCrons(crons(5));
  await waitUntil(async () => (await one.list({ name: 'carillon.cron' })).items.every(({ seq }) => seq > 0));
  const set = [...crons(4), { ...(crons(5)[4] as CronOptions), input: { n: 40 } }];
  await Promise.all([one.applyCrons(set), other.applyCrons(set)]);
  await waitUntil(async () => (await one.list({ name: 'carillon.cron' })).items.every(({ mail }) => mail === 0));
  const changed = await updates(one);
  expect([1, 2]).toContain(changed);
  await other.applyCrons(set);
  expect(await updates(one)).toBe(changed);
  expect(await one.listCrons()).toHaveLength(5);
});

test('prune removes what was declared and no longer is, and nothing else', async () => {
  const scheduler = await schedulers.open({ definitions });
  await scheduler.scheduleCron({ id: 'by hand', every: '1h', job: tick });
  await scheduler.applyCrons(crons(3));
  await scheduler.applyCrons(crons(1));
  expect(await scheduler.listCrons()).toHaveLength(4);
  await scheduler.applyCrons(crons(1), { prune: true });
  await waitUntil(async () => (await scheduler.listCrons()).length === 2);
  expect((await scheduler.listCrons()).map(({ id, declared }) => [id, declared])).toEqual([
    ['by hand', false],
    ['c0', true],
  ]);
});

test('one wrong cron is named, and then none of the set is written', async () => {
  const scheduler = await schedulers.open({ definitions, start: false });
  const apply = (wrong: object): Promise<void> => scheduler.applyCrons([...crons(2), wrong as CronOptions]);
  const hourly = { id: 'x', every: '1h', job: tick };
  await expect(apply({ ...hourly, timezone: 'Mars' })).rejects.toThrow(/crons\[2\] \('x'\): Option 'timezone' must be/);
  await expect(apply({ ...hourly, id: 'c1' })).rejects.toThrow(/crons\[2\]\.id' 'c1' is that of crons\[1\] already/);
  await expect(apply({ ...hourly, job: 'unknown' })).rejects.toThrow(UnknownDefinitionError);
  await expect(apply({ ...hourly, job: 'unknown' })).rejects.toThrow(/^crons\[2\] \('x'\): No definition named/);
  await expect(apply({ ...hourly, limit: 1, deleteAfterRun: true })).rejects.toThrow(/bring it back.*scheduleCron/);
  await expect(apply({ ...hourly, endAt: new Date(9_000_000) })).rejects.toThrow(
    /crons\[2\] \('x'\): Option 'endAt' must be after/,
  );
  await expect(apply({ ...hourly, jitter: '2h' })).rejects.toThrow(
    /crons\[2\] \('x'\): Option 'jitter' must be at most/,
  );
  await expect(apply(null as never)).rejects.toThrow(InvalidOptionError);
  await expect(scheduler.applyCrons({} as never)).rejects.toThrow(InvalidOptionError);
  await expect(scheduler.applyCrons([], { purge: true } as never)).rejects.toThrow(InvalidOptionError);
  expect(await scheduler.listCrons()).toEqual([]);
});

test('a cron that came to its end does not run again, nor stop a start, when it is declared again', async () => {
  const runs: number[] = [];
  const counted = defineJob({ name: 'tick', run: ({ nominalAt }) => void runs.push(nominalAt.getTime()) });
  const scheduler = await schedulers.open({ definitions: [counted] });
  const endAt = new Date(Date.now() + 2_500);
  const set: CronOptions[] = [
    { id: 'limited', every: '1s', job: 'tick', limit: 1 },
    { id: 'ended', every: '1s', job: 'tick', endAt },
  ];
  const alone: CronOptions = { id: 'alone', every: '1s', job: 'tick', endAt };
  await scheduler.applyCrons(set);
  await scheduler.scheduleCron(alone);
  await waitUntil(async () => (await scheduler.listCrons()).every(({ state }) => state === 'retired'));
  expect(Date.now()).toBeGreaterThan(endAt.getTime() - 1_000);
  await waitUntil(() => Date.now() > endAt.getTime());
  const before = runs.length;
  await scheduler.applyCrons(set);
  expect((await scheduler.scheduleCron(alone)).outcome).toBe('skipped_in_flight');
  expect((await scheduler.listCrons()).map(({ state }) => state)).toEqual(['retired', 'retired', 'retired']);
  expect(runs).toHaveLength(before);
  // It no longer knows what was, and says so.
  await expect(scheduler.scheduleCron({ ...(set[1] as CronOptions), id: 'other' })).rejects.toThrow(
    /'endAt' must be after now/,
  );
});

test('a disabled one is there, paused, and what is declared later decides', async () => {
  const scheduler = await schedulers.open({ definitions });
  await scheduler.applyCrons(crons(1, { enabled: false }));
  expect(await scheduler.getCron('c0')).toMatchObject({ state: 'paused', pausedBecause: 'declared so' });
  await scheduler.applyCrons(crons(1));
  await waitUntil(async () => (await scheduler.getCron('c0'))?.state === 'waiting');
  await scheduler.pauseCron('c0');
  await waitUntil(async () => (await scheduler.getCron('c0'))?.state === 'paused');
  // Somebody paused it: another word about something else does not undo that.
  await scheduler.applyCrons(crons(1, { missed: 'skip' }));
  await waitUntil(async () => (await scheduler.getCron('c0'))?.policies.missed === 'skip');
  expect(await scheduler.getCron('c0')).toMatchObject({ state: 'paused', pausedBecause: 'asked to' });
});
