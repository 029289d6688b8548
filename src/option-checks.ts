/**
 * How options are checked: each check takes a value and the option's name, and gives the value in its inner form or refuses
 * it, naming the option, the allowed range and what was given. Nothing is clamped and nothing unknown is passed over.
 */

import type pg from 'pg';
import { formatDuration, readDuration } from './duration.ts';
import { InvalidOptionError } from './errors.ts';

/** Refuses with InvalidOptionError or gives the value in the form used inside. */
export type Check<T> = (value: unknown, option: string) => T;

/** The checks of an object's options, by name. */
type Checks = Readonly<Record<string, Check<unknown>>>;

type Checked<C extends Checks> = { readonly [K in keyof C]: ReturnType<C[K]> };

/** Longest span any option takes. */
const MAX_DURATION_MS = 366 * 86_400_000;

/** A duration in milliseconds. */
export function duration(minMs: number, maxMs: number = MAX_DURATION_MS): Check<number> {
  const range = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return (value, option) => {
    const durationMs = readDuration(value);
    if (durationMs === null || durationMs < minMs || durationMs > maxMs) {
      refuse(option, `must be ${range}: milliseconds, or text like '250ms', '30s', '15m', '24h' or '7d'`, value);
    }
    return durationMs;
  };
}

export function integer(min: number, max: number): Check<number> {
  return (value, option) => {
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      refuse(option, `must be a whole number from ${min} to ${max}`, value);
    }
    return value as number;
  };
}

export function number(min: number, max: number): Check<number> {
  return (value, option) => {
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      refuse(option, `must be a number from ${min} to ${max}`, value);
    }
    return value;
  };
}

export function oneOf<const T extends string | boolean>(...allowed: readonly T[]): Check<T> {
  return (value, option) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) refuse(option, `must be ${allowed.map(show).join(' or ')}`, value);
    return found;
  };
}

/** A name that is used in tables, addresses and messages. */
export const name: Check<string> = (value, option) => {
  if (typeof value !== 'string' || !/^[A-Za-z][A-Za-z0-9._-]{0,127}$/.test(value)) {
    refuse(
      option,
      "must start with a letter, go on with letters, digits, '.', '_' or '-', and have at most 128",
      value,
    );
  }
  return value;
};

/** Free text that a text column takes. */
export function text(maxBytes: number): Check<string> {
  return (value, option) => {
    if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > maxBytes) {
      refuse(option, `must be text of 1 to ${maxBytes} bytes`, value);
    }
    if (/\0|\p{Surrogate}/u.test(value)) refuse(option, 'must be text without NUL and lone surrogates', value);
    return value;
  };
}

export function list<T>(maxCount: number, each: Check<T>): Check<readonly T[]> {
  return (value, option) => {
    if (!Array.isArray(value) || value.length > maxCount) {
      refuse(option, `must be a list of at most ${maxCount}`, value);
    }
    return value.map((item, index) => each(item, `${option}[${index}]`));
  };
}

/** A value of which only the kind is checked. */
export function kind<T>(what: string, is: (value: unknown) => boolean): Check<T> {
  return (value, option) => {
    if (!is(value)) refuse(option, `must be ${what}`, value);
    return value as T;
  };
}

export const date: Check<Date> = kind(
  'a valid Date',
  (value) => value instanceof Date && !Number.isNaN(value.getTime()),
);

/** A connected pg client, whose open transaction the call joins. */
export const client: Check<pg.ClientBase> = kind('a connected pg client', (value) =>
  isFunction((value as Partial<pg.ClientBase> | null)?.query),
);

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/** Takes the place of an option that is not given. */
export function optional<T, D>(check: Check<T>, fallback: D): Check<T | D> {
  return (value, option) => (value === undefined ? fallback : check(value, option));
}

/** Options by any name, each with the same check. */
export function record<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, option) => {
    const entries = Object.entries(plainObject(value, option));
    return Object.fromEntries(entries.map(([key, item]) => [key, check(item, `${option}.${key}`)]));
  };
}

/** An object with exactly these options. */
export function object<C extends Checks>(checks: C): Check<Checked<C>> {
  const all = Object.entries(checks);
  return (value, option) => {
    const given = value === undefined ? {} : plainObject(value, option);
    const prefix = option === '' ? '' : `${option}.`;
    for (const key of Object.keys(given)) {
      if (Object.hasOwn(checks, key)) continue;
      throw new InvalidOptionError(prefix + key, `is unknown. Known here: ${Object.keys(checks).join(', ')}.`);
    }
    const checked: Record<string, unknown> = {};
    for (const [key, check] of all) checked[key] = check(given[key], prefix + key);
    return checked as Checked<C>;
  };
}

function plainObject(value: unknown, option: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(option === '' ? 'options' : option, 'must be an object', value);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** Says what is wrong and what was given. */
export function refuse(option: string, problem: string, value: unknown): never {
  throw new InvalidOptionError(
    option,
    value === undefined ? `is missing: it ${problem}.` : `${problem}, got ${show(value)}.`,
  );
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'object' && value !== null
    ? 'an object'
    : typeof value === 'function'
      ? 'a function'
      : String(value);
}
