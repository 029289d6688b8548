/** The numbers on the first page, and those of every definition. All of them are bounded, and say so. */

import type { StateValue } from 'xstate';
import { activeStates } from '../inspect/active-states.ts';
import type { Stats } from '../reading/stats.ts';
import type { Insight } from '../scheduler/insight.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Population } from '../store/surveying.ts';
import type { Overview, QueueRow } from './wire.ts';

/** Beyond it the store does not count. */
const BOUND = 10_000;
const MINUTE_MS = 60_000;
export const LATELY_MS = 60 * MINUTE_MS;
const MOST_STATES = 12;

export async function readOverview(scheduler: Scheduler, insight: Insight): Promise<Overview> {
  const [stats, population, lately] = await Promise.all([
    scheduler.stats(),
    insight.population(),
    insight.settledLately(LATELY_MS),
  ]);
  const now = insight.now();
  const states = countStates(population);
  const recovering = states.find(({ state }) => state === 'recovering')?.count ?? 0;
  const queues = queuesOf(stats);
  const total = (of: 'due' | 'later'): { count: number; exact: boolean } => ({
    count: queues.reduce((sum, queue) => sum + queue[of], 0),
    exact: queues.every((queue) => queue[of] < BOUND),
  });
  const oldest = queues.flatMap(({ oldestDueAt }) => oldestDueAt ?? []);
  const first = now - (now % MINUTE_MS) - LATELY_MS + MINUTE_MS;
  const ends = (at: number, status: 'done' | 'dropped'): number =>
    lately.counts.reduce((sum, each) => (each.minute === at && each.status === status ? sum + each.count : sum), 0);
  return {
    now,
    active: { count: stats.active, exact: stats.active < BOUND },
    recovering: { count: recovering, exact: population.exact },
    quarantined: stats.quarantined,
    parked: stats.parked,
    dueNow: total('due'),
    later: total('later'),
    oldestDueAt: oldest.length === 0 ? null : Math.min(...oldest),
    states: states.slice(0, MOST_STATES),
    statesExact: population.exact,
    minutes: Array.from({ length: 60 }, (_, index) => {
      const at = first + index * MINUTE_MS;
      return { at, done: ends(at, 'done'), dropped: ends(at, 'dropped') };
    }),
    minutesSince: lately.since,
    queues,
    workers: stats.workers.map(({ id, host, pid, alive, beatAt, held, concurrency }) => {
      return { id, host, pid, alive, beatAt: beatAt.getTime(), held, concurrency };
    }),
    setAside: stats.setAside.map(({ duty, target, error, nextAt }) => ({
      duty,
      target,
      error,
      nextAt: nextAt.getTime(),
    })),
  };
}

export function queuesOf(stats: Stats): readonly QueueRow[] {
  return stats.queues.map(({ oldestDueAt, ...queue }) => ({ ...queue, oldestDueAt: oldestDueAt?.getTime() ?? null }));
}

/** Innermost states, all definitions together, the largest first. */
function countStates({ counts }: Population): readonly { state: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const { state, count, quarantined } of counts) {
    if (quarantined) continue;
    for (const path of innermost(stateValue(state))) sums.set(path, (sums.get(path) ?? 0) + count);
  }
  return [...sums].map(([state, count]) => ({ state, count })).sort((a, b) => b.count - a.count);
}

/** A state as it is stored, as JSON text; what is no JSON is its name. */
export function stateValue(state: string | null): StateValue | null {
  if (state === null) return null;
  try {
    return JSON.parse(state) as StateValue;
  } catch {
    return state;
  }
}

function innermost(value: StateValue | null): readonly string[] {
  if (value === null) return ['not begun'];
  const all = activeStates(value);
  return all.filter((path) => !all.some((other) => other.startsWith(`${path}.`)));
}
