/** When a worker claims and how much, against a store that is played by the test. */
import { expect, test } from 'vitest';
import { systemEnv } from '../../src/env.ts';
import type { Claimed, ClaimReply, ClaimRequest, Store } from '../../src/store/contract.ts';
import { StoreClock } from '../../src/store-clock.ts';
import { type Claimant, Claims } from '../../src/worker/claims.ts';
import { waitUntil } from '../support/wait-until.ts';

const T0 = 1_700_000_000_000;

function row(strikes = 0): Claimed {
  return { id: String(Math.random()), strikes } as Claimed;
}

/** A worker of that many slots that starts what it gets and ends nothing, over a store with these rows due. */
function claimsOf(concurrency: number, due: Claimed[], env = systemEnv) {
  const requests: ClaimRequest[] = [];
  const seen = { held: 0, most: 0, asked: 0, aheadOf: [] as number[], id: 'w', failed: [] as unknown[], looks: 0 };
  const played = { again: null as number | null, next: new Map<number, number>(), elsewhere: false };
  const store: Pick<Store, 'claim' | 'nextDue'> = {
    async claim(request) {
      requests.push(request);
      seen.aheadOf.push(seen.held);
      seen.asked += request.slots;
      await new Promise((resolve) => setTimeout(resolve, 2));
      seen.asked -= request.slots;
      const claimed = due.splice(0, request.slots);
      return { now: T0, claimed, poked: [], more: due.length > 0, again: played.again };
    },
    async nextDue() {
      seen.looks += 1;
      return { now: T0, due: played.next, elsewhere: played.elsewhere };
    },
  };
  const claimant: Claimant = {
    id: () => seen.id,
    working: () => true,
    places: () => concurrency - seen.held,
    quiet: () => seen.held === 0,
    choked: () => false,
    holdsSuspect: () => false,
    inherits: () => [],
    leaseNumber: () => requests.length + 1,
    take({ claimed }: ClaimReply) {
      seen.held += claimed.length;
      seen.most = Math.max(seen.most, seen.held + seen.asked);
    },
    rested: () => {},
    failed: (error) => seen.failed.push(error),
  };
  const entry = { host: 'h', pid: 1, defs: [1], queues: [1], leaseMs: 1000, concurrency };
  const clock = new StoreClock(env, T0);
  const claims = new Claims({ store: store as Store, env, clock, entry }, claimant);
  return { claims, requests, seen, played };
}

test('with a backlog the next claim is on its way before the rows of the last one are taken', async () => {
  const { claims, requests, seen } = claimsOf(
    8,
    Array.from({ length: 20 }, () => row()),
  );
  claims.wake();
  await waitUntil(() => seen.held === 8);
  expect(requests.map(({ slots }) => slots)).toEqual([4, 4]);
  expect(seen.aheadOf).toEqual([0, 0]);
  expect(seen.most).toBe(8);
});

test('what is asked for and what is held are never more than there are slots', async () => {
  const { claims, seen } = claimsOf(
    7,
    Array.from({ length: 60 }, () => row()),
  );
  claims.wake();
  for (let ended = 0; ended < 53; ended += 1) {
    await waitUntil(() => seen.held > 0);
    seen.held -= 1;
    claims.slotFreed();
  }
  await waitUntil(() => seen.held === 7);
  expect(seen.most).toBeLessThanOrEqual(7);
  expect(claims.free).toBe(0);
});

test('no second suspect is asked for while one is about to be taken', async () => {
  const { claims, requests, seen } = claimsOf(8, [row(2), ...Array.from({ length: 20 }, () => row())]);
  claims.wake();
  await waitUntil(() => seen.held === 8);
  expect(requests.map(({ suspect }) => suspect)).toEqual([true, false]);
});

test('an answer that comes after the worker took another identity is not its own', async () => {
  const { claims, requests, seen } = claimsOf(
    8,
    Array.from({ length: 6 }, () => row()),
  );
  claims.wake();
  await waitUntil(() => requests.length === 2);
  seen.id = 'x';
  await waitUntil(() => !claims.busy);
  expect(seen.held).toBe(0);
  expect(seen.failed).toEqual([]);
});

test('what is due next is asked for after a claim that took something, too: it may have passed over what was locked', async () => {
  const due = [row()];
  const { claims, seen } = claimsOf(8, due);
  claims.wake();
  await waitUntil(() => seen.held === 1 && seen.looks === 1 && !claims.busy);
  due.push(row());
  claims.wake();
  await waitUntil(() => seen.held === 2 && seen.looks === 2);
});

test('a store that has not looked everywhere is asked again when it says so', async () => {
  const { requests, claims, seen, played } = claimsOf(8, [row()]);
  played.again = T0 + 30;
  claims.wake();
  await waitUntil(() => seen.held === 1);
  played.again = null;
  await waitUntil(() => requests.length === 2);
});

test.each([
  ['cannot be had, and is asked for again by a timer', false, 1],
  ['is asked for at once where claims have not looked so far', true, 2],
])('what was due when a claim found nothing %s', async (_, elsewhere, count) => {
  const timers: number[] = [];
  const setTimer = (ms: number): { clear(): void } => {
    timers.push(ms);
    return { clear: () => undefined };
  };
  const { requests, claims, seen, played } = claimsOf(8, [], { ...systemEnv, setTimer });
  played.next.set(1, T0 - 1);
  played.elsewhere = elsewhere;
  claims.wake();
  await waitUntil(() => seen.looks === 1);
  played.elsewhere = false;
  await waitUntil(() => !claims.busy && timers.length > 0);
  expect(requests).toHaveLength(count);
});
