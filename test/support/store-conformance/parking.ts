import { describe, expect, test } from 'vitest';
import { definition, goesOn, type Stage } from './stage.ts';

/** What happens to actors that nobody alive has code for. */
export function parkingFacts(stage: () => Stage): void {
  describe('parking', () => {
    test('overdue actors nobody alive has code for are set aside, visibly, and freed by a registration', async () => {
      const s = stage();
      const worker = await s.worker();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice', 2)]);
      const overdue = await s.add({ def, name: 'invoice', version: 2 });
      const later = await s.add({ def, name: 'invoice', version: 2, when: { afterMs: 60_000 } });
      const known = await s.add();
      expect(await s.store.park()).toEqual({ processed: 1, errors: 0 });
      expect(await s.store.find(overdue)).toMatchObject({
        status: 'active',
        reason: expect.stringContaining('invoice'),
      });
      expect((await s.store.find(later))?.reason).toBeNull();
      expect((await s.store.stats()).parked).toBe(1);
      expect(await s.findings()).toEqual([]);
      expect(await s.store.park()).toMatchObject({ processed: 0 });
      expect(await worker.ids()).toEqual([known]);
      const invoices = await s.worker({ defs: [s.def] });
      expect(await invoices.ids({ defs: [def] })).toEqual([]);
      await s.store.registerDefinitions([definition('invoice', 2)]);
      expect(await s.store.find(overdue)).toMatchObject({ reason: null });
      expect((await s.store.stats()).parked).toBe(0);
      expect(await invoices.ids({ defs: [def] })).toEqual([overdue]);
      await s.advance(60_000);
      expect(await invoices.ids({ defs: [def] })).toEqual([later]);
    });

    test('a worker that joins with the definition frees what was parked after it registered', async () => {
      const s = stage();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const { items, now } = await s.store.schedule([s.actor({ def, name: 'invoice' })], null);
      expect((await s.store.park()).processed).toBe(1);
      const worker = await s.worker({ defs: [def] });
      expect(await worker.take()).toMatchObject({ id: items[0]?.id, wakeAt: now });
    });

    test('mail to a parked actor is kept for when it is freed', async () => {
      const s = stage();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const id = await s.add({ def, name: 'invoice' });
      await s.store.park();
      expect((await s.send(id)).items).toEqual(['stored']);
      await s.store.park();
      const worker = await s.worker({ defs: [def] });
      expect(await worker.take()).toMatchObject({ id, mail: [{ event: 'ping' }] });
    });

    test('a late heartbeat alone parks nothing; a worker found dead does', async () => {
      const s = stage();
      const worker = await s.mortal();
      const id = await s.add();
      await worker.heartbeat.stop();
      await s.store.reap();
      await s.advance(60_000);
      expect((await s.store.park()).processed).toBe(0);
      await worker.die();
      expect((await s.store.park()).processed).toBe(1);
      expect((await s.store.find(id))?.reason).toEqual(expect.any(String));
      const next = await s.worker();
      expect(await next.ids()).toEqual([id]);
    });

    test('held and quarantined actors are not parked', async () => {
      const s = stage();
      const [def = 0] = await s.store.registerDefinitions([definition('invoice')]);
      const [worker, holder] = [await s.worker({ defs: [def] }), await s.worker()];
      const [a, b] = [await s.add({ def, name: 'invoice' }), await s.add({ def, name: 'invoice' })];
      const { claimed } = await holder.claim({ defs: [def] });
      const bad = claimed.find((held) => held.id === b) ?? expect.fail('not claimed');
      await holder.commit([goesOn(bad, { quarantine: 'bad' })]);
      await worker.heartbeat.stop();
      await s.store.leave(worker.id);
      await s.send(a);
      expect((await s.store.park()).processed).toBe(0);
      expect((await s.store.find(b))?.reason).toBe('bad');
      expect(await holder.heldIds()).toEqual([a]);
      const next = await s.worker({ defs: [def] });
      expect((await next.claim()).poked).toEqual([{ id: a, worker: holder.id }]);
    });

    test('what only a newer version is alive for is its to claim, and is not parked', async () => {
      const s = stage();
      const [first = 0, second = 0] = await s.store.registerDefinitions([definition('bill'), definition('bill', 2)]);
      const id = await s.add({ def: first, name: 'bill' });
      await s.add({ def: first, name: 'bill', when: { afterMs: 60_000 } });
      const newer = await s.worker({ defs: [second] });
      expect((await s.store.park()).processed).toBe(0);
      expect(await newer.ids()).toEqual([]);
      const inherits = await s.store.orphans([s.queue], [second]);
      expect(inherits).toEqual([{ queue: s.queue, def: first }]);
      expect(await s.store.versions('bill')).toEqual([
        { version: 1, def: first },
        { version: 2, def: second },
      ]);
      const held = await newer.take({ inherits });
      expect(held).toMatchObject({ id, def: first, version: 1 });
      await newer.commit([{ ...goesOn(held, { wakeAt: 'now' }), def: second }]);
      expect(await s.store.find(id)).toMatchObject({ version: 2 });
      expect(await newer.ids()).toEqual([id]);
      expect(await s.findings()).toEqual([]);
    });

    test('a living worker of the queue keeps its version to itself; one of another queue does not', async () => {
      const s = stage();
      const [elsewhere = 0] = await s.store.registerQueues(['elsewhere']);
      const [first = 0, second = 0] = await s.store.registerDefinitions([definition('bill'), definition('bill', 2)]);
      const id = await s.add({ def: first, name: 'bill' });
      const orphans = () => s.store.orphans([s.queue], [second]);
      const far = await s.worker({ defs: [first], queues: [elsewhere] });
      expect(await orphans()).toHaveLength(1);
      const older = await s.mortal({ defs: [first] });
      expect(await orphans()).toEqual([]);
      expect(await older.ids()).toEqual([id]);
      expect(await orphans()).toEqual([]);
      await s.store.leave(older.id);
      expect(await orphans()).toEqual([{ queue: s.queue, def: first }]);
      await s.store.setPaused(s.queueName, true);
      expect(await orphans()).toEqual([]);
      await s.store.setPaused(s.queueName, false);
      await s.store.leave(far.id);
    });

    test('a newer version is never taken back: it is parked, and says which one is known', async () => {
      const s = stage();
      const [first = 0, second = 0] = await s.store.registerDefinitions([definition('bill'), definition('bill', 2)]);
      const id = await s.add({ def: second, name: 'bill', version: 2 });
      await s.worker({ defs: [first] });
      expect(await s.store.orphans([s.queue], [first])).toEqual([]);
      expect((await s.store.park()).processed).toBe(1);
      expect((await s.store.find(id))?.reason).toMatch(/bill version 2\. Version 1 is known, and no actor goes back/);
      const [third = 0] = await s.store.registerDefinitions([definition('bill', 3)]);
      expect((await s.store.find(id))?.reason).toBeNull();
      await s.worker({ defs: [third] });
      expect((await s.store.park()).processed).toBe(0);
      expect(await s.store.orphans([s.queue], [third])).toEqual([{ queue: s.queue, def: second }]);
    });

    test('mail that was sent to the version before reaches an actor that has moved on', async () => {
      const s = stage();
      const [first = 0, second = 0] = await s.store.registerDefinitions([definition('bill'), definition('bill', 2)]);
      const id = await s.add({ def: first, name: 'bill' });
      const newer = await s.worker({ defs: [second] });
      const held = await newer.take({ inherits: [{ queue: s.queue, def: first }] });
      // Its due row still names the version before.
      await s.send(id);
      await newer.commit([{ ...goesOn(held, { wakeAt: null }), pokes: null, def: second }]);
      const older = await s.worker({ defs: [first] });
      expect(await newer.ids()).toEqual([]);
      expect(await older.ids()).toEqual([]);
      expect(await older.ids()).toEqual([]);
      expect(await newer.take()).toMatchObject({ id, mail: [{ event: 'ping' }] });
      expect(await s.findings()).toEqual([]);
    });
  });

  describe('forking', () => {
    test('a held copy is nobody’s to claim until released; one that starts is due, and both have their past and mail', async () => {
      const s = stage();
      const worker = await s.worker();
      const {
        when: _w,
        start: _s,
        key: _k,
        parent: _p,
        ...base
      } = s.actor({ role: 'copy', labels: ['l'], input: '1' });
      const past = { snapshot: '1{}', history: 'a\nb', seq: 2, attempt: 1, state: '"on"', mail: ['x', 'y'] };
      const origin = { id: s.actor().id, seq: 7 };
      const [held, started] = [s.actor().id, s.actor().id];
      await s.store.fork({ ...base, ...past, id: held, quarantine: 'Held: see', origin }, { who: 'ada' });
      await s.store.fork({ ...base, ...past, id: started, quarantine: null, origin }, { who: 'ada' });
      expect(await s.findings()).toEqual([]);
      const shown = { seq: 2, state: '"on"', role: 'copy', parent: null, labels: ['l'], mail: 2, attempt: 1 };
      expect(await s.store.find(held)).toMatchObject({
        ...shown,
        status: 'quarantined',
        reason: 'Held: see',
        wakeAt: null,
      });
      const claimed = await worker.take();
      expect(claimed).toMatchObject({ id: started, seq: 2, snapshot: '1{}', history: 'a\nb', strikes: 0, retried: 0 });
      expect(claimed.mail.map(({ event }) => event)).toEqual(['x', 'y']);
      expect(await s.store.release(held)).toBe(true);
      expect(await worker.take()).toMatchObject({ id: held, mail: [{ event: 'x' }, { event: 'y' }] });
      const trail = { who: null, action: 'fork', target: origin.id, since: null, until: null, limit: 9, cursor: null };
      const { items } = await s.store.auditTrail(trail);
      expect(items.map(({ after }) => after)).toEqual([
        { fork: started, seq: 7, held: false },
        { fork: held, seq: 7, held: true },
      ]);
    });
  });
}
