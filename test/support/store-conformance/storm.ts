import { describe, expect, test } from 'vitest';
import type { Claimed, Reloaded } from '../../../src/store/contract.ts';
import { goesOn, type Held, mail, Stage, type StoreUnderTest, settles, type TestWorker } from './stage.ts';

const ACTORS = 4;
const SENDERS = 4;
const ROUNDS = 60;
const GIVE_UP_MS = 15_000;

/** The promises that only really concurrent processes can break: senders, claims and turns all at once. */
export function stormFacts(under: () => StoreUnderTest): void {
  /** Three workers, each on a store of its own. */
  const crew = async (): Promise<{ readonly stages: readonly Stage[]; readonly workers: readonly TestWorker[] }> => {
    const stages: Stage[] = [];
    for (let count = 0; count < 3; count += 1) {
      stages.push(await Stage.set({ ...under(), store: await under().another() }));
    }
    const workers = [];
    for (const stage of stages) workers.push(await stage.worker());
    return { stages, workers };
  };

  const disband = (stages: readonly Stage[]): Promise<unknown> => Promise.all(stages.map((stage) => stage.clear()));

  /** Commits a turn on what the store last said of the actor, again and again until it is in or the actor is lost. */
  const insist = async (stage: Stage, worker: TestWorker, first: Held, write: typeof goesOn): Promise<Held | null> => {
    for (let held = first; ; ) {
      if (await worker.did(write(held))) return held;
      const [reloaded]: readonly (Reloaded | undefined)[] = (await stage.store.reload(worker.id, [held])).held;
      if (reloaded === undefined) return null;
      held = { ...held, ...reloaded };
    }
  };

  describe('many processes at once', () => {
    test('every mail is read exactly once, whoever sends, claims and lets go meanwhile', async () => {
      const { stages, workers } = await crew();
      const ids: string[] = [];
      for (let count = 0; count < ACTORS; count += 1) ids.push((await stages[0]?.add()) ?? expect.fail('no stage'));
      const sent: string[] = [];
      const read: string[] = [];
      const sending = new Set(Array.from({ length: SENDERS }, (_, sender) => sender));

      const send = async (sender: number): Promise<void> => {
        const store = stages[sender % stages.length]?.store ?? expect.fail('no stage');
        for (let round = 0; round < ROUNDS; round += 1) {
          const letters = [0, 1, 2].map((nth) => {
            const actor = ids[(sender * 7 + round * 3 + nth * 5) % ids.length] ?? expect.fail('no actor');
            return mail(actor, `${sender}/${round}/${nth}`, nth === 2 ? `${sender}/${round}` : null);
          });
          const { items } = await store.send(letters);
          expect(items).toEqual(['stored', 'stored', 'stored']);
          sent.push(...letters.map((letter) => letter.event));
        }
        sending.delete(sender);
      };
      const work = async (worker: TestWorker, stage: Stage): Promise<void> => {
        const endMs = performance.now() + GIVE_UP_MS;
        while ((sending.size > 0 || read.length < sent.length) && performance.now() < endMs) {
          const { claimed } = await worker.claim({ slots: 5 });
          await Promise.all(
            claimed.map(async (actor: Claimed, nth) => {
              if (nth === 3 && (await stage.store.giveBack(worker.id, [actor])) === 1) return;
              const held = await insist(stage, worker, actor, goesOn);
              read.push(...(held?.mail ?? []).map((one) => one.event));
            }),
          );
        }
      };
      await Promise.all([
        ...[...sending].map(send),
        ...workers.map((worker, index) => work(worker, stages[index] ?? expect.fail('no stage'))),
      ]);
      expect(read.sort()).toEqual(sent.sort());
      expect(await under().store.audit(10)).toEqual([]);
      await disband(stages);
    });

    test('every actor settles exactly once, and tells its parent exactly once', async () => {
      const { stages, workers } = await crew();
      const [stage = expect.fail('no stage')] = stages;
      const parent = await stage.add({ when: { afterMs: 3_600_000 } });
      const children = Array.from({ length: 200 }, () => stage.actor({ parent }));
      await stage.store.schedule(children, null);
      const settled: string[] = [];
      const told: string[] = [];
      const work = async (worker: TestWorker, own: Stage): Promise<void> => {
        const endMs = performance.now() + GIVE_UP_MS;
        while ((settled.length < children.length || told.length < children.length) && performance.now() < endMs) {
          const { claimed } = await worker.claim({ slots: 20 });
          const tell = (child: Held): ReturnType<typeof settles> =>
            settles(child, {}, { sends: [mail(parent, child.id)] });
          const { committed } = await worker.commit(claimed.filter((actor) => actor.id !== parent).map(tell));
          settled.push(...committed);
          for (const actor of claimed.filter((one) => one.id === parent)) {
            const held = await insist(own, worker, actor, goesOn);
            told.push(...(held?.mail ?? []).map((one) => one.event));
          }
          // What a commit missed or refused for a moment is still held: back with it, for whoever comes next.
          const missed = claimed.filter((actor) => actor.id !== parent && !committed.has(actor.id));
          await own.store.giveBack(worker.id, missed);
        }
      };
      await Promise.all(workers.map((worker, index) => work(worker, stages[index] ?? expect.fail('no stage'))));
      const ids = children.map((child) => child.id).sort();
      expect(settled.sort()).toEqual(ids);
      expect(told.sort()).toEqual(ids);
      expect(await stage.store.audit(10)).toEqual([]);
      // The due row of mail that another claim has read meanwhile: whoever comes next finds nothing to do, and clears it.
      const [last = expect.fail('no worker')] = workers;
      for (const actor of (await last.claim({ slots: 20 })).claimed) {
        expect([actor.id, actor.mail]).toEqual([parent, []]);
        await insist(stage, last, actor, goesOn);
      }
      expect((await stage.store.nextDue([stage.queue], [stage.def])).due.size).toBe(0);
      await disband(stages);
    });
  });
}
