import { describe, expect, test } from 'vitest';
import { ends, Hall, letsGo, starts } from './hall.ts';
import type { Stage } from './stage.ts';

/** What a limit of concurrency holds, whoever comes and goes. */
export function placeFacts(stage: () => Stage): void {
  describe('places', () => {
    test('no more start than there are places; the others wait where no claim reads them', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 2 });
      const worker = await hall.worker();
      const ids = await hall.addSeveral(5);
      const { started, waiting } = await hall.run(worker);
      expect(started.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      expect(waiting).toEqual(ids.slice(2));
      expect([...(await worker.heldIds())].sort()).toEqual(ids.slice(0, 2).sort());
      expect((await s.store.nextDue([s.queue], [hall.def])).due.size).toBe(0);
      expect(await worker.claim()).toMatchObject({ claimed: [], poked: [], more: false });
      expect(await s.findings()).toEqual([]);
      expect(await s.store.placeWait(ids[2] ?? '')).toEqual({
        kind: 'concurrency',
        key: 'k',
        limit: 2,
        taken: 2,
        nextAt: null,
        admitted: false,
      });
      expect(await s.store.placeWait(ids[0] ?? '')).toBeNull();
    });

    test('an end gives its place to the one due longest, in the same commit', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const ids = await hall.addSeveral(3);
      const seen = [];
      for (let round = 0; round < 3; round += 1) {
        const { started } = await hall.run(worker);
        const [running] = started;
        if (running === undefined) throw new Error('nothing started');
        seen.push(running.id);
        const { queues } = await worker.commit([ends(running)]);
        expect(queues).toEqual(round < 2 ? [s.queue] : []);
        expect(await s.findings()).toEqual([]);
      }
      expect(seen).toEqual(ids);
      expect((await s.store.nextDue([s.queue], [hall.def])).due.size).toBe(0);
    });

    test('a more urgent one that comes later is let in first', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      await hall.addSeveral(2);
      const [running] = (await hall.run(worker)).started;
      const urgent = await hall.add(undefined, { priority: 1 });
      expect((await hall.run(worker)).waiting).toEqual([urgent]);
      await worker.commit([ends(running ?? expect.fail())]);
      expect(await worker.ids()).toEqual([urgent]);
    });

    test('of those that ask together, the more urgent and then the older ones start', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 2 });
      const worker = await hall.worker();
      const [old, , ...rest] = await hall.addSeveral(4);
      const urgent = await hall.add(undefined, { priority: 0 });
      const { claimed } = await worker.claim();
      const { committed } = await worker.commit([...claimed].reverse().map((held) => starts(held)));
      expect(committed).toEqual(new Set([old, urgent]));
      expect(rest).toHaveLength(2);
    });

    test('each key has its own places, and those without a key have none to ask for', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      for (const name of ['a', 'a', 'b', 'b']) await hall.add({ concurrency: name });
      await hall.add({});
      const { started, waiting } = await hall.run(worker);
      expect([started.length, waiting.length]).toEqual([3, 2]);
    });

    test('all versions of a definition share its places, as many as the last registration says', async () => {
      const s = stage();
      const first = await Hall.open(s, { concurrency: 1 });
      const second = await Hall.open(s, { concurrency: 2 }, 2);
      const worker = await s.worker({ defs: [first.def, second.def] });
      for (const hall of [first, first, second]) {
        await hall.add();
        await s.advance(1);
      }
      const { started, waiting } = await first.run(worker);
      expect(started.map(({ def }) => def)).toEqual([first.def, first.def]);
      await first.allow({ concurrency: 1 }, 1);
      await worker.commit([ends(started[0] ?? expect.fail())]);
      expect(await worker.ids()).toEqual([]);
      await worker.commit([ends(started[1] ?? expect.fail())]);
      expect(await worker.ids()).toEqual(waiting);
    });

    test('one that waits for its next attempt holds no place, and asks again', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [first, second] = await hall.addSeveral(2);
      const [running] = (await hall.run(worker)).started;
      const at = (await s.store.now()) + 500;
      await worker.commit([letsGo(running ?? expect.fail(), { wakeAt: at })]);
      const next = await hall.run(worker);
      expect(next.started.map(({ id }) => id)).toEqual([second]);
      await s.advance(500);
      expect((await hall.run(worker)).waiting).toEqual([first]);
      await worker.commit([ends(next.started[0] ?? expect.fail())]);
      expect((await hall.run(worker)).started.map(({ id }) => id)).toEqual([first]);
    });

    test('a turn that keeps the actor keeps its place; a quarantine gives it back', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second] = await hall.addSeveral(2);
      const [running] = (await hall.run(worker)).started;
      if (running === undefined) throw new Error('nothing started');
      await worker.commit([letsGo(running, { hold: true })]);
      expect(await worker.ids()).toEqual([]);
      await worker.commit([letsGo({ ...running, seq: running.seq + 1 }, { quarantine: 'bad' })]);
      expect((await hall.run(worker)).started.map(({ id }) => id)).toEqual([second]);
    });

    test('a start whose actor got mail meanwhile takes no place and waits for none', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [first, second] = await hall.addSeveral(2);
      const { claimed } = await worker.claim();
      for (const id of [first, second]) await s.send(id ?? '');
      await worker.claim();
      const reply = await worker.commit(claimed.map((held) => starts(held)));
      expect([reply.committed.size, reply.waiting.size]).toEqual([0, 0]);
      const { held } = await s.store.reload(worker.id, claimed);
      const again = claimed.map((each) => ({ ...each, ...held.find(({ id }) => id === each.id) }));
      const once = await worker.commit(again.map((each) => starts(each)));
      expect([[...once.committed], [...once.waiting]]).toEqual([[first], [second]]);
    });

    test('what may have unread mail that nobody counts waits with a due row', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      await hall.addSeveral(1);
      await hall.run(worker);
      const id = await hall.add();
      const held = await worker.take();
      const { waiting } = await worker.commit([{ ...starts(held), pokes: null }]);
      expect([...waiting]).toEqual([id]);
      expect(await worker.ids()).toEqual([id]);
    });

    test('a start asked for twice, because the first answer was lost, takes one place', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      await hall.addSeveral(1);
      const [running] = (await hall.run(worker)).started;
      const { committed } = await worker.commit([starts(running ?? expect.fail())]);
      expect(committed.size).toBe(1);
    });

    test('of many workers that start at once, no more get in than there are places', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 3 });
      const workers = await Promise.all([hall.worker(), hall.worker(), hall.worker(), hall.worker()]);
      await hall.addSeveral(40);
      const claims = await Promise.all(workers.map((worker) => worker.claim({ slots: 10 })));
      const replies = await Promise.all(
        workers.flatMap((worker, index) => {
          const claimed = claims[index]?.claimed ?? [];
          return [claimed.slice(0, 5), claimed.slice(5)].map((some) => worker.commit(some.map((held) => starts(held))));
        }),
      );
      const total = (count: (reply: (typeof replies)[number]) => number): number =>
        replies.reduce((sum, reply) => sum + count(reply), 0);
      expect(total(({ committed }) => committed.size)).toBe(3);
      expect(total(({ waiting }) => waiting.size)).toBe(claims.flatMap(({ claimed }) => claimed).length - 3);
      expect(await s.findings()).toEqual([]);
    });
  });
}
