import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { setup } from 'xstate';
import { z } from 'zod';
import type { Handle, Schedule } from '../../src/definitions/handle.ts';
import { parseInput } from '../../src/definitions/input-schema.ts';
import { createRegistry } from '../../src/definitions/registry.ts';
import type {
  AnyDefinition,
  EventOf,
  InputArgs,
  InputOf,
  JobDefinition,
  OutputOf,
} from '../../src/definitions/typed-name.ts';
import { defineActor, defineJob, internalsOf } from '../../src/definitions.ts';
import {
  DefinitionVersionError,
  InvalidInputError,
  InvalidOptionError,
  UnknownDefinitionError,
} from '../../src/errors.ts';
import type { ScheduleOptions } from '../../src/options.ts';
import type { RunRecord } from '../../src/run-record.ts';

const Order = z.object({
  id: z.string(),
  items: z.array(z.object({ price: z.string().transform(Number) })).default([]),
});

const charge = defineJob({
  name: 'charge',
  input: Order,
  run: ({ input }) => Promise.resolve({ total: input.items.reduce((sum, { price }) => sum + price, 0) }),
});

const light = setup({
  types: {
    input: {} as { readonly minutes: number },
    events: {} as { type: 'switch'; to: 'on' | 'off' },
    output: {} as { readonly spent: number },
  },
}).createMachine({
  initial: 'off',
  states: { off: { on: { switch: 'on' } }, on: { type: 'final' } },
  output: { spent: 1 },
});

describe('types', () => {
  test('with a schema, callers give its input and the handler gets its output', () => {
    expectTypeOf<InputOf<typeof charge>>().toEqualTypeOf<{ id: string; items?: { price: string }[] | undefined }>();
    expectTypeOf<OutputOf<typeof charge>>().toEqualTypeOf<{ total: number }>();
    defineJob({
      name: 'x',
      input: Order,
      run: ({ input, signal }) => {
        expectTypeOf(input).toEqualTypeOf<{ id: string; items: { price: number }[] }>();
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      },
    });
  });

  test("without a schema the handler's own annotation says what callers give", () => {
    const greet = defineJob({ name: 'greet', run: ({ input }: { input: { to: string } }) => `hello ${input.to}` });
    const tick = defineJob({ name: 'tick', run: () => {} });
    expectTypeOf<OutputOf<typeof greet>>().toEqualTypeOf<string>();
    expectTypeOf<InputOf<typeof tick>>().toEqualTypeOf<undefined>();
    expectTypeOf<OutputOf<typeof tick>>().toEqualTypeOf<void>();
    expectTypeOf(defineJob<{ to: string }, number>({ name: 'x', run: ({ input }) => input.to.length })).toEqualTypeOf<
      JobDefinition<{ to: string }, number>
    >();
  });

  test('an actor has the types of its machine', () => {
    const lamp = defineActor({ name: 'lamp', machine: light });
    expectTypeOf<InputOf<typeof lamp>>().toEqualTypeOf<{ readonly minutes: number }>();
    expectTypeOf<OutputOf<typeof lamp>>().toEqualTypeOf<{ readonly spent: number }>();
    expectTypeOf<EventOf<typeof lamp>>().toEqualTypeOf<{ type: 'switch'; to: 'on' | 'off' }>();
  });

  test('every typed definition is an AnyDefinition', () => {
    const all: AnyDefinition[] = [
      charge,
      defineActor({ name: 'lamp', machine: light }),
      defineJob({ name: 'x', run: () => 5 }),
    ];
    expect(all).toHaveLength(3);
    expectTypeOf<InputOf<AnyDefinition>>().toEqualTypeOf<unknown>();
  });

  test('scheduling needs the input, unless it may be undefined, and gives a typed handle', () => {
    expectTypeOf<InputArgs<{ a: 1 }, ScheduleOptions>>().toEqualTypeOf<[input: { a: 1 }, options?: ScheduleOptions]>();
    expectTypeOf<InputArgs<undefined, ScheduleOptions>>().toEqualTypeOf<
      [input?: undefined, options?: ScheduleOptions]
    >();
    const compiled = (schedule: Schedule, handle: Handle<typeof charge>): unknown[] => [
      schedule(charge, { id: 'a' }),
      schedule('charge', { anything: true }, { delay: '5s' }),
      // @ts-expect-error the input is missing
      schedule(charge),
      // @ts-expect-error the input has another shape
      schedule(charge, { id: 5 }),
      // @ts-expect-error 'delay' and 'at' exclude each other
      schedule(charge, { id: 'a' }, { delay: 5, at: new Date() }),
      // @ts-expect-error weeks are no unit
      schedule(charge, { id: 'a' }, { delay: '5w' }),
      // @ts-expect-error jobs know no such event
      handle.send({ type: 'switch' }),
      handle.send({ type: 'job.reschedule', to: 5 }),
    ];
    expectTypeOf(compiled).returns.toBeArray();
    expectTypeOf<ReturnType<Handle<typeof charge>['result']>>().resolves.toEqualTypeOf<RunRecord<{ total: number }>>();
  });

  test('only a success has an output, only a drop a reason', () => {
    const read = (record: RunRecord<number>): number | string =>
      record.status === 'success' ? record.output : record.reason;
    expectTypeOf(read).returns.toEqualTypeOf<number | string>();
  });

  test('a definition is checked while it is written', () => {
    // @ts-expect-error a job needs a handler
    expect(() => defineJob({ name: 'x' })).toThrow(InvalidOptionError);
    // @ts-expect-error a misspelt option
    expect(() => defineJob({ name: 'x', run: () => {}, prioritty: 5 })).toThrow(/'prioritty' is unknown/);
    // @ts-expect-error an actor's input schema has to give what its machine takes
    const wrong = () => defineActor({ name: 'lamp', machine: light, input: z.object({ hours: z.number() }) });
    expect(wrong).not.toThrow();
  });
});

describe('definitions', () => {
  test('callers see kind, name and version, and nothing of the handler', () => {
    expect(JSON.stringify(charge)).toBe('{"kind":"job","name":"charge","version":1}');
    expect(Object.isFrozen(charge)).toBe(true);
  });

  test("the engine sees a standard machine under the definition's own policy", () => {
    const entry = internalsOf(
      defineJob({ name: 'x', version: 2, attemptTimeout: '5s', onAmbiguous: 'drop', run: () => {} }),
    );
    expect(entry).toMatchObject({
      kind: 'job',
      version: 2,
      standard: true,
      initialState: '"scheduled"',
      attemptTimeoutMs: 5000,
      onAmbiguous: 'drop',
    });
    const { attemptTimeout } = entry.machine.implementations.delays;
    expect((attemptTimeout as (args: object) => number)({ context: {} })).toBe(5000);
  });

  test('a custom machine is taken as it is', () => {
    const entry = internalsOf(defineActor({ name: 'lamp', machine: light, retention: { done: '1h' } }));
    expect(entry).toMatchObject({
      kind: 'actor',
      standard: false,
      initialState: null,
      retention: { doneMs: 3_600_000 },
    });
    expect(entry.machine).toBe(light);
  });
});

describe('input', () => {
  test('what the schema gives is what counts', () => {
    expect(parseInput(internalsOf(charge), { id: 'a', items: [{ price: '5' }] })).toEqual({
      id: 'a',
      items: [{ price: 5 }],
    });
    expect(parseInput(internalsOf(defineJob({ name: 'x', run: () => {} })), undefined)).toBeUndefined();
  });

  test.each<[unknown, string, RegExp]>([
    [{ id: 'a', items: [{ price: '5' }, { price: 5 }] }, 'input.items[1].price', /expected string/],
    [{ id: 5, items: 5 }, 'input.id', /expected string.* \(and 1 more\)/],
    [undefined, 'input', /expected object/],
  ])('%j is refused with its path', (input, path, message) => {
    expect(() => parseInput(internalsOf(charge), input)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', path, message: expect.stringMatching(message) }),
    );
  });

  test('an asynchronous schema is waited for', async () => {
    const schema = z.string().refine((text) => Promise.resolve(text !== 'taken'), 'is taken');
    const job = internalsOf(defineJob({ name: 'x', input: schema, run: () => {} }));
    expect(await parseInput(job, 'free')).toBe('free');
    await expect(parseInput(job, 'taken')).rejects.toThrow(new InvalidInputError('input', 'is taken'));
  });

  test('any standard schema will do, also one that is a function, and paths of segments', () => {
    const schema: StandardSchemaV1<string> = Object.assign(() => {}, {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'is wrong', path: [{ key: 'a' }, 0, Symbol.iterator] }] }),
      },
    });
    const job = internalsOf(defineJob({ name: 'x', input: schema, run: () => {} }));
    expect(() => parseInput(job, '')).toThrow('input.a[0].Symbol(Symbol.iterator): is wrong');
  });
});

describe('registry', () => {
  const first = defineJob({ name: 'a', run: () => {} });
  const second = defineJob({ name: 'a', version: 2, run: () => {} });
  const other = defineActor({ name: 'b', machine: light });

  test('a name means its newest version, in whatever order they were given', () => {
    for (const registry of [createRegistry([first, second, other]), createRegistry([other, second, first])]) {
      expect(registry.newest('a').version).toBe(2);
      expect(registry.find('a', 1)).toBe(internalsOf(first));
      expect(registry.find('a', 3)).toBeUndefined();
      expect(registry.of(first)).toBe(internalsOf(first));
      expect([...registry.names].sort()).toEqual(['a', 'b']);
      expect(registry.all).toHaveLength(3);
    }
  });

  test('a name and a version mean one definition', () => {
    const twin = defineActor({ name: 'a', version: 2, machine: light });
    expect(() => createRegistry([second, twin])).toThrow(DefinitionVersionError);
    expect(() => createRegistry([second, second])).toThrow(/named 'a' with version 2/);
  });

  test('what is not registered is not known', () => {
    const registry = createRegistry([first, other]);
    expect(() => registry.newest('c')).toThrow("No definition named 'c'. Known here: a, b.");
    expect(() => registry.of(second)).toThrow(UnknownDefinitionError);
    expect(() => registry.of(defineJob({ name: 'a', run: () => {} }))).toThrow(UnknownDefinitionError);
    expect(() => createRegistry([{ kind: 'job', name: 'forged', version: 1 }])).toThrow(InvalidOptionError);
  });
});
