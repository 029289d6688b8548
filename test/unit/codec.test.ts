import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical, decode, encode } from '../../src/codec.ts';
import { InvalidInputError } from '../../src/errors.ts';

const roomy = { path: 'input', maxBytes: 1_000_000 };
const trip = (value: unknown): unknown => decode(encode(value, roomy));

function refusal(value: unknown, options = roomy): InvalidInputError {
  try {
    encode(value, options);
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('what comes back', () => {
  test('plain JSON is stored as JSON behind one character', () => {
    const value = { a: [1, 'two', null, true, { b: {} }], 'x y': -1.5 };
    expect(encode(value, roomy)).toBe(`1${JSON.stringify(value)}`);
    expect(trip(value)).toEqual(value);
  });

  test('nothing at all comes back as nothing', () => {
    expect(encode(undefined, roomy)).toBe('1');
    expect(trip(undefined)).toBeUndefined();
  });

  test('a Date comes back as a Date', () => {
    const value = { at: new Date('2026-11-21T10:00:00.123Z'), list: [new Date(0)] };
    expect(trip(value)).toEqual(value);
    expect((trip(value) as typeof value).at).toBeInstanceOf(Date);
  });

  test('an error comes back as an Error with name, message and code', () => {
    class PaymentError extends Error {
      override name = 'PaymentError';
      code = 'DECLINED';
      secret = 'not stored';
    }
    const back = trip({ error: new PaymentError('no') }) as { error: Error & { code: string; secret?: string } };
    expect(back.error).toBeInstanceOf(Error);
    expect(back.error).toMatchObject({ name: 'PaymentError', message: 'no', code: 'DECLINED' });
    expect(back.error.secret).toBeUndefined();
    expect(back.error.stack).toBe('PaymentError: no');
  });

  test('undefined is dropped from objects and kept in lists', () => {
    const back = trip({ gone: undefined, list: [undefined, 1] }) as { list: unknown[] };
    expect(Object.keys(back)).toEqual(['list']);
    expect(back.list).toEqual([undefined, 1]);
    expect(trip([new Date(0), { gone: undefined }])).toEqual([new Date(0), {}]);
  });

  test('minus zero comes back as zero', () => {
    expect(Object.is((trip({ zero: -0 }) as { zero: number }).zero, 0)).toBe(true);
  });

  test('objects that look like what the codec writes come back as they were', () => {
    const lookalikes = [
      { $: 'date', value: 'yesterday' },
      { $: 'error', name: 'n', message: 'm' },
      { $: 'object', value: { $: 'undefined' } },
      { $: { $: 'actor', id: 'x', address: '~1' } },
    ];
    for (const value of lookalikes) {
      expect(trip(value)).toEqual(value);
      expect(trip({ value, at: new Date(5) })).toEqual({ value, at: new Date(5) });
    }
  });

  test('keys like __proto__ and constructor are data and change no prototype', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"at":1}');
    for (const tagged of [value, { value, at: new Date(0), gone: undefined }]) {
      for (const back of [trip(tagged), canonical(tagged, 'x')]) {
        expect(JSON.stringify(back)).toBe(JSON.stringify(tagged));
        expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
      }
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('NUL and lone surrogates survive, in text that holds neither', () => {
    const value = { text: `a\u0000b\ud800c\udfff`, '\u0000key': 1 };
    const text = encode(value, roomy);
    expect(text).not.toContain('\u0000');
    expect(() => encodeURIComponent(text)).not.toThrow();
    expect(trip(value)).toEqual(value);
  });

  test('any JSON value comes back equal, alone or beside something that needs a tag', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, tagged) => {
        const whole = tagged ? [value, new Date(7)] : value;
        expect(JSON.stringify(trip(whole))).toBe(JSON.stringify(whole));
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('what is refused', () => {
  class Money {
    amount = 1;
  }
  test.each([
    ['a function', { items: [0, 0, 0, { when: () => 1 }] }, 'input.items[3].when', 'function'],
    ['a symbol', { a: Symbol('s') }, 'input.a', 'symbol'],
    ['a BigInt', { 'not an identifier': 1n }, 'input["not an identifier"]', 'bigint'],
    ['NaN', [Number.NaN], 'input[0]', 'NaN'],
    ['Infinity', { a: { b: Number.POSITIVE_INFINITY } }, 'input.a.b', 'Infinity'],
    ['a Map', { map: new Map() }, 'input.map', 'Map'],
    ['a Set', { set: new Set() }, 'input.set', 'Set'],
    ['a class instance', { price: new Money() }, 'input.price', 'Money'],
    ['an object with a toJSON of its own', { a: { toJSON: () => 'no' } }, 'input.a.toJSON', 'function'],
    ['an invalid Date', { at: new Date(Number.NaN) }, 'input.at', 'invalid Date'],
  ])('%s, naming its path', (_what, value, path, problem) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.code).toBe('INVALID_INPUT');
    expect(error.message).toContain(problem);
  });

  test('a cycle, naming where it closes', () => {
    const value: { a: { list: unknown[] } } = { a: { list: [] } };
    value.a.list.push({ back: value.a });
    expect(refusal(value).path).toBe('input.a.list[0].back');
    expect(refusal(value).message).toContain('cycle');
  });

  test('more than 200 levels, with an error instead of a stack overflow', () => {
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(trip(nested(200))).toEqual(nested(200));
    expect(refusal(nested(5000)).message).toContain('200 levels');
  });

  test('shared parts that unfold without end', () => {
    let value: unknown[] = [];
    for (let level = 0; level < 60; level += 1) value = [value, value];
    expect(refusal(value).message).toContain('values');
  });

  test('too many bytes, naming path, size and limit', () => {
    const error = refusal({ text: 'ä'.repeat(100) }, { path: 'event', maxBytes: 150 });
    expect(error.path).toBe('event');
    expect(error.message).toContain('212');
    expect(error.message).toContain('150');
    expect(encode({ text: 'ä'.repeat(100) }, { path: 'event', maxBytes: 212 })).toHaveLength(112);
  });

  test('a text of another codec', () => {
    expect(() => decode('9{}')).toThrow("codec '9'");
  });
});

describe('canonical', () => {
  test('gives the value itself where the text would say the same', () => {
    const value = { a: [1, { b: 'c' }] };
    expect(canonical(value, 'x')).toBe(value);
  });

  test('gives what the text would give otherwise', () => {
    const error = Object.assign(new TypeError('bad'), { code: 7, extra: 1 });
    const value = { gone: undefined, at: new Date(5), zero: -0, list: [undefined], error };
    const once = canonical(value, 'x') as { error: Error };
    expect(once).toEqual(trip(value));
    expect(Object.keys(once)).toEqual(['at', 'zero', 'list', 'error']);
    expect((canonical(once, 'x') as { error: Error }).error).toBe(once.error);
  });
});
