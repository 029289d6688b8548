import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { findBrowser } from '../support/browser.ts';
import { waitUntil } from '../support/wait-until.ts';
import { door, greet, mendDoor, mended, nightly, order, refuse } from './definitions.ts';
import { litBecomes, useHouse } from './house.ts';

const DAY = { delay: '1d' } as const;

const PREPARING = [
  'preparing',
  'preparing.label',
  'preparing.label.blank',
  'preparing.parcel',
  'preparing.parcel.loose',
];

describe.runIf(findBrowser() !== null)('the dashboard [needs chromium]', () => {
  const house = useHouse({ definitions: [greet, refuse, order, door], redact: ['password', 'context.secret'] });

  const notice = (page: Page): ReturnType<Page['locator']> => page.locator('.notice p');

  describe('one actor', () => {
    test('its active states are lit, events are sent with data, and the picture follows', async () => {
      const { id } = await house.scheduler.schedule(order, { order: 'A-17' });
      await house.scheduler.waitFor(id, { state: 'open' });
      const page = await house.open(`actors/${id}`);
      await litBecomes(page, ['open']);
      await page.getByRole('button', { name: 'Send pay' }).click();
      await page.getByLabel('Fields of pay, as JSON').fill('{"by": }');
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await page.getByText('Give a JSON object').waitFor();
      await page.getByLabel('Fields of pay, as JSON').fill('{"by": "Ada"}');
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await litBecomes(page, PREPARING);
      await page.getByRole('region', { name: 'Context' }).getByText('"paidBy": "Ada"').first().waitFor();
      expect(await page.content()).not.toContain('do not show me');
      await page.getByRole('button', { name: 'Send pack' }).waitFor();
      expect(await page.getByRole('button', { name: 'Send pay' }).count()).toBe(0);
    });

    test('selecting an event shows the chart, the event and the context as they were then', async () => {
      const { id } = await house.scheduler.schedule(order, { order: 'A-18' });
      await house.scheduler.send(id, { type: 'pay', by: 'Grace' });
      await house.scheduler.waitFor(id, { state: 'preparing' });
      await house.scheduler.send(id, { type: 'pack' });
      await house.scheduler.send(id, { type: 'print' });
      await house.scheduler.waitFor(id);
      const page = await house.open(`actors/${id}`);
      await litBecomes(page, ['sent']);
      await page.getByRole('button', { name: /pay charging/ }).click();
      await litBecomes(page, ['charging']);
      expect(new URL(page.url()).searchParams.get('at')).toBe('2');
      await page.getByLabel('Event 2').getByText('"by": "Grace"').waitFor();
      await page.getByLabel('Context after event 2').getByText('"paidBy": "Grace"').waitFor();
      expect(await page.locator('.chart .taken').count()).toBe(1);
      await page.keyboard.press('ArrowDown');
      await litBecomes(page, ['open']);
      await page.getByLabel('Context after event 1').getByText('"paidBy": null').waitFor();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowUp');
      await litBecomes(page, PREPARING);
      await page.reload();
      await litBecomes(page, PREPARING);
      await page.getByRole('link', { name: 'back to now' }).click();
      await litBecomes(page, ['sent']);
      await page.getByText('It has settled: success.').waitFor();
    });

    test('a copy is forked from any point of its past, and held until it is released', async () => {
      const { id } = await house.scheduler.schedule(order, { order: 'A-20' });
      await house.scheduler.send(id, { type: 'pay', by: 'Ada' });
      await house.scheduler.waitFor(id, { state: 'preparing' });
      const page = await house.open(`actors/${id}?at=1`);
      await litBecomes(page, ['open']);
      await page.getByRole('button', { name: 'Fork from here' }).click();
      await page.waitForURL((url) => !url.pathname.endsWith(id));
      await litBecomes(page, ['open']);
      const copy = new URL(page.url()).pathname.split('/').at(-1) ?? '';
      expect(await house.scheduler.get(copy)).toMatchObject({ status: 'quarantined', forkOf: { id, seq: 1 } });
      await page.getByRole('button', { name: 'Release' }).click();
      await page.getByRole('button', { name: 'Send pay' }).waitFor();
      await house.scheduler.cancel(copy);
    });

    test('a job is run now, and shows its output without what is redacted', async () => {
      const { id } = await house.scheduler.schedule(greet, { name: 'Ada', password: 'swordfish' }, DAY);
      const page = await house.open(`actors/${id}`);
      await litBecomes(page, ['scheduled']);
      await page.getByRole('button', { name: 'Run now' }).click();
      await litBecomes(page, ['done']);
      await page.getByRole('region', { name: 'Output' }).getByText('Hello, Ada').first().waitFor();
      await page.getByRole('region', { name: 'Input' }).getByText('[Redacted]').first().waitFor();
      expect(await page.content()).not.toContain('swordfish');
    });

    test('cancelling asks once, and keeps the reason', async () => {
      const { id } = await house.scheduler.schedule(greet, { name: 'Ada' }, DAY);
      const page = await house.open(`actors/${id}`);
      await page.getByRole('button', { name: 'Cancel …' }).click();
      expect((await house.scheduler.get(id))?.status).toBe('active');
      await page.getByLabel('Reason').fill('not needed');
      await page.getByRole('button', { name: 'Cancel this run' }).click();
      await litBecomes(page, ['dropped']);
      expect((await house.scheduler.get(id))?.record).toMatchObject({ status: 'cancelled', reason: 'not needed' });
    });

    test('a dropped run says why, and begins again', async () => {
      const { id } = await house.scheduler.schedule(refuse, { words: 'no such order' });
      await house.scheduler.waitFor(id);
      const page = await house.open(`actors/${id}`);
      await page.getByText('no such order (attempt 1)').first().waitFor();
      mended.add('no such order');
      await page.getByRole('button', { name: 'Retry' }).click();
      await litBecomes(page, ['done']);
    });

    test('what it refuses is said', async () => {
      const { id } = await house.scheduler.schedule(order, { order: 'A-19' });
      await house.scheduler.waitFor(id, { state: 'open' });
      const page = await house.open(`actors/${id}`);
      await page.getByRole('button', { name: 'Send pay' }).click();
      await page.route('**/send', (route) =>
        route.fulfill({ status: 409, json: { code: 'ACTOR_SETTLED', error: 'Actor has settled.' } }),
      );
      await page.getByRole('button', { name: 'Send', exact: true }).click();
      await notice(page).getByText('Actor has settled.').waitFor();
      house.forgive(/409/);
    });
  });

  test('the list is filtered by its address, and page by page', async () => {
    await house.scheduler.scheduleMany(
      greet,
      Array.from({ length: 60 }, (_, index) => ({
        input: { name: `g${index}` },
        options: { ...DAY, labels: ['many'] },
      })),
    );
    const page = await house.open('actors?label=many');
    await page.locator('tbody tr').nth(49).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('link', { name: 'Older' }).click();
    await waitUntil(async () => (await page.locator('tbody tr').count()) === 10);
    await page.getByRole('link', { name: 'Newest' }).click();
    await waitUntil(async () => (await page.locator('tbody tr').count()) === 50);
    await page.getByLabel('Status').selectOption('dropped');
    await page.getByText('No actor fits.').waitFor();
    expect(new URL(page.url()).search).toBe('?label=many&status=dropped');
    await page.goBack();
    await waitUntil(async () => (await page.locator('tbody tr').count()) === 50);
    await page.getByLabel('Idempotency key').fill('x'.repeat(600));
    // What is typed is not lost when the page hears of something.
    const { id } = await house.scheduler.schedule(greet, { name: 'meanwhile' }, { ...DAY, labels: ['many'] });
    await page.locator('tbody tr').first().getByText(id).waitFor();
    await page.getByLabel('Idempotency key').press('Enter');
    await page.getByRole('alert').getByText('key').waitFor();
    house.forgive(/400/);
  });

  test('a definition shows how many actors are in each state, and follows them', async () => {
    const before = (await house.scheduler.list({ name: 'order', state: 'open' })).items.length;
    const ids = await Promise.all([1, 2, 3].map((each) => house.scheduler.schedule(order, { order: `B-${each}` })));
    const page = await house.open('definitions');
    await page.getByRole('link', { name: 'order', exact: true }).click();
    const count = (state: string): Promise<string | null> => page.locator(`[data-count="${state}"]`).textContent();
    await waitUntil(async () => (await count('open')) === String(before + 3), { what: 'three more to be counted' });
    await house.scheduler.send(ids[0]?.id ?? '', { type: 'pay', by: 'Ada' });
    await waitUntil(async () => (await count('open')) === String(before + 2), { what: 'one to have gone on' });
    expect(Number(await count('preparing.parcel.loose'))).toBeGreaterThan(0);
    await page.getByText('Median stay').waitFor();
    await page.getByText('The same as text').click();
    await page.getByText('charge done → preparing').waitFor();
  });

  test('a cron shows its next fires, and is run, paused and resumed', async () => {
    await house.scheduler.scheduleCron(nightly);
    const page = await house.open('crons');
    await page.locator('.fires li').nth(4).waitFor();
    await page.getByRole('button', { name: 'Run now: nightly' }).click();
    await page.getByRole('link', { name: 'success' }).waitFor();
    await page.getByRole('button', { name: 'Pause nightly' }).click();
    await page.getByRole('button', { name: 'Resume nightly' }).click();
    await page.getByRole('button', { name: 'Pause nightly' }).waitFor();
    expect((await house.scheduler.getCron('nightly'))?.state).toBe('waiting');
  });

  test('a queue is paused and resumed', async () => {
    const page = await house.open('queues');
    await page.getByRole('button', { name: 'Pause default' }).click();
    await page.getByRole('button', { name: 'Resume default' }).waitFor();
    expect((await house.scheduler.stats()).queues.find(({ queue }) => queue === 'default')?.paused).toBe(true);
    await page.getByRole('button', { name: 'Resume default' }).click();
    await page.getByRole('button', { name: 'Pause default' }).waitFor();
  });

  test('a quarantined actor is shown with its reason, and goes on once released', async () => {
    const { id } = await house.scheduler.schedule(door);
    await house.scheduler.send(id, { type: 'knock' });
    const page = await house.open('quarantine');
    await page.getByText('the hinge is broken').waitFor();
    mendDoor();
    await page.getByRole('button', { name: `Release ${id}` }).click();
    await page.getByText('No actor is quarantined.').waitFor();
    expect((await house.scheduler.waitFor(id, { timeout: '20s' })).record?.status).toBe('success');
  });

  test('failed runs are counted before they begin again', async () => {
    const ids = await Promise.all(
      ['late', 'later'].map(async (words) => (await house.scheduler.schedule(refuse, { words })).id),
    );
    await Promise.all(ids.map((each) => house.scheduler.waitFor(each)));
    const page = await house.open('failed');
    const form = page.getByRole('form', { name: 'Retry many' });
    await form.getByLabel('Definition').selectOption('refuse');
    await form.getByLabel('Error has').fill('later');
    await form.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('1 would begin again').waitFor();
    mended.add('later');
    await page.getByRole('button', { name: 'Retry 1 run' }).click();
    await page.getByText('1 begin again').waitFor();
    expect((await house.scheduler.waitFor(ids[1] ?? '', { timeout: '20s' })).record?.status).toBe('success');
    expect((await house.scheduler.get(ids[0] ?? ''))?.status).toBe('dropped');
  });

  test('the overview has the numbers, and its tiles lead to what they count', async () => {
    const page = await house.open('');
    await page.getByRole('region', { name: 'Workers' }).first().getByText('alive').first().waitFor();
    await page.getByRole('link', { name: /^Active: \d/ }).click();
    await page.getByRole('heading', { name: 'Actors' }).waitFor();
    expect(new URL(page.url()).search).toBe('?status=active');
  });
});
