/**
 * A scheduler with a worker, its dashboard on a port, and a real Chromium in front of it. What no page may ever do is checked after
 * each test: an error on the console, a request to anywhere else, a script that came with the data.
 */
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type ServedDashboard, serveDashboard } from '../../src/dashboard/serve.ts';
import { createDashboard, createScheduler, type Scheduler, type SchedulerOptions } from '../../src/index.ts';
import { BROWSER_FLAGS, findBrowser } from '../support/browser.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { expectNothingLeftBehind } from '../support/left-behind.ts';
import { waitUntil } from '../support/wait-until.ts';

export interface House {
  readonly scheduler: Scheduler;
  readonly database: TestDatabase;
  /** The same page at another address. */
  turnTo(page: Page, path: string): Promise<void>;
  /** The browser itself says on the console that an answer was a refusal: this one was asked for. */
  forgive(complaint: RegExp): void;
  /** Once the page waits for no answer. One that was asked for before something happens may tell of it. */
  answered(page: Page): Promise<unknown>;
  /** Opens a page of the dashboard; closed after the test. */
  open(path: string, options?: BrowserContextOptions & { readonly readOnly?: boolean }): Promise<Page>;
}

/** Call once, in a `describe` that is skipped without a browser. */
export function useHouse(options: Omit<SchedulerOptions, 'postgres'>): House {
  let database: TestDatabase;
  let scheduler: Scheduler;
  let browser: Browser;
  const served: ServedDashboard[] = [];
  const pages: Page[] = [];
  const questions = new WeakMap<Page, Set<Request>>();
  const complaints: string[] = [];
  const forgiven: RegExp[] = [];
  expectNothingLeftBehind();

  beforeAll(async () => {
    database = await createTestDatabase();
    scheduler = await createScheduler({ logger: false, ...options, postgres: database.connectionString });
    await scheduler.start();
    for (const readOnly of [false, true])
      served.push(await serveDashboard(createDashboard(scheduler, { readOnly }), { port: 0, guarded: false }));
    browser = await chromium.launch({ executablePath: findBrowser() ?? '', args: BROWSER_FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    for (const each of served) await each.close();
    await scheduler?.stop({ timeout: 0 });
    await database?.close();
  });
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      expect(await page.evaluate('window.pwned')).toBeUndefined();
      await page.context().close();
    }
    const left = complaints.splice(0).filter((complaint) => !forgiven.some((pattern) => pattern.test(complaint)));
    forgiven.length = 0;
    expect(left).toEqual([]);
  });

  return {
    get scheduler() {
      return scheduler;
    },
    get database() {
      return database;
    },
    async turnTo(page, path) {
      await page.goto(new URL(`/${path}`, page.url()).href);
      await page.getByRole('button', { name: 'Live' }).waitFor();
    },
    answered: (page) => waitUntil(() => questions.get(page)?.size === 0, { what: 'the page to have its answers' }),
    forgive: (complaint) => void forgiven.push(complaint),
    async open(path, { readOnly = false, ...context } = {}) {
      const { url } = served[readOnly ? 1 : 0] as ServedDashboard;
      const page = await (await browser.newContext(context)).newPage();
      pages.push(page);
      page.setDefaultTimeout(20_000);
      page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console: ${message.text()}`);
      });
      const asked = new Set<Request>();
      questions.set(page, asked);
      page.on('request', (request) => {
        if (!request.url().startsWith(url)) complaints.push(`outside: ${request.url()}`);
        if (request.resourceType() === 'fetch') asked.add(request);
      });
      page.on('requestfinished', (request) => asked.delete(request));
      page.on('requestfailed', (request) => asked.delete(request));
      await page.goto(new URL(path, url).href);
      await page.getByRole('button', { name: 'Live' }).waitFor();
      return page;
    },
  };
}

/** What axe finds on the page, in words. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}

/** The states that are lit in the statechart of a page. */
export function activeIn(page: Page): Promise<readonly string[]> {
  const lit = page.locator('.chart [data-active]');
  return lit.evaluateAll((all) => all.map((one) => one.getAttribute('data-id') ?? ''));
}

export async function litBecomes(page: Page, states: readonly string[]): Promise<void> {
  const wanted = JSON.stringify(states.toSorted(byText));
  await waitUntil(async () => JSON.stringify((await activeIn(page)).toSorted(byText)) === wanted, {
    what: `${states.join()} to be lit`,
    timeoutMs: 20_000,
  });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
