import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Claimed, NewMail } from '../../../src/store/contract.ts';
import { goesOn, mail, type Stage, settles, type TestWorker } from './stage.ts';

/** What send() promises: mail is delivered once, unless its receiver settles first. */
export function mailFacts(stage: () => Stage): void {
  describe('mail', () => {
    test('each mail is answered for, and the queues to wake are named once', async () => {
      const s = stage();
      const worker = await s.worker();
      const settled = await s.add();
      await worker.commit([settles(await worker.take())]);
      const [a, b] = [await s.add({ when: { afterMs: 60_000 } }), await s.add({ when: { afterMs: 60_000 } })];
      const reply = await s.store.send([
        mail(a, '1', 'x'),
        mail(settled),
        mail(a, '2', 'x'),
        mail(randomUUID()),
        mail(b, '3', 'x'),
        mail(b, '4', 'y'),
        mail(a, '5'),
        mail(a, '5'),
      ]);
      expect(reply.items).toEqual([
        'stored',
        'settled',
        'duplicate',
        'unknown',
        'stored',
        'stored',
        'stored',
        'stored',
      ]);
      expect(reply.queues).toEqual([s.queue]);
      const { claimed } = await worker.claim();
      const events = Object.fromEntries(claimed.map((held) => [held.id, held.mail.map((one) => one.event).sort()]));
      expect(events).toEqual({ [a]: ['1', '5', '5'], [b]: ['3', '4'] });
      expect(claimed.flatMap((held) => held.mail).every((one) => one.at === reply.now)).toBe(true);
    });

    test('mail of one call is read in its order', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const words = ['c', 'a', 'd', 'b', 'f', 'e'];
      await s.store.send(words.map((word, nth) => mail(id, word, nth % 3 === 1 ? word : null)));
      expect((await worker.take()).mail.map((one) => one.event)).toEqual(words);
    });

    test('nothing stored wakes nobody', async () => {
      const s = stage();
      expect((await s.store.send([mail(randomUUID())])).queues).toEqual([]);
      expect((await s.store.send([])).items).toEqual([]);
    });

    test('a dedupId is remembered after its mail was consumed', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await s.send(id, 'once', 'd');
      await worker.commit([goesOn(await worker.take())]);
      expect((await s.send(id, 'again', 'd')).items).toEqual(['duplicate']);
      expect(await worker.ids()).toEqual([]);
      expect((await s.store.find(id))?.mail).toBe(0);
    });

    test('a dedupId is honoured in sends of a turn', async () => {
      const s = stage();
      const worker = await s.worker();
      const receiver = await s.add({ when: { afterMs: 60_000 } });
      await s.send(receiver, 'once', 'd');
      const id = await s.add();
      const { claimed } = await worker.claim();
      const held = claimed.find((actor) => actor.id === id) ?? expect.fail('not claimed');
      const sends = [mail(receiver, 'again', 'd'), mail(receiver, 'new', 'e'), mail(receiver, 'new', 'e')];
      expect(await worker.did(settles(held, {}, { sends }))).toBe(true);
      expect((await s.store.find(receiver))?.mail).toBe(2);
    });

    test('many senders at once with one dedupId store one mail', async () => {
      const s = stage();
      const id = await s.add({ when: { afterMs: 60_000 } });
      const other = await s.under.another();
      const replies = await Promise.all(
        [s.store, other, s.store, other].map((store) => store.send([mail(id, 'e', 'd')])),
      );
      expect(replies.flatMap((reply) => reply.items).sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'stored']);
      expect((await s.store.find(id))?.mail).toBe(1);
    });

    test('mail that arrived after the claim stays when the turn consumes what it saw', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      await s.send(id, 'first');
      const held = await worker.take();
      await s.send(id, 'second');
      await worker.commit([goesOn(held)]);
      expect((await worker.take()).mail.map((one) => one.event)).toEqual(['second']);
    });

    test('mail due at the very instant of the own due row keeps its row', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add({ when: { afterMs: 500 } });
      await s.send(id, 'first');
      const held = await worker.take();
      await s.advance(500);
      await s.send(id, 'second');
      await worker.commit([goesOn(held)]);
      expect((await worker.take()).mail.map((one) => one.event)).toEqual(['second']);
    });

    test('undelivered mail of a settled actor leaves nothing due', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const held = await worker.take();
      await s.send(id);
      await worker.commit([settles(held)]);
      expect((await s.send(id)).items).toEqual(['settled']);
      expect(await worker.ids()).toEqual([]);
      expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
    });

    test('a turn sees at most a thousand mails, oldest first, and the rest is due again', async () => {
      const s = stage();
      const worker = await s.worker();
      const id = await s.add();
      const letters = Array.from({ length: 2_500 }, (_, index): NewMail => mail(id, String(index)));
      await s.store.send(letters);
      const seen: string[] = [];
      for (const size of [1_000, 1_000, 500]) {
        const held = await worker.take();
        expect(held.mail).toHaveLength(size);
        seen.push(...held.mail.map((one) => one.event));
        expect(await worker.did(goesOn(held))).toBe(true);
      }
      expect(seen).toEqual(letters.map((letter) => letter.event));
      expect(await worker.ids()).toEqual([]);
      expect((await s.store.find(id))?.mail).toBe(0);
    });

    test('a reload sees at most a thousand mails, and the rest is due again', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const id = await s.add();
      const held = await worker.take();
      await s.store.send(Array.from({ length: 1_200 }, (_, index): NewMail => mail(id, String(index))));
      expect((await other.claim()).poked).toHaveLength(1);
      const [reloaded] = (await s.store.reload(worker.id, [held])).held;
      expect(reloaded?.mail).toHaveLength(1_000);
      expect(await worker.did(goesOn({ ...held, ...reloaded }))).toBe(true);
      expect((await other.take()).mail).toHaveLength(200);
    });
  });

  describe('reload', () => {
    test('what is held at that fence is shown, what was lost is absent', async () => {
      const s = stage();
      const [worker, other] = [await s.worker(), await s.worker()];
      const [mine, released, settled] = [await s.add(), await s.add(), await s.add()];
      const { claimed } = await worker.claim();
      const byId = (id: string): Claimed => claimed.find((held) => held.id === id) ?? expect.fail('not claimed');
      await worker.commit([goesOn(byId(released)), settles(byId(settled)), goesOn(byId(mine), { hold: true })]);
      await s.send(mine, 'new');
      const { held, now } = await s.store.reload(worker.id, [...claimed, { id: randomUUID(), fence: 1 }]);
      const note = { id: expect.any(String), event: 'new', at: now };
      expect(held).toEqual([{ id: mine, seq: 1, pokes: 0, dueRowAt: null, mail: [note] }]);
      expect((await s.store.reload(other.id, claimed)).held).toEqual([]);
      expect((await s.store.reload(worker.id, [{ id: mine, fence: 2 }])).held).toEqual([]);
    });
  });

  /** Until nobody finds anything due: every claimed turn consumes what it sees. */
  const drain = async (workers: readonly TestWorker[]): Promise<readonly string[]> => {
    const events: string[] = [];
    for (let idle = 0; idle < workers.length; ) {
      for (const worker of workers) {
        const { claimed, poked } = await worker.claim();
        idle = claimed.length + poked.length === 0 ? idle + 1 : 0;
        events.push(...claimed.flatMap((held) => held.mail.map((one) => one.event)));
        await worker.commit(claimed.map((held) => goesOn(held)));
      }
    }
    return events;
  };

  describe('no order of send, foreign claim and commit loses mail', () => {
    const orders = [
      ['send', 'claim', 'commit'],
      ['send', 'commit', 'claim'],
      ['claim', 'send', 'commit'],
      ['claim', 'commit', 'send'],
      ['commit', 'send', 'claim'],
      ['commit', 'claim', 'send'],
    ] as const;
    const starts = ['its due time', 'mail', 'mail before its due time'] as const;
    const ends = ['lets go', 'lets go until later', 'lets go until now', 'holds on'] as const;

    const wakeTimes = async (s: Stage, end: (typeof ends)[number]): Promise<number | 'now' | null> => {
      if (end === 'lets go until later') return (await s.store.now()) + 5_000;
      return end === 'lets go until now' ? 'now' : null;
    };

    for (const order of orders) {
      for (const end of ends) {
        test(`${order.join(', ')}: a turn that ${end}`, async () => {
          const s = stage();
          const [owner, other] = [await s.worker(), await s.worker()];
          for (const start of starts) {
            const id = await s.add({ when: { afterMs: start === 'mail before its due time' ? 60_000 : 0 } });
            if (start !== 'its due time') await s.send(id, 'early');
            let held = await owner.take();
            const seen: string[] = [];
            const turn = async (): Promise<boolean> => {
              const next = { hold: end === 'holds on', wakeAt: await wakeTimes(s, end) };
              const done = await owner.did(goesOn(held, next));
              if (done) seen.push(...held.mail.map((one) => one.event));
              return done;
            };
            let committed = false;
            for (const step of order) {
              if (step === 'send') expect((await s.send(id, 'late')).items).toEqual(['stored']);
              else if (step === 'commit') committed = await turn();
              else {
                const reply = await other.claim();
                seen.push(...reply.claimed.flatMap((actor) => actor.mail.map((one) => one.event)));
                await other.commit(reply.claimed.map((actor) => goesOn(actor)));
              }
            }
            // The owner takes a missed turn again, or, holding on, looks where it was poked.
            for (let round = 0; round < 2; round += 1) {
              const [reloaded] = (await s.store.reload(owner.id, [held])).held;
              if (reloaded === undefined) break;
              held = { ...held, ...reloaded };
              if (committed && held.mail.length === 0) break;
              committed = (await turn()) || committed;
              await other.claim();
            }
            seen.push(...(await drain([other, owner])));
            expect(seen).toEqual(start === 'its due time' ? ['late'] : ['early', 'late']);
            expect(await s.findings()).toEqual([]);
            expect((await s.store.find(id))?.mail).toBe(0);
          }
        });
      }
    }

    for (const order of orders) {
      test(`${order.join(', ')}: a turn that settles answers for the mail or lets it go, and leaves nothing due`, async () => {
        const s = stage();
        const [owner, other] = [await s.worker(), await s.worker()];
        const id = await s.add();
        const held = await owner.take();
        let [sent, settled]: [string | undefined, boolean] = [undefined, false];
        for (const step of order) {
          if (step === 'send') [sent] = (await s.send(id)).items;
          else if (step === 'claim') expect(await other.ids()).toEqual([]);
          else settled = await owner.did(settles(held));
        }
        expect(settled).toBe(order.join() !== 'send,claim,commit');
        expect(sent).toBe(order.indexOf('commit') < order.indexOf('send') ? 'settled' : 'stored');
        if (!settled) {
          const [reloaded] = (await s.store.reload(owner.id, [held])).held;
          expect(reloaded?.mail).toHaveLength(1);
          expect(await owner.did(settles({ ...held, ...reloaded }))).toBe(true);
        }
        expect(await other.claim()).toMatchObject({ claimed: [], poked: [] });
        expect((await s.store.nextDue([s.queue], [s.def])).due.size).toBe(0);
        expect(await s.findings()).toEqual([]);
      });
    }
  });
}
