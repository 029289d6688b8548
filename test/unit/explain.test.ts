import { describe, expect, test } from 'vitest';
import { explain, type Waiting } from '../../src/reading/explain.ts';
import type { ActorView } from '../../src/reading/views.ts';
import type { StoreStats, WorkerEntry } from '../../src/store/contract.ts';
import type { PlaceWait } from '../../src/store/limits.ts';

const now = new Date(1_700_000_000_000);
const soon = new Date(now.getTime() + 1000);
const place = { queue: 3, def: 7 };

function viewWith(over: Partial<ActorView>): ActorView {
  return {
    id: 'a',
    name: 'order',
    version: 2,
    status: 'active',
    state: 'on',
    context: null,
    queue: 'mail',
    priority: 5,
    labels: [],
    attempt: 0,
    retried: 0,
    seq: 1,
    wakeAt: null,
    timers: [],
    effects: [],
    mail: 0,
    createdAt: now,
    ...over,
  };
}

function statsWith(workers: readonly Partial<WorkerEntry & { alive: boolean }>[], paused = false): StoreStats {
  const entry = { id: 'w', host: 'h', pid: 1, defs: [7], queues: [3], leaseMs: 1, concurrency: 1 };
  return {
    queues: [{ queue: 'mail', paused, due: 4, later: 0, oldestDueAt: null }],
    active: 1,
    quarantined: 0,
    mail: 0,
    parked: 0,
    workers: workers.map((worker) => ({
      ...entry,
      alive: true,
      joinedAt: 0,
      beatAt: 0,
      held: 0,
      duties: [],
      ...worker,
    })),
    setAside: [],
  };
}

function first(view: ActorView, stats = statsWith([{}])): Waiting | undefined {
  return explain(view, [], stats, place, now).waitingFor[0];
}

const due = viewWith({ wakeAt: now });

describe('a due actor that nobody runs', () => {
  test.each<[string, StoreStats, Waiting['for'], string]>([
    ['its queue is paused', statsWith([{}], true), 'queue', "Queue 'mail' is paused"],
    ['no worker is alive', statsWith([{ alive: false }]), 'worker', 'No worker is alive'],
    ['no living worker serves its queue', statsWith([{ queues: [1] }]), 'worker', "serves queue 'mail'"],
    ['no serving worker has its code', statsWith([{ defs: [1] }]), 'definition', 'order version 2'],
    ['every slot is taken', statsWith([{}]), 'slot', '4 are due'],
  ])('says so when %s', (_, stats, what, detail) => {
    expect(first(due, stats)).toMatchObject({ for: what, detail: expect.stringContaining(detail) });
  });

  test.each([
    [3, 'Version 3 takes it over when it is next due.'],
    [1, 'Version 1 is known, and no actor goes back to an older one.'],
  ])('says what becomes of it when version %i is known instead', (version, detail) => {
    const versions = [
      { version: 2, def: 7 },
      { version, def: 1 },
    ];
    const waiting = explain(due, [], statsWith([{ defs: [1] }]), { ...place, versions }, now).waitingFor[0];
    expect(waiting).toMatchObject({ for: 'definition', detail: expect.stringContaining(detail) });
  });

  test('a worker that knows it but serves other queues is no help', () => {
    expect(first(due, statsWith([{ defs: [1] }, { queues: [1] }]))).toMatchObject({ for: 'definition' });
  });
});

test('a run that waits for a place says which, how full it is, and when a rate lets the next one start', () => {
  const wait = { key: 'x', limit: 3, taken: 3, nextAt: null, admitted: false };
  const reason = (more: Partial<PlaceWait>): Waiting | undefined =>
    explain(viewWith({}), [], statsWith([{}]), { ...place, wait: { ...wait, kind: 'concurrency', ...more } }, now)
      .waitingFor[0];
  expect(reason({})).toEqual({
    for: 'limit',
    detail: "waits for a place: concurrency key 'x', 3 of 3 running",
  });
  expect(reason({ kind: 'rate', nextAt: soon.getTime() })).toEqual({
    for: 'limit',
    detail: `rate limit: key 'x', 3 of 3 started, next start at ${soon.toISOString()}`,
    at: soon,
  });
  expect(reason({ admitted: true })).toMatchObject({ for: 'slot' });
});

test('a settled actor waits for nothing and is never looked at again', () => {
  const record = { status: 'cancelled', reason: 'x', attempts: 0, startedAt: null, settledAt: now } as const;
  const view = viewWith({ status: 'dropped', record, timers: [{ id: '1', event: 'x', dueAt: soon }] });
  expect(explain(view, ['x'], statsWith([]), place, now)).toMatchObject({
    waitingFor: [{ for: 'nothing', detail: expect.stringContaining('cancelled') }],
    nextWakeAt: null,
  });
});

test('a quarantined or parked actor gives its reason', () => {
  expect(first(viewWith({ status: 'quarantined', reason: 'guard threw' }))).toMatchObject({
    for: 'release',
    detail: expect.stringContaining('guard threw'),
  });
  expect(first(viewWith({ reason: 'No living worker has code.' }))).toMatchObject({ for: 'definition' });
});

test('timers, running effects and accepted events are listed, with the earliest instant', () => {
  const timers = [
    { id: '1', event: 'later', dueAt: new Date(soon.getTime() + 1) },
    { id: '2', event: 'sooner', dueAt: soon },
  ];
  const waiting = explain(viewWith({ timers }), ['approve'], statsWith([{}]), place, now);
  expect(waiting.waitingFor.map((each) => each.for)).toEqual(['timer', 'timer', 'event']);
  expect(waiting.nextWakeAt).toEqual(soon);
  const effects = [{ id: 'e', src: 'charge', running: true, workerId: 'w1' }];
  const running = explain(viewWith({ effects, timers }), ['approve'], statsWith([{}]), place, now);
  expect(running.waitingFor.map((each) => each.for)).toEqual(['effect', 'timer', 'timer']);
  expect(running.waitingFor[0]?.detail).toBe("'charge' runs on worker w1");
});

describe('an actor that waits for its time', () => {
  const soonDue = (event: string, over: Partial<ActorView> = {}): ActorView =>
    viewWith({ wakeAt: soon, timers: [{ id: '1', event, dueAt: soon }], ...over });

  test.each([
    ['start', 'it begins at'],
    ['xstate.after.untilDue.job.scheduled', 'its first attempt at'],
    ['xstate.after.backoff.job.retrying', 'its next attempt at'],
    ['xstate.after.attemptTimeout.job.dispatching', 'the attempt times out at'],
    ['xstate.after.untilDeadline.job', 'its deadline at'],
    ['reminder', 'reminder at'],
  ])('says of %s what it is for', (event, detail) => {
    expect(first(soonDue(event))).toMatchObject({ for: 'timer', at: soon, detail: expect.stringContaining(detail) });
  });

  test('says while it recovers that it failed, how often it may, and when it goes on', () => {
    const view = soonDue('xstate.after.recoveryDelay.job.recovering', {
      state: 'recovering',
      recovering: { attempt: 2, of: 5, nextAt: soon },
    });
    expect(first(view)?.detail).toBe(`Failed (recovering, 2 of 5, next in 1 s) at ${soon.toISOString()}`);
  });

  test.each<[string, StoreStats, Waiting['for']]>([
    ['its queue is paused', statsWith([{}], true), 'queue'],
    ['no worker is alive', statsWith([]), 'worker'],
    ['no worker has its code', statsWith([{ defs: [] }]), 'definition'],
  ])('and would not run then says so already when %s', (_, stats, what) => {
    const waiting = explain(soonDue('start'), [], stats, place, now).waitingFor;
    expect(waiting.map((each) => each.for)).toEqual(['timer', what]);
  });

  test('with unread letters is due, whatever its timers say', () => {
    expect(first(soonDue('start', { mail: 1 }))).toMatchObject({ for: 'slot' });
    expect(first(viewWith({ mail: 1 }), statsWith([], false))).toMatchObject({ for: 'worker' });
  });
});
