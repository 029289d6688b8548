/**
 * Random crons through outages, clock jumps, failing runs, pauses and changes. What each turn has to come to is worked out here
 * from a plain list of the occurrences that came due in it.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ON_TIME_MS } from '../../../machines/cron-policy.ts';
import { fractionOf } from '../../../machines/jitter.ts';
import { firesBetween, nextFire, shortestGapMs } from '../../../src/cron-time.ts';
import { runId, type StoredCron } from '../../../src/crons/definition.ts';
import { ACTOR, CronLife, type Did, specOf, T0 } from './cron-life.ts';

const RUNS = Number(process.env['CRON_RUNS'] ?? 700);
const DAY = 86_400_000;
/** Of one outage no more are counted: nothing here may have more. */
const FEW = 900;

const every = [1_000, 7_000, 60_000, 300_000, 3_600_000, DAY];
const expressions = ['* * * * *', '*/15 * * * * *', '*/7 * * * *', '0 9 * * MON-FRI', '30 2 * * *', '0 0 1 * *'];
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'];

const timesOf = fc.oneof(
  fc.record({ cron: fc.constant(null), everyMs: fc.constantFrom(...every), timezone: fc.constant('UTC') }),
  fc.record({ cron: fc.constantFrom(...expressions), everyMs: fc.constant(null), timezone: fc.constantFrom(...zones) }),
);

const crons: fc.Arbitrary<StoredCron> = fc
  .record({
    times: timesOf,
    endsIn: fc.option(fc.integer({ min: 1, max: 90 * DAY }), { freq: 9 }),
    jitter: fc.constantFrom(0, 0, 0.3, 1),
    limit: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 2 }),
    missed: fc.constantFrom('skip' as const, 'last' as const, 'first' as const, 'all' as const),
    missedWindowMs: fc.option(fc.constantFrom(1_000, 90_000, 3_600_000, DAY)),
    overlap: fc.constantFrom('skip' as const, 'queue' as const, 'allow' as const, 'cancelOther' as const),
    pauseAfterFailures: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 2 }),
    enabled: fc.constantFrom(true, true, true, false),
    deletes: fc.boolean(),
  })
  .map(({ times, endsIn, jitter, deletes, ...rest }) => {
    const whole = { ...times, startAt: null, endAt: endsIn === null ? null : T0 + endsIn };
    const gapMs = Math.min(shortestGapMs(whole, T0), DAY);
    return specOf({
      ...rest,
      times: whole,
      jitterMs: Math.floor(gapMs * jitter),
      deleteAfterRun: deletes && rest.limit === 1,
      ...(rest.missed === 'all' && rest.overlap === 'cancelOther' && { overlap: 'queue' as const }),
    });
  });

type Happening =
  | { readonly what: 'due' | 'pause' | 'resume' }
  | { readonly what: 'late' | 'back'; readonly part: number }
  | { readonly what: 'end'; readonly which: number; readonly status: 'success' | 'failed_dropped' | 'cancelled' }
  | { readonly what: 'change'; readonly to: StoredCron };

const happenings: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: fc.constant('due' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom('late' as const, 'back' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      what: fc.constant('end' as const),
      which: fc.nat(20),
      status: fc.constantFrom('success' as const, 'failed_dropped' as const, 'cancelled' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('pause' as const, 'resume' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('change' as const), to: crons }) },
);

/** The longest outage that has few enough occurrences. */
function outageMs({ times }: StoredCron, from: number): number {
  const fires = firesBetween(times, from, from + 60 * DAY, FEW);
  return (fires.length < FEW ? from + 60 * DAY : (fires.at(-1) as number)) - from;
}

function fireAt({ times, jitterMs }: StoredCron, fire: number): number {
  const gapMs = (nextFire(times, fire) ?? Infinity) - fire;
  return fire + Math.floor(fractionOf(ACTOR, fire) * Math.min(jitterMs, gapMs));
}

class Trial {
  readonly life: CronLife;
  readonly told: string[] = [];
  now = T0;
  readonly #everStarted = new Set<number>();

  constructor(spec: StoredCron) {
    this.life = new CronLife(spec, T0);
  }

  get spec(): StoredCron {
    return this.life.context.spec as StoredCron;
  }

  happen(happening: Happening): void {
    this.told.push(`${JSON.stringify(happening)} at ${this.now}`);
    const { life, spec } = this;
    if (happening.what === 'due') return this.#look(Math.max(this.now, life.dueAt ?? this.now));
    if (happening.what === 'late') {
      const from = Math.max(this.now, life.context.lastNominal);
      return this.#look(from + Math.floor(happening.part * outageMs(spec, from)));
    }
    if (happening.what === 'back') return this.#look(this.now - Math.floor(happening.part * 600_000));
    if (happening.what === 'end') return this.#end(happening.which, happening.status);
    if (happening.what === 'change') return this.#change(happening.to);
    const before = life.context;
    const did = life.asked(this.now, { type: `cron.${happening.what}` });
    if (happening.what === 'pause') expect(did.started, this.#why).toEqual([]);
    else this.#check(did, before, 'drain');
  }

  /** Time has passed, and nothing else. */
  #look(now: number): void {
    const { spec, life } = this;
    const { context: before, state } = life;
    this.now = now;
    const wasDue = life.dueAt !== null && life.dueAt <= now;
    const did = life.at(now);
    if (state !== 'waiting' || !wasDue) {
      expect(did, this.#why).toEqual({ started: [], cancelled: [] });
      return;
    }
    const due = firesBetween(spec.times, before.lastNominal, now, 2 * FEW).filter((fire) => fireAt(spec, fire) <= now);
    this.#checkTaken(did, before, due);
    this.#check(did, before, 'fire');
  }

  #checkTaken({ started }: Did, before: CronLife['context'], due: readonly number[]): void {
    const { context: after } = this.life;
    const { spec } = this;
    const newest = due.at(-1);
    if (newest === undefined) return;
    expect(after.lastNominal, this.#why).toBe(newest);
    const onTime = this.now - fireAt(spec, newest) <= ON_TIME_MS;
    const missed = onTime ? due.slice(0, -1) : due;
    const young = missed.filter((fire) => this.now - fire <= (spec.missedWindowMs ?? Infinity));
    const wanted = {
      skip: [],
      last: onTime ? [] : young.slice(-1),
      first: spec.overlap === 'cancelOther' && onTime ? [] : young.slice(0, 1),
      all: young,
    }[spec.missed];
    const chosen = onTime ? [...wanted, newest] : wanted;
    const taken = [...after.running, ...after.queued].filter((fire) => fire > before.lastNominal);
    for (const fire of taken) expect(chosen, this.#why).toContain(fire);
    const skipped = after.skipped - before.skipped;
    if (spec.limit === null) {
      expect(taken.length + skipped, this.#why).toBe(chosen.length);
      expect(taken.length + skipped + after.missed - before.missed, this.#why).toBe(due.length);
    }
    if (spec.overlap === 'allow' && spec.limit === null) expect(taken, this.#why).toEqual(chosen);
    for (const { nominalAt, delayMs } of started) {
      if (nominalAt === newest && onTime) expect(delayMs, this.#why).toBe(0);
      expect(delayMs, this.#why).toBeLessThan(60_000);
    }
  }

  #end(which: number, status: 'success' | 'failed_dropped' | 'cancelled'): void {
    const { running } = this.life.context;
    if (running.length === 0) return;
    const nominalAt = running[which % running.length] as number;
    const before = this.life.context;
    const did = this.life.ended(this.now, nominalAt, status);
    expect(this.life.context.lastRun, this.#why).toMatchObject({ id: runId(ACTOR, nominalAt), nominalAt, status });
    this.#check(did, { ...before, running: running.filter((other) => other !== nominalAt) }, 'drain');
  }

  #change(to: StoredCron): void {
    if (nextFire(to.times, this.now) === null) return;
    const { context, state } = this.life;
    // Declared again in its last moment it is a new cron.
    const before = state === 'removing' ? { ...context, fires: 0 } : context;
    this.#check(this.life.asked(this.now, { type: 'cron.update', spec: to }), before, 'change');
  }

  /** What holds after any turn. */
  #check({ started, cancelled }: Did, before: CronLife['context'], how: 'fire' | 'drain' | 'change'): void {
    const { life, now } = this;
    const { context: after, state } = life;
    const { spec, running, queued, next, fires } = after;
    for (const { nominalAt } of started) {
      expect(this.#everStarted.has(nominalAt), this.#why).toBe(false);
      this.#everStarted.add(nominalAt);
      expect(nominalAt, this.#why).toBeLessThanOrEqual(Math.max(now, before.lastNominal));
      if (how === 'drain') expect(before.queued, this.#why).toContain(nominalAt);
    }
    expect(fires - before.fires, this.#why).toBe(started.length);
    expect(after.lastNominal, this.#why).toBeGreaterThanOrEqual(before.lastNominal);
    if (state === 'waiting' && next) {
      expect(next.fireAt, this.#why).toBeGreaterThan(now);
      expect(next.nominalAt, this.#why).toBeGreaterThan(after.lastNominal);
      expect(life.dueAt, this.#why).toBe(next.fireAt);
    } else if (state !== 'removing') expect(life.dueAt, this.#why).toBeNull();
    if (spec.limit !== null && how !== 'change') {
      expect(fires - after.uncounted + queued.length, this.#why).toBeLessThanOrEqual(
        Math.max(spec.limit, before.fires - before.uncounted + before.queued.length),
      );
    }
    if (how !== 'change' && (spec.overlap === 'skip' || spec.overlap === 'queue')) {
      expect(running.length, this.#why).toBeLessThanOrEqual(Math.max(1, before.running.length));
    }
    if (cancelled.length > 0) expect(spec.overlap === 'cancelOther' || how === 'change', this.#why).toBe(true);
    if (state === 'waiting' && spec.overlap !== 'allow' && queued.length > 0)
      expect(running.length, this.#why).toBeGreaterThan(0);
    if (state === 'paused' && how !== 'change') expect(after.pausedBecause, this.#why).not.toBeNull();
  }

  get #why(): string {
    return `${JSON.stringify(this.spec)}\n${this.told.slice(-12).join('\n')}`;
  }
}

test(`${RUNS} random crons fire each occurrence at most once, count the others, and always look ahead`, {
  timeout: 900_000,
}, () => {
  let fires = 0;
  let missed = 0;
  let skipped = 0;
  fc.assert(
    fc.property(crons, fc.array(happenings, { minLength: 5, maxLength: 40 }), (spec, all) => {
      const trial = new Trial(spec);
      for (const happening of all) if (!trial.life.over) trial.happen(happening);
      fires += trial.life.context.fires;
      missed += trial.life.context.missed;
      skipped += trial.life.context.skipped;
    }),
    { numRuns: RUNS },
  );
  // Crons that do nothing prove nothing.
  expect(fires).toBeGreaterThan(RUNS);
  expect(missed).toBeGreaterThan(RUNS);
  expect(skipped).toBeGreaterThan(RUNS / 10);
});
