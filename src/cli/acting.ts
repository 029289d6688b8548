/** Commands that make or move actors: `schedule`, `send`, `cancel`, `run-now`. */
import type { Command } from 'commander';
import type { Duration } from '../duration.ts';
import { formatDuration } from '../duration.ts';
import { systemEnv } from '../env.ts';
import type { ScheduleOptions, When } from '../options.ts';
import type { RunRecord } from '../run-record.ts';
import { addCommand, type CommonOptions, withScheduler } from './command.ts';
import { printJson, printLine } from './output.ts';
import { collect, readActorId, readDurationFlag, readInstant, readJson, readWhole, UsageError } from './usage.ts';
import { plain, short } from './wording.ts';

interface ScheduleFlags extends CommonOptions {
  readonly input?: unknown;
  readonly delay?: Duration;
  readonly at?: Date;
  readonly key?: string;
  readonly queue?: string;
  readonly priority?: number;
  readonly label?: readonly string[];
  readonly wait?: Duration | true;
}

export function addActing(program: Command): void {
  addCommand(
    program,
    'schedule',
    'schedule one run of a definition',
    `carillon schedule send-invoice --input '{"order":"A-17"}' --delay 15m --key invoice-A-17`,
  )
    .argument('<name>', 'of the definition')
    .option('-i, --input <json>', 'what the run gets', readJson)
    .option('--delay <duration>', 'how much later: 250ms, 30s, 15m, 24h, 7d', readDurationFlag)
    .option('--at <instant>', 'when: 2026-12-24T18:00:00Z; one in the past runs at once', readInstant)
    .option('--key <key>', 'idempotency key: a second run with it is not scheduled')
    .option('--queue <queue>', 'another queue than its definition says')
    .option('--priority <number>', '0 (first) to 9', readWhole)
    .option('--label <label>', 'to find it by; may be given more than once', collect)
    .option('--wait [duration]', 'wait until it settles, print how; fail unless it succeeded', readDurationFlag)
    .action(schedule);
  addCommand(
    program,
    'send',
    'send an event to an actor',
    `carillon send 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b approve --data '{"by":"Ada"}'`,
  )
    .argument('<id>', 'of the actor', readActorId)
    .argument('<event>', 'its type')
    .option('-d, --data <json>', 'an object: the other parts of the event', readJson)
    .option('--dedup-id <id>', 'a second event with it is dropped')
    .action(send);
  addCommand(program, 'cancel', 'end a run', 'carillon cancel 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --reason duplicate')
    .argument('<id>', 'of the actor', readActorId)
    .option('--reason <reason>', 'kept in its record')
    .action(async (id: string, { reason, ...options }: CommonOptions & { readonly reason?: string }) => {
      await withScheduler(options, (scheduler) => scheduler.cancel(id, reason));
      told(options, { id, cancelled: true }, `Asked ${id} to end.`);
    });
  addCommand(
    program,
    'run-now',
    'start what waits for its time now: a first start, a retry, a recovery',
    'carillon run-now 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  )
    .argument('<id>', 'of the actor', readActorId)
    .action(async (id: string, options: CommonOptions) => {
      await withScheduler(options, (scheduler) => scheduler.runNow(id));
      told(options, { id, runNow: true }, `Asked ${id} to run now.`);
    });
}

async function schedule(name: string, flags: ScheduleFlags): Promise<void> {
  const { input, delay, at, key, queue, priority, label, wait } = flags;
  if (delay !== undefined && at !== undefined) throw new UsageError('Give --delay or --at, not both.');
  const when: When = at === undefined ? { ...(delay !== undefined && { delay }) } : { at };
  const options: ScheduleOptions = {
    ...when,
    ...(key !== undefined && { idempotencyKey: key }),
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority }),
    ...(label !== undefined && { labels: [...label] }),
  };
  const overdueMs = at === undefined ? 0 : systemEnv.wallMs() - at.getTime();
  const { record, ...scheduled } = await withScheduler(flags, async (scheduler) => {
    const handle = await scheduler.schedule(name, input, options);
    const { id, outcome } = handle;
    if (wait === undefined) return { id, outcome, record: handle.record };
    return { id, outcome, record: await handle.result(wait === true ? {} : { timeout: wait }) };
  });
  const late = overdueMs > 0 && { dueBeforeScheduledMs: overdueMs };
  if (flags.json) printJson({ ...scheduled, ...late, ...(record && { record }) });
  else {
    printLine(`${scheduled.id}  ${scheduled.outcome}`);
    if (overdueMs > 0) printLine(`It was due ${formatDuration(overdueMs)} before it was scheduled: it runs at once.`);
    if (record) printLine(recordText(record));
  }
  if (wait !== undefined && record?.status !== 'success') process.exitCode = 1;
}

function recordText(record: RunRecord): string {
  const attempts = `${record.attempts} ${record.attempts === 1 ? 'attempt' : 'attempts'}`;
  if (record.status === 'success') return `success after ${attempts}: ${short(record.output ?? null, 500)}`;
  const error = record.error ? ` (${plain(`${record.error.name}: ${record.error.message}`)})` : '';
  return `${record.status} after ${attempts}: ${plain(record.reason)}${error}`;
}

async function send(
  id: string,
  type: string,
  { data = {}, dedupId, ...options }: CommonOptions & { readonly data?: unknown; readonly dedupId?: string },
): Promise<void> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new UsageError(`--data takes an object, such as '{"by":"Ada"}'.`);
  }
  const event = { ...data, type };
  await withScheduler(options, (scheduler) => scheduler.send(id, event, dedupId === undefined ? {} : { dedupId }));
  told(options, { id, event }, `Sent '${plain(type)}' to ${id}.`);
}

function told({ json }: CommonOptions, data: unknown, sentence: string): void {
  if (json) printJson(data);
  else printLine(sentence);
}
