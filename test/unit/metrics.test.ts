import { createTestScheduler, type TestScheduler } from 'carillon/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { DropError, defineActor, defineJob } from '../../src/index.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { registryOf } from '../../src/telemetry/metrics-page.ts';

let kit: TestScheduler;
afterEach(() => kit?.stop({ timeout: 0 }));

const mail = defineJob<{ fails?: boolean }>({
  name: 'mail',
  queue: 'mail',
  retry: { maxRetries: 1, backoff: { base: '10s', jitter: 0 } },
  run({ input, attempt }) {
    if (input.fails) throw new DropError('no');
    if (attempt === 1) throw new Error('not yet');
  },
});

const waiting = defineActor({
  name: 'waiting',
  machine: setup({}).createMachine({
    initial: 'on',
    states: { on: { after: { 60_000: 'off' } }, off: { type: 'final' } },
  }),
});

async function values(): Promise<Map<string, number>> {
  const lines = (await kit.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('metrics', () => {
  test('count what was scheduled, taken, run and settled, by name and queue', async () => {
    kit = await createTestScheduler({ definitions: [mail, waiting] });
    await kit.schedule(mail, {});
    await kit.scheduleMany(mail, [{ input: { fails: true } }, { input: { fails: true }, options: { queue: 'other' } }]);
    await kit.schedule(mail, {}, { delay: '2h', idempotencyKey: 'k' });
    await kit.schedule(mail, {}, { delay: '2h', idempotencyKey: 'k' });
    await kit.schedule(waiting);
    await kit.advance('1 hour');
    const shown = await values();
    const of = (name: string, labels: string): number | undefined => shown.get(`carillon_${name}{${labels}}`);
    const mailIn = (more: string): string => `name="mail",queue="mail",${more}`;
    expect(of('scheduled_total', mailIn('outcome="scheduled"'))).toBe(3);
    expect(of('scheduled_total', mailIn('outcome="skipped_in_flight"'))).toBe(1);
    expect(of('scheduled_total', 'name="mail",queue="other",outcome="scheduled"')).toBe(1);
    expect(of('effects_total', mailIn('outcome="failed"'))).toBe(2);
    expect(of('effects_total', mailIn('outcome="ok"'))).toBe(1);
    expect(of('settled_total', mailIn('status="success"'))).toBe(1);
    expect(of('settled_total', mailIn('status="failed_dropped"'))).toBe(1);
    expect(of('settled_total', 'name="waiting",queue="default",status="success"')).toBe(1);
    expect(of('effects_running', 'name="mail",queue="mail"')).toBe(0);
    expect(of('effect_duration_seconds_count', 'name="mail",queue="mail"')).toBe(3);
    expect(of('timer_lateness_seconds_count', 'name="waiting",queue="default"')).toBe(1);
    expect(of('timer_lateness_seconds_sum', 'name="waiting",queue="default"')).toBe(0);
    expect(of('queue_later', 'queue="mail"')).toBe(1);
    // This worker began before there was a queue of that name.
    expect(of('queue_due', 'queue="other"')).toBe(1);
    expect(of('actors', 'status="active"')).toBe(2);
    expect(shown.get('carillon_store_up')).toBe(1);
    expect(shown.get('carillon_mailbox_letters')).toBe(0);
    expect(shown.get('carillon_workers_alive')).toBe(1);
    expect(of('sweep_age_seconds', 'duty="reap"')).toBeLessThanOrEqual(3600 * 1.2);
  });

  test('show letters that wait, and how long what is due has been due', async () => {
    kit = await createTestScheduler({ definitions: [waiting], worker: false });
    const { id } = await kit.schedule(waiting, undefined, { delay: '10s' });
    await kit.send(id, { type: 'one' });
    await kit.send(id, { type: 'two' });
    await kit.advance('70s');
    const shown = await values();
    expect(shown.get('carillon_mailbox_letters')).toBe(2);
    expect(shown.get('carillon_queue_oldest_due_seconds{queue="default"}')).toBe(70);
  });

  test('tell of actors that are set aside', async () => {
    const broken = defineActor({
      name: 'broken',
      machine: setup({}).createMachine({
        on: {
          go: {
            guard: () => {
              throw new Error('no');
            },
          },
        },
      }),
    });
    kit = await createTestScheduler({ definitions: [broken], quarantine: 'keep' });
    const { id } = await kit.schedule(broken);
    await kit.send(id, { type: 'go' });
    await kit.advance(0);
    const shown = await values();
    expect(shown.get('carillon_quarantined_total{name="broken",queue="default"}')).toBe(1);
    expect(shown.get('carillon_actors{status="quarantined"}')).toBe(1);
  });
});

test('queues without end end in one series', async () => {
  const metrics = new Metrics();
  for (let queue = 0; queue < 5000; queue += 1) metrics.settled('a', `q${queue}`, 'success');
  const lines = (await registryOf(metrics).metrics())
    .split('\n')
    .filter((line) => line.startsWith('carillon_settled_total{'));
  expect(lines).toHaveLength(1001);
  expect(lines).toContain('carillon_settled_total{name="other",queue="other",status="success"} 4000');
});
