/** The page of `inspect --live` in a real Chromium, framing a viewer of another origin that runs the package's real receiver. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { InspectionServer } from '../../src/inspect/inspection-server.ts';
import type { StatelyInspectionEvent } from '../../src/inspect/stately-events.ts';
import { BROWSER_FLAGS, findBrowser } from '../support/browser.ts';
import { describeWith } from '../support/services.ts';
import { waitUntil } from '../support/wait-until.ts';

const VIEWER = `
  import { createBrowserReceiver } from '@statelyai/inspect';
  window.heard = [];
  createBrowserReceiver().subscribe((event) => window.heard.push(event));
`;

function event(n: number): StatelyInspectionEvent {
  const common = { sessionId: 'a', rootId: 'a', createdAt: '1', _version: '0.7.2', id: String(n) };
  return { type: '@xstate.event', event: { type: 'go', n }, sourceId: undefined, ...common };
}

describeWith('chromium', 'the page of inspect --live', () => {
  let browser: Browser;
  let viewer: Server;
  let server: InspectionServer;
  let page: Page;
  let asked: number;
  const complaints: string[] = [];

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: VIEWER, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      format: 'iife',
      platform: 'browser',
    });
    const script = outputFiles[0]?.text ?? '';
    viewer = createServer((request, response) => {
      asked += 1;
      if (request.url === '/viewer.js') response.setHeader('content-type', 'text/javascript').end(script);
      else response.setHeader('content-type', 'text/html').end('<script src="/viewer.js"></script>');
    });
    await new Promise<void>((resolve) => viewer.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: findBrowser() ?? '', args: BROWSER_FLAGS });
  });
  afterAll(async () => {
    await browser?.close();
    await new Promise((resolve) => viewer.close(resolve).closeAllConnections());
  });
  beforeEach(async () => {
    asked = 0;
    const { port } = viewer.address() as AddressInfo;
    // Another origin than the page's, also by its name.
    server = new InspectionServer({ port: 0, viewer: new URL(`http://localhost:${port}/`), origins: [] });
    await server.listen();
    page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  async function heard(): Promise<StatelyInspectionEvent[]> {
    const [, frame] = page.frames();
    // While the frame is on its way to its page, nobody is there to answer.
    return (await frame?.evaluate<StatelyInspectionEvent[]>('window.heard ?? []').catch(() => [])) ?? [];
  }

  test('hands all events to a viewer of another origin once somebody asks for it, and not before', async () => {
    for (let n = 0; n < 3; n += 1) server.tell(event(n));
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.getByText('Connected.').waitFor();
    expect(asked).toBe(0);
    await page.getByRole('button', { name: /external/ }).click();
    const told = JSON.parse(JSON.stringify([event(0), event(1), event(2)])) as unknown[];
    await waitUntil(async () => (await heard()).length === 3, { what: 'the events of before' });
    expect(await heard()).toEqual(told);
    server.tell(event(3));
    await waitUntil(async () => (await heard()).length === 4, { what: 'the next event' });
  });

  test('says when the connection has ended', async () => {
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.getByText('Connected.').waitFor();
    await server.close();
    await page.getByText('The connection has ended.').waitFor();
    await server.listen();
  });
});
