/** What recent runs of a definition did: how long they were in each state, and which ways they took. */
import { activeStates } from '../inspect/active-states.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Heat } from './wire.ts';

/** The newest so many, alive or settled: an answer has to be cheap, and the past is long. */
const RUNS = 100;
/** Looked for among so many. */
const WITHIN = 20_000;
/** Runs whose history is read at the same time. */
const AT_ONCE = 5;

export async function readHeat(scheduler: Scheduler, name: string, version: number): Promise<Heat> {
  const { items } = await scheduler.list({ name, limit: RUNS, within: WITHIN });
  const ids = items.filter((item) => item.version === version && item.seq > 0).map(({ id }) => id);
  const stays = new Map<string, number[]>();
  const moves = new Map<string, { from: string; to: string; count: number }>();
  let runs = 0;
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    // One that is pruned meanwhile has no history any more.
    const histories = await Promise.all(
      ids.slice(from, from + AT_ONCE).map((id) => scheduler.history(id).catch(() => [])),
    );
    for (const history of histories) {
      runs += 1;
      history.forEach(({ at, state }, index) => {
        const next = history[index + 1];
        if (!next) return;
        const [here, there] = [activeStates(state), activeStates(next.state)];
        for (const path of here) stays.set(path, [...(stays.get(path) ?? []), next.at.getTime() - at.getTime()]);
        const [left, entered] = [
          here.filter((path) => !there.includes(path)),
          there.filter((path) => !here.includes(path)),
        ];
        for (const one of left) for (const to of entered) count(moves, one, to);
      });
    }
  }
  return {
    runs,
    dwell: [...stays].map(([state, all]) => ({ state, visits: all.length, medianMs: median(all) })),
    moves: [...moves.values()],
  };
}

function count(moves: Map<string, { from: string; to: string; count: number }>, from: string, to: string): void {
  const key = JSON.stringify([from, to]);
  const move = moves.get(key) ?? { from, to, count: 0 };
  move.count += 1;
  moves.set(key, move);
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
}
