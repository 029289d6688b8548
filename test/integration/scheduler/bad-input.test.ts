/** What is refused at the door, by name and path, before anything is written; and what looks odd but is taken as data. */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { z } from 'zod';
import {
  ActorNotFoundError,
  defineActor,
  defineJob,
  InvalidInputError,
  InvalidOptionError,
  InvalidStateError,
  type Scheduler,
  UnknownDefinitionError,
} from '../../../src/index.ts';
import { useSchedulers } from '../../support/scheduler.ts';

const schedulers = useSchedulers();

const echo = defineJob({ name: 'echo', run: ({ input }: { input: unknown }) => input });
const typed = defineJob({
  name: 'typed',
  input: z.object({ to: z.email(), items: z.array(z.object({ n: z.number() })) }),
  run: ({ input }) => input.items.length,
});
const idle = defineActor({ name: 'idle', machine: setup({}).createMachine({ on: { ping: {} } }) });

const definitions = [echo, typed, idle];

function open(options: { maxPayload?: number } = {}): Promise<Scheduler> {
  return schedulers.open({ definitions, start: false, ...options });
}

const cycle: { a: { back?: unknown } } = { a: {} };
cycle.a.back = cycle;

test.each([
  ['a BigInt', { a: { b: [1, 2n] } }, 'input.a.b[1]'],
  ['a function', { call: () => 1 }, 'input.call'],
  ['a symbol', [Symbol('s')], 'input[0]'],
  ['NaN', { rate: Number.NaN }, 'input.rate'],
  ['a class instance', { 'odd key': new Map() }, 'input["odd key"]'],
  ['an invalid date', { at: new Date(Number.NaN) }, 'input.at'],
])('%s in the input is refused by path', async (_, input, path) => {
  const scheduler = await open();
  const refused = scheduler.schedule(echo, input);
  await expect(refused).rejects.toThrow(InvalidInputError);
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_INPUT', path });
  expect((await scheduler.list()).items).toEqual([]);
});

test('a cycle in the input is refused, naming a place in it', async () => {
  const scheduler = await open();
  await expect(scheduler.schedule(echo, cycle)).rejects.toThrow(
    /^input\.a\.back: refers to an object that contains it/,
  );
});

test('an input that fails its schema is refused by path', async () => {
  const scheduler = await open();
  const refused = scheduler.schedule(typed, { to: 'a@b.cd', items: [{ n: 1 }, { n: 'two' as unknown as number }] });
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_INPUT', path: 'input.items[1].n' });
  await expect(scheduler.schedule('typed')).rejects.toMatchObject({ code: 'INVALID_INPUT', path: 'input' });
});

test('an input over a mebibyte is refused with both sizes, and the limit can be set', async () => {
  const scheduler = await open();
  const text = 'x'.repeat(1_048_576);
  await expect(scheduler.schedule(echo, text)).rejects.toThrow(/^input: takes 1048579 bytes; the limit is 1048576/);
  await scheduler.schedule(echo, text.slice(3));
  const small = await open({ maxPayload: 2048 });
  await expect(small.schedule(echo, 'ü'.repeat(1100))).rejects.toThrow(/the limit is 2048/);
});

test('unknown options and values out of range are refused, naming the option and the range', async () => {
  const scheduler = await open();
  const refusals: [unknown, RegExp][] = [
    [{ delya: 5 }, /^Option 'delya' is unknown\. Known here: delay, at,/],
    [{ delay: -1 }, /^Option 'delay' must be a duration from 0ms to 366d/],
    [{ delay: '367d' }, /^Option 'delay' must be a duration from 0ms to 366d/],
    [{ delay: '5 minutes' }, /^Option 'delay' must be a duration/],
    [{ delay: 1, at: new Date() }, /^Option 'at' excludes 'delay'/],
    [{ at: new Date('never') }, /^Option 'at' must be a valid Date, got an invalid Date/],
    [{ at: '2030-01-01' }, /^Option 'at' must be a valid Date/],
    [{ priority: 10 }, /^Option 'priority' must be a whole number from 0 to 9/],
    [{ priority: 1.5 }, /^Option 'priority'/],
    [{ queue: 'no spaces' }, /^Option 'queue' must start with a letter/],
    [{ queue: "q';drop" }, /^Option 'queue'/],
    [{ labels: ['ok', ''] }, /^Option 'labels\[1\]' must be text of 1 to 64 bytes/],
    [{ labels: Array.from({ length: 21 }, () => 'x') }, /^Option 'labels' must be a list of at most 20/],
    [{ idempotencyKey: '' }, /^Option 'idempotencyKey'/],
    [{ idempotencyKey: 'k'.repeat(513) }, /^Option 'idempotencyKey' must be text of 1 to 512 bytes/],
    [{ idempotencyKey: 'nul \0' }, /^Option 'idempotencyKey' must be text without NUL/],
    [{ client: {} }, /^Option 'client'/],
    ['soon', /^Option 'options' must be an object/],
  ];
  for (const [options, message] of refusals) {
    const refused = scheduler.schedule(echo, 1, options as never);
    await expect(refused).rejects.toThrow(InvalidOptionError);
    await expect(refused).rejects.toThrow(message);
  }
  expect((await scheduler.list()).items).toEqual([]);
});

test('an unknown name says which names are known', async () => {
  const scheduler = await open();
  await expect(scheduler.schedule('ehco')).rejects.toThrow(UnknownDefinitionError);
  await expect(scheduler.schedule('ehco')).rejects.toThrow(/Known here: echo, typed, idle/);
  const stranger = defineJob({ name: 'stranger', run: () => undefined });
  await expect(scheduler.schedule(stranger)).rejects.toThrow(UnknownDefinitionError);
});

test('text the database cannot hold as JSON, and keys JavaScript treats specially, are kept as data', async () => {
  const scheduler = await schedulers.open({ definitions });
  const input = {
    text: 'NUL \0, a lone surrogate \ud800',
    'key\0\udfff': 1,
    proto: JSON.parse('{"__proto__":{"x":1}}') as object,
  };
  const handle = await scheduler.schedule(echo, input);
  const { output } = await handle.result({ timeout: '10s' });
  expect(output).toEqual(input);
  expect(Object.keys((output as typeof input).proto)).toEqual(['__proto__']);
});

test('events that are no events, or the engine’s own, are refused', async () => {
  const scheduler = await open();
  const { id } = await scheduler.schedule(idle);
  const refusals: unknown[] = [
    undefined,
    null,
    'ping',
    {},
    { type: 1 },
    { type: '' },
    { type: '*' },
    { type: 'xstate.init' },
    { type: 'xstate.done.actor.run' },
    { type: 'xstate.after.1000.idle' },
    { type: 'attempt.interrupted' },
  ];
  for (const event of refusals) {
    await expect(scheduler.send(id, event as never)).rejects.toMatchObject({ path: 'event.type' });
  }
  await expect(scheduler.send(id, { type: 'ping', n: 1n })).rejects.toMatchObject({ path: 'event.n' });
  await expect(scheduler.send(id, { type: 'ping', text: 'x'.repeat(1_048_576) })).rejects.toThrow(InvalidInputError);
  await expect(scheduler.send(id, { type: 'ping' }, { dedupId: 'd'.repeat(513) })).rejects.toThrow(InvalidOptionError);
  expect((await scheduler.get(id))?.mail).toBe(0);
});

test('an id that cannot be one is an unknown actor, and disturbs nobody else', async () => {
  const scheduler = await schedulers.open({ definitions });
  const good = await scheduler.schedule(echo, 1, { delay: 100 });
  for (const id of ['nonsense', '', good.id.toUpperCase(), "'; drop table", 7 as never]) {
    expect(await scheduler.get(id)).toBeNull();
    await expect(scheduler.send(id, { type: 'ping' })).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.cancel(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.runNow(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.release(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.history(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.explain(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.waitFor(id)).rejects.toThrow(ActorNotFoundError);
    await expect(scheduler.getHandle(id).result()).rejects.toThrow(ActorNotFoundError);
  }
  expect(await good.result({ timeout: '10s' })).toMatchObject({ status: 'success' });
});

test('options of the smaller calls are checked as well', async () => {
  const scheduler = await open();
  const { id } = await scheduler.schedule(echo, 1, { delay: '1h' });
  const calls: [() => Promise<unknown>, RegExp][] = [
    [() => scheduler.cancel(id, 'nul \0'), /reason/],
    [() => scheduler.reschedule(id, new Date(Number.NaN)), /'at'/],
    [() => scheduler.reschedule(id, '2030' as never), /'at'/],
    [() => scheduler.pauseQueue('no spaces'), /'queue'/],
    [() => scheduler.resumeQueue(''), /'queue'/],
    [() => scheduler.waitFor(id, { timeout: -1 }), /'timeout'/],
    [() => scheduler.waitFor(id, { stat: 'x' } as never), /'stat' is unknown/],
    [() => scheduler.getHandle(id).result({ timeout: 'soon' as never }), /'timeout'/],
    [() => scheduler.list({ limit: 0 }), /'limit' must be a whole number from 1 to 1000/],
    [() => scheduler.list({ status: 'running' as never }), /'status' must be 'active' or/],
    [() => scheduler.list({ cursor: 'x' }), /'cursor'/],
    [() => scheduler.list({ parentId: 'x' }), /'parentId'/],
    [() => scheduler.stop({ timeout: 'never' as never }), /'timeout'/],
  ];
  for (const [call, message] of calls) {
    await expect(call()).rejects.toThrow(InvalidOptionError);
    await expect(call()).rejects.toThrow(message);
  }
  await expect(scheduler.release(id)).rejects.toThrow(InvalidStateError);
});
