/** What was typed wrong, and how flags are read: each reader gives the value or says what it takes. Exit code 2. */
import { InvalidArgumentError } from 'commander';
import { type Duration, readDuration } from '../duration.ts';

/** The command line or the configuration cannot be used; the message says what to do instead. */
export class UsageError extends Error {}

export function readActorId(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('An actor id is a UUID; `carillon ls` shows them.');
}

/** The text itself, once it is known to be a duration. */
export function readDurationFlag(text: string): Duration {
  if (readDuration(text) === null)
    throw new InvalidArgumentError('Give a number and a unit: 250ms, 30s, 15m, 24h, 7d.');
  return text as Duration;
}

export function readInstant(text: string): Date {
  const instant = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(instant.getTime())) return instant;
  throw new InvalidArgumentError('Give an instant such as 2026-12-24T18:00:00Z.');
}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`Give JSON, in quotes for your shell: '{"to":"Ada"}'. ${(error as Error).message}.`);
  }
}

export function readWhole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number.');
}

export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('Give a port from 0 to 65535; 0 takes any that is free.');
}

/** For options that may be given more than once. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
