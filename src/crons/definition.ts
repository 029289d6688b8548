/** The cron as a definition of our own: the machine with a calendar, and what its orders come to. */
import type { AnyEventObject } from 'xstate';
import { cronActions, cronMachine } from '../../machines/cron.ts';
import type { Calendar } from '../../machines/cron-calendar.ts';
import type { CronContext, CronOrder, CronSpec } from '../../machines/cron-context.ts';
import { type CronTimes, firesBetween, latestFires, nextFire } from '../cron-time.ts';
import type { Commander, Deed, DefinitionInternals } from '../definitions/internals.ts';
import type { LoadedDefinition } from '../definitions/loaded-definition.ts';
import { SYSTEM_QUEUE } from '../definitions/system-queue.ts';
import type { Instant } from '../store/contract.ts';
import type { LimitKeys } from '../store/limits.ts';
import { type Breed, childId, newborn } from '../turn/birth.ts';
import { letterTo } from '../turn/mail.ts';

export const CRON_NAME = 'carillon.cron';
export const CRON_VERSION = 1;
/** Some ten turns are in each: about five hundred fires. */
const JOURNAL_SEGMENTS = 100;

/** What is stored of a cron: also the input of its actor. */
export interface StoredCron extends CronSpec {
  readonly times: CronTimes;
  readonly target: {
    /** As this was known where the cron was declared: whoever fires it need not know the job. */
    readonly breed: Breed;
    /** Of each run, encoded. */
    readonly input: string | null;
    /** What that input counts under, where the job has limits. */
    readonly limits: LimitKeys | null;
  };
}

export const calendar: Calendar = {
  next: (times, after) => nextFire(times as CronTimes, after),
  oldest: (times, after, upTo) => firesBetween(times as CronTimes, after, upTo, 1)[0] ?? null,
  latest: (times, after, upTo, limit) => latestFires(times as CronTimes, after, upTo, limit),
};

export const cronDefinition: DefinitionInternals = {
  kind: 'cron',
  name: CRON_NAME,
  version: CRON_VERSION,
  queue: SYSTEM_QUEUE,
  // Its turns take no time, and what they start has a priority of its own.
  priority: 0,
  retention: { doneMs: 86_400_000, droppedMs: 3 * 86_400_000 },
  machine: cronMachine.provide({ actions: cronActions(calendar) }),
  standard: true,
  inputSchema: undefined,
  run: undefined,
  initialState: null,
  claimed: null,
  begin: (spec, registeredAt) => ({ spec, registeredAt }),
  act,
  recoveries: 0,
  attemptTimeoutMs: 0,
  dedupOn: 'none',
  onAmbiguous: 'retry',
  journalSegments: JOURNAL_SEGMENTS,
  migrate: undefined,
};

/** By this the live cron and its runs are found: its key, and a label of its runs. */
export function cronKey(id: string): string {
  return `cron:${id}`;
}

/** The run of one occurrence, which nothing can make twice. */
export function runId(actor: string, nominalAt: Instant): string {
  return childId(actor, `fire/${nominalAt}`);
}

/** What a run lives by: the newest version that either the declaring process or this one knows. */
export function breedFor(declared: Breed, newest: LoadedDefinition | undefined): Breed {
  return newest && newest.version >= declared.version ? newest : declared;
}

function act(command: AnyEventObject, { id, context, definition }: Commander): Deed {
  const order = command as CronOrder;
  const child = runId(id, order.nominalAt);
  if (order.type === 'run.cancel') {
    return { letter: letterTo(child, { kind: 'control', control: { type: 'cancel', reason: 'overlap' } }) };
  }
  const { nominalAt, delayMs } = order;
  const { id: cron, target } = (context as CronContext).spec as StoredCron;
  const breed = breedFor(target.breed, definition.newest(target.breed.name));
  const kin = { id: child, parent: id, role: { nominalAt } };
  return {
    birth: newborn(breed, kin, {
      input: target.input,
      limits: target.limits,
      when: { afterMs: delayMs },
      labels: [cronKey(cron)],
    }),
  };
}
