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

/** In the middle of it all, too: what it asks for is true after every single statement. */
async function audit({ store }: Stage): Promise<void> {
  const findings = await store.audit(10).catch(() => []);
  if (findings.length > 0) throw new Error(`The audit under load found ${JSON.stringify(findings)}.`);
}

/**
 * Immediate, delayed and failing jobs, some that fail for good, and machines that wait for approval. `done` when all is
 * scheduled and approved. A call that fails has promised nothing.
 */
export function putLoadOn(stage: Stage, count: number, random: () => number): { readonly done: Promise<void> } {
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
      await sleep(20);
    });
  const run = async (): Promise<void> => {
    while (stage.promised.length < count) {
      await waitUntil(() => stage.promised.length - stage.settledNow() < MOST_OPEN, { timeoutMs: 2 * PATIENCE_MS });
      await attempt(begin());
      const [eldest] = unapproved;
      if (eldest !== undefined && random() < 0.25) await attempt(approve(eldest));
      if (random() < 0.1) await audit(stage);
      await sleep(random() * 10);
    }
    for (let id = unapproved[0]; id !== undefined; id = unapproved[0]) await attempt(approve(id));
  };
  const done = run();
  // Awaited only when the faults are over.
  done.catch(() => undefined);
  return { done };
}
