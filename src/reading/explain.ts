import type { StateValue } from 'xstate';
import type { DefinitionVersion, StoreStats } from '../store/contract.ts';
import type { PlaceWait } from '../store/limits.ts';
import { recoveringText } from './recovery-words.ts';
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

/** Registry numbers of where an actor waits; `def` is absent where its definition was never registered. */
export interface Place {
  readonly queue: number;
  readonly def: number | undefined;
  /** Every version of its definition. */
  readonly versions?: readonly DefinitionVersion[];
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
  if (view.status === 'quarantined') return [{ for: 'release', detail: releaseText(view) }];
  if (view.reason) return [{ for: 'definition', detail: view.reason }];
  const waits: Waiting[] = [];
  if (place.wait && !place.wait.admitted) waits.push(limitOf(place.wait));
  const running = view.effects.filter((effect) => effect.running);
  for (const { src, workerId } of running) waits.push({ for: 'effect', detail: `'${src}' runs on worker ${workerId}` });
  for (const { src, childId } of view.effects)
    if (childId !== undefined) waits.push({ for: 'effect', detail: `'${src}' is done by actor ${childId}` });
  waits.push(...others);
  for (const { event, dueAt } of view.timers)
    waits.push({ for: 'timer', detail: `${timerText(event, view, now)} at ${dueAt.toISOString()}`, at: dueAt });
  if (running.length > 0) return waits;
  if (accepts.length > 0) waits.push({ for: 'event', detail: `accepts ${accepts.join(', ')}` });
  const obstacle = obstacleTo(view, stats, place);
  const called = place.wait?.admitted === true || view.mail > 0 || (view.wakeAt !== null && view.wakeAt <= now);
  // One that waits for a place is not looked at before, not even for its mail.
  const due = called && place.wait?.admitted !== false;
  if (due) waits.unshift(obstacle ?? slotFor(view, stats));
  else if (obstacle) waits.push(obstacle);
  return waits;
}

function releaseText({ reason, forkOf }: ActorView): string {
  if (forkOf && reason?.startsWith(HELD)) return reason;
  return `Quarantined: ${reason}. Release it once that is mended.`;
}

/** How the reason of a copy begins that waits to be let go. */
export const HELD = 'Held:';

function limitOf({ kind, key, limit, taken, nextAt }: PlaceWait): Waiting {
  if (kind === 'concurrency')
    return { for: 'limit', detail: `waits for a place: concurrency key '${key}', ${taken} of ${limit} running` };
  const started = `rate limit: key '${key}', ${taken} of ${limit} started`;
  if (nextAt === null) return { for: 'limit', detail: started };
  const at = new Date(nextAt);
  return { for: 'limit', detail: `${started}, next start at ${at.toISOString()}`, at };
}

/** What the timers of a job are for; those of other machines have their own names. */
const JOB_TIMERS: Readonly<Record<string, string>> = {
  start: 'it begins',
  'xstate.after.untilDue.job.scheduled': 'its first attempt',
  'xstate.after.backoff.job.retrying': 'its next attempt',
  'xstate.after.attemptTimeout.job.dispatching': 'the attempt times out',
  'xstate.after.untilDeadline.job': 'its deadline',
};

function timerText(event: string, { recovering }: ActorView, now: Date): string {
  if (recovering && event.startsWith('xstate.after.recoveryDelay.')) return recoveringText(recovering, now.getTime());
  return JOB_TIMERS[event] ?? event;
}

/** Nobody would run it, due or not: the first reason that holds. */
function obstacleTo(
  { queue, name, version }: ActorView,
  stats: StoreStats,
  { queue: number, def, versions = [] }: Place,
): Waiting | null {
  const counted = stats.queues.find((candidate) => candidate.queue === queue);
  if (counted?.paused) return { for: 'queue', detail: `Queue '${queue}' is paused. Resume it.` };
  const alive = stats.workers.filter((worker) => worker.alive);
  if (alive.length === 0) return { for: 'worker', detail: 'No worker is alive. Start one with `carillon worker`.' };
  const serving = alive.filter(({ queues }) => queues.includes(number));
  if (serving.length === 0) return { for: 'worker', detail: `No living worker serves queue '${queue}'.` };
  if (def !== undefined && !serving.some(({ defs }) => defs.includes(def))) {
    const nobody = `No living worker has code for ${name} version ${version}.`;
    const known = versions.filter((each) => serving.some(({ defs }) => defs.includes(each.def)));
    const newest = Math.max(0, ...known.map((each) => each.version));
    const detail =
      newest === 0
        ? nobody
        : newest > version
          ? `${nobody} Version ${newest} takes it over when it is next due.`
          : `${nobody} Version ${newest} is known, and no actor goes back to an older one.`;
    return { for: 'definition', detail };
  }
  return null;
}

function slotFor({ queue }: ActorView, stats: StoreStats): Waiting {
  const due = stats.queues.find((candidate) => candidate.queue === queue)?.due ?? 0;
  return { for: 'slot', detail: `It is due and waits for a free slot; ${due} are due in queue '${queue}'.` };
}
