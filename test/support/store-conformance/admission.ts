import { describe, expect, test } from 'vitest';
import { ends, Hall, letsGo, starts } from './hall.ts';
import { mail, type Stage } from './stage.ts';

/** How those that wait are reached, let in, and never forgotten. */
export function admissionFacts(stage: () => Stage): void {
  describe('admission', () => {
    test('the places of a dead worker are free once it was reaped, and what it ran asks again', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const [mortal, other] = [await hall.worker({ leaseMs: 3_000 }), await hall.worker()];
      const [first, second] = await hall.addSeveral(2);
      const [lost] = (await hall.run(mortal)).started;
      await mortal.die();
      expect((await s.store.admit()).due.map(({ queue }) => queue)).toEqual([s.queue]);
      expect((await s.store.admit()).due).toEqual([]);
      const { started, waiting } = await hall.run(other);
      expect([started.length, waiting.length]).toEqual([1, 1]);
      expect(new Set([...started.map(({ id }) => id), ...waiting])).toEqual(new Set([first, second]));
      expect((await mortal.commit([ends(lost ?? expect.fail())])).committed.size).toBe(0);
      expect(await other.ids()).toEqual([]);
      expect(await s.findings()).toEqual([]);
    });

    test('what a worker leaves or gives back frees its place too', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const [leaving, other] = [await hall.worker(), await hall.worker()];
      await hall.addSeveral(3);
      await hall.run(leaving);
      await leaving.heartbeat.stop();
      await s.store.leave(leaving.id);
      await s.store.admit();
      const [running] = (await hall.run(other)).started;
      await s.store.giveBack(other.id, [running ?? expect.fail()]);
      await s.store.admit();
      expect((await hall.run(other)).started).toHaveLength(1);
    });

    test('mail reaches one that waits at once, and its end leaves no trace in the line', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second, third] = await hall.addSeveral(3);
      const [running] = (await hall.run(worker)).started;
      await s.send(second ?? '', 'cancel');
      const waiting = await worker.take();
      expect(waiting).toMatchObject({ id: second, mail: [{ event: 'cancel' }], strikes: 0 });
      await worker.commit([ends(waiting)]);
      expect(await s.store.placeWait(second ?? '')).toBeNull();
      await worker.commit([ends(running ?? expect.fail())]);
      expect(await worker.ids()).toEqual([third]);
    });

    test('sent back to wait, it keeps its rank and its unread mail', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second] = await hall.addSeveral(3);
      const [running] = (await hall.run(worker)).started;
      await s.advance(1_000);
      await s.send(second ?? '');
      expect((await hall.run(worker)).waiting).toEqual([second]);
      expect(await s.findings()).toEqual([]);
      await worker.commit([ends(running ?? expect.fail())]);
      expect(await worker.take()).toMatchObject({ id: second, mail: [{ event: 'ping' }] });
    });

    test('room is kept for a while for who was let in, but not against the more urgent', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second] = await hall.addSeveral(2);
      const [running] = (await hall.run(worker)).started;
      await worker.commit([ends(running ?? expect.fail())]);
      const late = await worker.claim();
      const newcomer = await hall.add();
      expect((await hall.run(worker)).waiting).toEqual([newcomer]);
      const urgent = await hall.add(undefined, { priority: 0 });
      expect((await hall.run(worker)).started.map(({ id }) => id)).toEqual([urgent]);
      const { waiting } = await worker.commit(late.claimed.map((held) => starts(held)));
      expect([...waiting]).toEqual([second]);
    });

    test('who does not come in time loses the room, not its due row', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second, third] = await hall.addSeveral(3);
      const [running] = (await hall.run(worker)).started;
      await worker.commit([ends(running ?? expect.fail())]);
      await s.advance(3_000);
      await s.store.admit();
      expect(await s.findings()).toEqual([]);
      const { started, waiting } = await hall.run(worker);
      expect([started.map(({ id }) => id), waiting]).toEqual([[second], [third]]);
    });

    test('a raised limit lets more in, a lowered one lets the excess drain, none lets all in', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      await hall.addSeveral(6);
      const running = [...(await hall.run(worker)).started];
      await hall.allow({ concurrency: 3 });
      expect((await s.store.admit()).processed).toBe(2);
      running.push(...(await hall.run(worker)).started);
      expect(running).toHaveLength(3);
      await hall.allow({ concurrency: 1 });
      for (const each of running.slice(0, 2)) await worker.commit([ends(each)]);
      expect(await worker.ids()).toEqual([]);
      await worker.commit([ends(running[2] ?? expect.fail())]);
      expect((await hall.run(worker)).started).toHaveLength(1);
      await hall.allow({});
      await s.store.admit();
      expect((await hall.run(worker)).started).toHaveLength(2);
    });

    test('those in a paused queue are passed over until it is resumed', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const [paused = 0] = await s.store.registerQueues(['paused']);
      const worker = await hall.worker({ queues: [s.queue, paused] });
      await hall.addSeveral(1);
      const [running] = (await hall.run(worker)).started;
      const stopped = await hall.add(undefined, { queue: paused });
      await s.advance(5);
      const going = await hall.add();
      expect([...(await hall.run(worker)).waiting].sort()).toEqual([stopped, going].sort());
      await s.store.setPaused('paused', true);
      await worker.commit([ends(running ?? expect.fail())]);
      const [next] = (await hall.run(worker)).started;
      expect(next?.id).toBe(going);
      await worker.commit([ends(next ?? expect.fail())]);
      expect(await worker.ids()).toEqual([]);
      await s.store.setPaused('paused', false);
      expect((await s.store.admit()).due).toEqual([{ queue: paused, at: await s.store.now() }]);
      expect(await worker.ids()).toEqual([stopped]);
    });

    test('one that waits is looked at again at the instant it named, and not after it has started', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      await hall.addSeveral(1);
      const [running] = (await hall.run(worker)).started;
      const ids = [await hall.add(), await hall.add()].sort();
      const until = (await s.store.now()) + 1_000;
      const { claimed } = await worker.claim();
      await worker.commit(claimed.map((held) => starts(held, until)));
      expect((await s.store.nextDue([s.queue], [hall.def])).due.get(s.queue)).toBe(until);
      await worker.commit([ends(running ?? expect.fail())]);
      expect((await hall.run(worker)).started).toHaveLength(1);
      await s.advance(1_000);
      const last = await worker.claim();
      expect([last.claimed.map(({ id }) => id), last.poked]).toEqual([[ids[1]], []]);
      expect((await s.store.nextDue([s.queue], [hall.def])).due.size).toBe(0);
    });

    test('one moved to a later time leaves the line', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const worker = await hall.worker();
      const [, second] = await hall.addSeveral(2);
      const [running] = (await hall.run(worker)).started;
      await s.store.send([mail(second ?? '', 'reschedule')]);
      const at = (await s.store.now()) + 60_000;
      await worker.commit([letsGo(await worker.take(), { wakeAt: at })]);
      await worker.commit([ends(running ?? expect.fail())]);
      expect(await worker.ids()).toEqual([]);
      expect((await s.store.nextDue([s.queue], [hall.def])).due.get(s.queue)).toBe(at);
      expect(await s.findings()).toEqual([]);
    });

    test('a worker that dies with one that waits in its hands leaves it waiting or due', async () => {
      const s = stage();
      const hall = await Hall.open(s, { concurrency: 1 });
      const [mortal, other] = [await hall.worker({ leaseMs: 3_000 }), await hall.worker()];
      const [first, second] = await hall.addSeveral(2);
      const [running] = (await hall.run(other)).started;
      expect(running?.id).toBe(first);
      await s.send(second ?? '');
      await mortal.take();
      await mortal.die();
      expect((await hall.run(other)).waiting).toEqual([second]);
      expect(await s.store.find(second ?? '')).toMatchObject({ strikes: 1, worker: null });
      await other.commit([ends(running ?? expect.fail())]);
      expect((await hall.run(other)).started.map(({ id }) => id)).toEqual([second]);
    });
  });
}
