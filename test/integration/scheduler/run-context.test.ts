/** What a handler gets to know of its run, and what it can say while it runs. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../../src/index.ts';
import { deferred } from '../../support/deferred.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();
const quick = { backoff: { base: 5, jitter: 0 } } as const;

test('id, name, key and due time stay the same over retries; attempt and attempt id do not', async () => {
  const seen: { id: string; name: string; attempt: number; attemptId: string; key: string; nominalAt: number }[] = [];
  const flaky = defineJob({
    name: 'flaky',
    retry: quick,
    run({ id, name, attempt, attemptId, idempotencyKey, nominalAt }) {
      seen.push({ id, name, attempt, attemptId, key: idempotencyKey, nominalAt: nominalAt.getTime() });
      if (attempt < 3) throw new Error('again');
    },
  });
  const scheduler = await schedulers.open({ definitions: [flaky] });
  const at = new Date(Date.now() + 1000);
  const handle = await scheduler.schedule(flaky, undefined, { at });
  await handle.result({ timeout: '10s' });
  expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(new Set(seen.map(({ attemptId }) => attemptId)).size).toBe(3);
  expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
  expect(seen[0]?.key).toContain(handle.id);
  for (const each of seen) expect(each).toMatchObject({ id: handle.id, name: 'flaky', nominalAt: at.getTime() });
});

test('two runs of one job have two idempotency keys', async () => {
  const tell = defineJob({ name: 'tell', run: ({ idempotencyKey }) => idempotencyKey });
  const scheduler = await schedulers.open({ definitions: [tell] });
  const handles = await scheduler.scheduleMany(tell, [{ input: undefined }, { input: undefined }]);
  const [first, second] = await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })));
  expect(first?.output).not.toBe(second?.output);
});

test('the handler gets what the schema gave, defaults and transformations included', async () => {
  const schema = z.object({ when: z.string().transform((text) => text.length), times: z.number().default(3) });
  const typed = defineJob({ name: 'typed', input: schema, run: ({ input }) => input.when + input.times });
  const scheduler = await schedulers.open({ definitions: [typed] });
  const record = await (await scheduler.schedule(typed, { when: 'noon' })).result({ timeout: '10s' });
  expect(record.output).toBe(7);
});

test('dates, undefined members and odd keys reach the handler as they were', async () => {
  const echo = defineJob({ name: 'echo', run: ({ input }: { input: unknown }) => input });
  const scheduler = await schedulers.open({ definitions: [echo] });
  const input = {
    at: new Date(1_700_000_000_000),
    list: [1, undefined, null],
    $: 'a key of our own codec',
    text: 'NUL \0, a lone surrogate \ud800, and 🦀',
    nested: JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object,
  };
  const { output } = await (await scheduler.schedule(echo, input)).result({ timeout: '10s' });
  expect(output).toEqual(input);
  const nested = (output as typeof input).nested;
  expect(Object.hasOwn(nested, '__proto__')).toBe(true);
  expect(Object.getPrototypeOf(nested)).toBe(Object.prototype);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('progress is shown in the view while the run goes on, survives a retry, and stays after it settled', async () => {
  const second = deferred();
  const steps = defineJob({
    name: 'steps',
    retry: quick,
    async run({ attempt, progress }) {
      if (attempt === 1) {
        await progress({ done: 10, of: 100 });
        throw new Error('again');
      }
      await second.promise;
    },
  });
  const scheduler = await schedulers.open({ definitions: [steps] });
  const handle = await scheduler.schedule(steps);
  await scheduler.waitFor(handle.id, { state: 'retrying', timeout: '10s' });
  expect((await scheduler.get(handle.id))?.progress).toEqual({ done: 10, of: 100 });
  second.resolve();
  expect(await handle.result({ timeout: '10s' })).toMatchObject({ status: 'success', attempts: 2 });
  expect((await scheduler.get(handle.id))?.progress).toEqual({ done: 10, of: 100 });
});

test('what a handler logs carries the actor, the name and the attempt', async () => {
  const chatty = defineJob({ name: 'chatty', run: ({ log }) => log.info({ step: 1 }, 'at work') });
  const scheduler = await schedulers.open({ definitions: [chatty] });
  const handle = await scheduler.schedule(chatty);
  await handle.result({ timeout: '10s' });
  expect(schedulers.log.filter(({ msg }) => msg === 'at work')).toEqual([
    expect.objectContaining({ level: 30, actor: handle.id, name: 'chatty', attempt: 1, step: 1 }),
  ]);
});

test('a run that schedules others does so once, however often it is retried', async () => {
  const child = defineJob({ name: 'child', run: ({ input }: { input: { n: number } }) => input.n });
  const outcomes: string[] = [];
  const parent = defineJob({
    name: 'parent',
    retry: quick,
    async run({ attempt, schedule }) {
      for (const n of [1, 2]) outcomes.push((await schedule(child, { n })).outcome);
      if (attempt < 3) throw new Error('after scheduling');
    },
  });
  const scheduler = await schedulers.open({ definitions: [parent, child] });
  await (await scheduler.schedule(parent)).result({ timeout: '10s' });
  const { items } = await scheduler.list({ name: 'child' });
  await Promise.all(items.map(({ id }) => scheduler.waitFor(id, { timeout: '10s' })));
  expect(items).toHaveLength(2);
  expect(outcomes.slice(0, 2)).toEqual(['scheduled', 'scheduled']);
  expect(outcomes).toHaveLength(6);
  for (const outcome of outcomes.slice(2)) expect(outcome).toMatch(/^skipped_/);
});
