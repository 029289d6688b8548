/**
 * Takes the pictures of the dashboard that the README shows: `npm run screenshots`. Everything in them is real: the examples run
 * on a Postgres of their own, which is gone afterwards.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createDashboard, createScheduler, defineActor, defineJob, RetryableError, type Scheduler } from 'carillon';
import { type BrowserContext, chromium } from 'playwright-core';
import { assign, fromPromise, setup } from 'xstate';
import { approval } from '../examples/approval.ts';
import { delayedGreeting } from '../examples/delayed-greeting.ts';
import { longReport } from '../examples/long-report.ts';
import { nightly, nightlyReport } from '../examples/nightly-report.ts';
import { charge, reserve, ship } from '../examples/order-flow.ts';
import { quietLogger } from '../src/cli/command.ts';
import { serveDashboard } from '../src/dashboard/serve.ts';
import { openEmbeddedPostgres } from '../src/embedded.ts';
import { systemEnv } from '../src/env.ts';
import { BROWSER_FLAGS, findBrowser } from '../test/support/browser.ts';

const images = fileURLToPath(new URL('../docs/images/', import.meta.url));

const callPartner = defineJob<{ order: number }, string>({
  name: 'call-partner',
  retry: { maxRetries: 2, backoff: { base: 50 } },
  recovery: { every: '10m' },
  run({ input: { order } }) {
    if (order % 9 === 0) throw new RetryableError('503 from the partner', { code: 'E_PARTNER' });
    return `order ${order} accepted`;
  },
});

const order = defineActor({
  name: 'order-fulfilment',
  machine: setup({
    types: {
      context: {} as { order: number; paidBy: string | null },
      input: {} as { order: number },
      events: {} as { type: 'pay'; by: string } | { type: 'cancel' },
    },
    actors: {
      charge: fromPromise(async () => 'charged'),
      pack: fromPromise(() => sleep(60, 'packed')),
      print: fromPromise(() => sleep(120, 'printed')),
    },
  }).createMachine({
    id: 'order',
    context: ({ input }) => ({ ...input, paidBy: null }),
    initial: 'awaitingPayment',
    states: {
      awaitingPayment: {
        on: { pay: { target: 'charging', actions: assign({ paidBy: ({ event }) => event.by }) }, cancel: 'abandoned' },
        after: { 86_400_000: 'abandoned' },
      },
      charging: { invoke: { src: 'charge', onDone: 'preparing', onError: 'awaitingPayment' } },
      preparing: {
        type: 'parallel',
        states: {
          parcel: {
            initial: 'packing',
            states: { packing: { invoke: { src: 'pack', onDone: 'packed' } }, packed: { type: 'final' } },
          },
          label: {
            initial: 'printing',
            states: { printing: { invoke: { src: 'print', onDone: 'printed' } }, printed: { type: 'final' } },
          },
        },
        onDone: 'awaitingPickup',
      },
      awaitingPickup: { on: { cancel: 'returning' }, after: { 172_800_000: 'returning' } },
      returning: { after: { 3_600_000: 'abandoned' } },
      abandoned: { type: 'final', tags: 'dropped' },
    },
  }),
});

async function fill(scheduler: Scheduler): Promise<string> {
  await scheduler.applyCrons([nightly, { id: 'poll-partner', every: '15m', job: callPartner, input: { order: 1 } }]);
  await scheduler.scheduleMany(
    callPartner,
    Array.from({ length: 240 }, (_, index) => ({ input: { order: index } })),
  );
  await scheduler.scheduleMany(
    delayedGreeting,
    Array.from({ length: 60 }, (_, index) => ({
      input: { name: `guest ${index}` },
      options: { delay: (index + 1) * 600_000 },
    })),
  );
  const orders = await scheduler.scheduleMany(
    order,
    Array.from({ length: 42 }, (_, index) => ({ input: { order: index } })),
  );
  for (const { id } of orders.slice(0, 17)) await scheduler.send(id, { type: 'pay', by: 'Ada' });
  const asked = await Promise.all(
    ['a new bell', 'a second bell', 'a rope'].map((request) =>
      scheduler.schedule(approval, { request, patienceMs: 604_800_000 }),
    ),
  );
  await scheduler.send(asked[0]?.id ?? '', { type: 'reject', by: 'Grace' });
  await scheduler.schedule(longReport, { pages: 600, msPerPage: 500 });
  const shown = orders[3]?.id ?? '';
  await scheduler.waitFor(shown, { state: 'awaitingPickup', timeout: '30s' });
  return shown;
}

async function take(context: BrowserContext, url: string, name: string, wait: string): Promise<void> {
  const page = await context.newPage();
  await page.goto(url);
  await page.locator(wait).first().waitFor();
  await page.locator('.switch.live').waitFor();
  await page.screenshot({ path: path.join(images, `${name}.png`) });
  await page.close();
}

const executablePath = findBrowser();
if (executablePath === null) throw new Error('No Chromium here. Install one: apt-get install chromium');
const folder = await mkdtemp(path.join(tmpdir(), 'carillon-screenshots-'));
const postgres = await openEmbeddedPostgres({ dataDir: folder, env: systemEnv, logger: quietLogger() });
const scheduler = await createScheduler({
  definitions: [callPartner, delayedGreeting, approval, longReport, nightlyReport, charge, reserve, ship, order],
  postgres: postgres.connection,
  logger: false,
});
await scheduler.start();
const served = await serveDashboard(createDashboard(scheduler), { port: 0, guarded: false });
const browser = await chromium.launch({ executablePath, args: BROWSER_FLAGS });
try {
  const shown = await fill(scheduler);
  const light = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const dark = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'dark' });
  await take(light, served.url, 'overview', '.state-bars');
  await take(light, `${served.url}definitions/order-fulfilment/1`, 'definition', '.chart .populated');
  await take(dark, `${served.url}actors/${shown}?at=3`, 'actor', '.chart .active');
  if (process.argv.includes('--all')) {
    for (const name of ['actors', 'definitions', 'crons', 'queues', 'failed'])
      await take(light, served.url + name, name, '.table');
    await take(light, `${served.url}definitions/call-partner/1`, 'job', '.chart');
  }
} finally {
  await browser.close();
  await served.close();
  await scheduler.stop({ timeout: 0 });
  await postgres.close();
  await rm(folder, { recursive: true, force: true });
}
