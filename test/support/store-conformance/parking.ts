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
  });
}
