/** Alarms as tests open them: short buckets, recorded logs, closed after each test. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { afterEach } from 'vitest';
import { type AlarmOptions, type Alarms, createAlarms } from '../../src/alarms.ts';
import { systemEnv } from '../../src/env.ts';
import { waitUntil } from './wait-until.ts';

export const BUCKET_MS = 100;
/** Wide enough for a busy machine: a wake-up that comes within it is ahead of its bucket. */
export const LEAD_MS = 600;

/** A program that is woken once, closes its alarms, says so, and has nothing left to do. */
export const ALARM_PROCESS = new URL('./alarm-process.ts', import.meta.url);

interface LogLine {
  readonly level: number;
  readonly msg: string;
}

const opened: Alarms[] = [];

/** To be called once by a test file. */
export function closeAlarmsAfterEach(): void {
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((alarms) => alarms.close()));
  });
}

export async function openAlarms(
  backend: AlarmOptions['backend'],
  options: Partial<AlarmOptions> = {},
): Promise<Alarms> {
  const alarms = await createAlarms({
    backend,
    namespace: 'default',
    schema: 'carillon',
    env: systemEnv,
    logger: pino({ level: 'silent' }),
    bucketMs: BUCKET_MS,
    leadMs: LEAD_MS,
    ...options,
  });
  opened.push(alarms);
  return alarms;
}

/** The same, when it is up. */
export async function openUp(backend: AlarmOptions['backend'], options: Partial<AlarmOptions> = {}): Promise<Alarms> {
  const alarms = await openAlarms(backend, options);
  alarms.topUp([], Date.now());
  await waitUntil(() => alarms.state().up, { what: 'the alarms to be up' });
  return alarms;
}

export function recordingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const stream: DestinationStream = { write: (line) => void lines.push(JSON.parse(line) as LogLine) };
  return { logger: pino({ level: 'info' }, stream), lines };
}

/** Instants of the wake-ups, by `performance.now()`. */
export async function listenTo(alarms: Alarms, ...queues: string[]): Promise<number[]> {
  const wakes: number[] = [];
  await alarms.listen(queues, () => void wakes.push(performance.now()));
  return wakes;
}
