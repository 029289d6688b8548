/** Mixed work for a stage on which things break: what a call did not promise is not expected. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CarillonError } from '../../src/index.ts';
import { waitUntil } from '../support/wait-until.ts';
import { PATIENCE_MS, type Stage } from './stage.ts';

/** So many runs may be open before more are scheduled. */
const MOST_OPEN = 60;

/** The same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export interface Load {
  /** Resolves when all is scheduled, and every machine that waits for approval has it. */
  readonly done: Promise<void>;
  /** Calls that failed, and so promised nothing. */
  readonly refused: () => number;
}

/** Immediate, delayed and failing jobs, some that fail for good, and machines that wait for approval. */
export function putLoadOn(stage: Stage, count: number, random: () => number): Load {
  let refused = 0;
  const unapproved: string[] = [];
  const begin = async (): Promise<void> => {
    const ms = Math.floor(random() * 60);
    const kind = random();
    if (kind < 0.4) await stage.schedule('work', { ms });
    else if (kind < 0.6) await stage.schedule('work', { ms }, { delay: Math.floor(random() * 2_000) });
    else if (kind < 0.8) await stage.schedule('work', { ms, fails: 1 + Math.floor(random() * 5) });
    else unapproved.push(await stage.schedule('approval', undefined, { delay: Math.floor(random() * 500) }));
  };
  const approve = async (id: string): Promise<void> => {
    await stage.scheduler.send(id, { type: 'approve' }, { dedupId: 'approval' });
    unapproved.splice(unapproved.indexOf(id), 1);
  };
  const attempt = (call: Promise<void>): Promise<void> =>
    call.catch(async (error: unknown) => {
      // Refused for what it is, not for what broke: that would be our own mistake.
      if (error instanceof CarillonError) throw error;
      refused++;
      await sleep(20);
    });
  const run = async (): Promise<void> => {
    while (stage.promised.length < count) {
      await waitUntil(() => stage.promised.length - stage.settledNow() < MOST_OPEN, { timeoutMs: 2 * PATIENCE_MS });
      await attempt(begin());
      const [eldest] = unapproved;
      if (eldest !== undefined && random() < 0.25) await attempt(approve(eldest));
      await sleep(random() * 10);
    }
    for (let id = unapproved[0]; id !== undefined; id = unapproved[0]) await attempt(approve(id));
  };
  return { done: run(), refused: () => refused };
}
