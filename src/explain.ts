import type { StateValue } from 'xstate';
import type { StoreStats } from './store/contract.ts';
import type { PlaceWait } from './store/limits.ts';
import type { ActorView } from './views.ts';

/** One thing an actor waits for, as a sentence and as data. */
export interface Waiting {
  readonly for:
    | 'timer'
    | 'effect'
    | 'event'
    | 'worker'
    | 'release'
    | 'queue'
    | 'definition'
    | 'slot'
    | 'child'
    | 'limit'
    | 'nothing';
  readonly detail: string;
  /** When it ends by itself, where that is known. */
  readonly at?: Date;
}

/** Why an actor is not moving, what will move it, and when. */
export interface Explanation {
  readonly state: StateValue | null;
  readonly waitingFor: readonly Waiting[];
  readonly nextWakeAt: Date | null;
  /** Event types its state handles now. */
  readonly accepts: readonly string[];
}

/** Registry numbers of where an actor waits; `def` is absent where this process does not know the definition. */
export interface Place {
  readonly queue: number;
  readonly def: number | undefined;
  /** Of a run that waits for a place under a limit. */
  readonly wait?: PlaceWait | null;
}

export function explain(
  view: ActorView,
  accepts: readonly string[],
  stats: StoreStats,
  place: Place,
  now: Date,
  others: readonly Waiting[] = [],
): Explanation {
  const nextWakeAt =
    view.wakeAt ??
    view.timers.reduce<Date | null>((first, { dueAt }) => (!first || dueAt < first ? dueAt : first), null);
  return {
    state: view.state,
    waitingFor: waitingFor(view, accepts, stats, place, now, others),
    nextWakeAt: isLive(view) ? nextWakeAt : null,
    accepts,
  };
}

function isLive(view: ActorView): boolean {
  return view.status === 'active';
}

function waitingFor(
  view: ActorView,
  accepts: readonly string[],
  stats: StoreStats,
  place: Place,
  now: Date,
  others: readonly Waiting[],
): readonly Waiting[] {
  if (view.status === 'done' || view.status === 'dropped')
    return [{ for: 'nothing', detail: `It has settled: ${view.record?.status}.` }];
  if (view.status === 'quarantined')
    return [{ for: 'release', detail: `Quarantined: ${view.reason}. Release it once that is mended.` }];
  if (view.reason) return [{ for: 'definition', detail: view.reason }];
  const waits: Waiting[] = [];
  if (place.wait) waits.push(place.wait.admitted ? lateness(view, stats, place) : limitOf(place.wait));
  const running = view.effects.filter((effect) => effect.running);
  for (const { src, workerId } of running) waits.push({ for: 'effect', detail: `'${src}' runs on worker ${workerId}` });
  for (const { src, childId } of view.effects)
    if (childId !== undefined) waits.push({ for: 'effect', detail: `'${src}' is done by actor ${childId}` });
  waits.push(...others);
  for (const { event, dueAt } of view.timers)
    waits.push({ for: 'timer', detail: `${event} at ${dueAt.toISOString()}`, at: dueAt });
  if (accepts.length > 0 && running.length === 0) waits.push({ for: 'event', detail: `accepts ${accepts.join(', ')}` });
  if (view.wakeAt && view.wakeAt <= now && running.length === 0) waits.unshift(lateness(view, stats, place));
  return waits;
}

function limitOf({ kind, key, limit, taken, nextAt }: PlaceWait): Waiting {
  if (kind === 'concurrency')
    return { for: 'limit', detail: `waits for a place: concurrency key '${key}', ${taken} of ${limit} running` };
  const started = `rate limit: key '${key}', ${taken} of ${limit} started`;
  if (nextAt === null) return { for: 'limit', detail: started };
  const at = new Date(nextAt);
  return { for: 'limit', detail: `${started}, next start at ${at.toISOString()}`, at };
}

/** It is due and nobody runs it: the first reason that holds. */
function lateness({ queue, name, version }: ActorView, stats: StoreStats, { queue: number, def }: Place): Waiting {
  const counted = stats.queues.find((candidate) => candidate.queue === queue);
  if (counted?.paused) return { for: 'queue', detail: `Queue '${queue}' is paused. Resume it.` };
  const alive = stats.workers.filter((worker) => worker.alive);
  if (alive.length === 0) return { for: 'worker', detail: 'No worker is alive. Start one with `carillon worker`.' };
  const serving = alive.filter(({ queues }) => queues.includes(number));
  if (serving.length === 0) return { for: 'worker', detail: `No living worker serves queue '${queue}'.` };
  if (def !== undefined && !serving.some(({ defs }) => defs.includes(def))) {
    return { for: 'definition', detail: `No living worker has code for ${name} version ${version}.` };
  }
  return {
    for: 'slot',
    detail: `It is due and waits for a free slot; ${counted?.due ?? 0} are due in queue '${queue}'.`,
  };
}
