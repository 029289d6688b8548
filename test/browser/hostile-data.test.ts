/** Whatever stands in a field, it is text: no page runs it, loads it, or lets it pass for something of its own. */
import { DropError, defineActor, defineJob } from 'carillon';
import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { findBrowser } from '../support/browser.ts';
import { waitUntil } from '../support/wait-until.ts';
import { useHouse } from './house.ts';

const MARKUP = [
  '<img src=x onerror="window.pwned=1">',
  '"><script>window.pwned=1</script>',
  `'-window.pwned=1-'`,
  '</text></svg><svg onload=window.pwned=1>',
  'javascript:window.pwned=1',
  '<a href="https://example.com/" id=bait>bait</a>',
  '</pre></main><form action=https://example.com><button>bait</button></form>',
  '{{constructor.constructor("window.pwned=1")()}}',
] as const;
const ALL = MARKUP.join(' ');
/** The first of them as a key: paths of states are joined by points. */
const KEY = '<img src=x onerror=window:pwned=1>';

const speak = defineJob<{ words: string }, { said: string }>({
  name: 'speak',
  async run({ input, progress }) {
    await progress({ at: input.words });
    return { said: input.words };
  },
});

const shout = defineJob<{ words: string }>({
  name: 'shout',
  run({ input }) {
    const error = new DropError(input.words, { reason: input.words.slice(0, 60) });
    throw Object.assign(error, { code: MARKUP[0] });
  },
});

const maze = defineActor({
  name: 'maze',
  machine: createMachine({
    id: 'maze',
    context: { [KEY]: ALL },
    initial: KEY,
    states: {
      [KEY]: {
        entry: MARKUP[0],
        on: {
          [MARKUP[1]]: { guard: MARKUP[0], target: 'end' },
          [KEY]: { target: 'inside', actions: MARKUP[2] },
        },
      },
      inside: { initial: MARKUP[7], states: { [MARKUP[7]]: { after: { 86_400_000: '#maze.end' } } } },
      end: { type: 'final' },
    },
  }).provide({
    actions: { [MARKUP[0]]: () => undefined, [MARKUP[2]]: () => undefined },
    guards: { [MARKUP[0]]: () => false },
  }),
});

const trap = defineActor({
  name: 'trap',
  machine: createMachine({
    initial: 'set',
    states: {
      set: {
        on: {
          step: {
            guard: () => {
              throw new Error(ALL);
            },
            target: 'sprung',
          },
        },
      },
      sprung: {},
    },
  }),
});

describe.runIf(findBrowser() !== null)('hostile data [needs chromium]', () => {
  const house = useHouse({ definitions: [speak, shout, maze, trap], namespace: 'hostile' });

  test('is shown as text, on every page and in every field', async () => {
    const labels = MARKUP.map((text) => text.slice(0, 60));
    const options = { labels, idempotencyKey: ALL };
    const { scheduler } = house;
    const spoken = await scheduler.schedule(speak, { words: ALL }, options);
    const shouted = await scheduler.schedule(shout, { words: ALL }, { ...options, idempotencyKey: `${ALL}2` });
    const lost = await scheduler.schedule(maze, undefined, { ...options, idempotencyKey: `${ALL}3` });
    const caught = await scheduler.schedule(trap);
    await scheduler.send(caught.id, { type: 'step' });
    await scheduler.scheduleCron({ id: 'loud', every: '1d', job: speak, input: { words: ALL } });
    for (const { id } of [spoken, shouted]) await scheduler.waitFor(id);
    await waitUntil(async () => (await scheduler.get(lost.id))?.state !== null);
    await waitUntil(async () => (await scheduler.get(caught.id))?.status === 'quarantined');
    await scheduler.send(lost.id, { type: KEY, [KEY]: ALL });
    await scheduler.waitFor(lost.id, { state: 'inside' });

    const page = await house.open(`actors/${spoken.id}`);
    const own = await page.locator('img, form, iframe, object, embed, script:not([src])').count();
    expect(own).toBe(0);
    const shows = async (path: string, texts: readonly string[]): Promise<void> => {
      await house.turnTo(page, path);
      for (const text of texts) await page.getByText(text).filter({ visible: true }).first().waitFor();
      const strange = await page
        .locator('#bait, main img, main iframe, main object, main script, a[href^="javascript:"], a[href^="http"]')
        .count();
      expect([path, strange, await page.evaluate('window.pwned')]).toEqual([path, 0, undefined]);
    };
    await shows(`actors/${spoken.id}`, [JSON.stringify(ALL).slice(1, -1), labels[0] ?? '', ALL]);
    await shows(`actors/${shouted.id}`, [MARKUP[1], `(${MARKUP[0]})`]);
    await shows(`actors/${shouted.id}?at=${(await scheduler.history(shouted.id)).length}`, [MARKUP[1]]);
    await shows(`actors/${lost.id}`, [MARKUP[7], KEY]);
    await shows(`actors/${lost.id}?at=2`, [MARKUP[1]]);
    await shows('definitions/maze/1', [MARKUP[7], KEY]);
    await shows('failed', [MARKUP[1].slice(0, 30)]);
    await shows('quarantine', [MARKUP[3]]);
    await shows(`actors?label=${encodeURIComponent(labels[0] ?? '')}`, ['speak', 'shout', 'maze']);
    await shows(`actors?state=${encodeURIComponent(ALL)}`, ['No actor fits.']);
    await shows('crons', ['loud']);
    await shows('', ['Where the active ones are']);
    house.forgive(/404/);
    await shows(`actors/${encodeURIComponent(MARKUP[0])}`, ['No actor']);
  });

  test('in a name that a drawing is asked for by, it is answered as text that nobody runs', async () => {
    const page = await house.open('');
    const answer = await page.request.get(new URL('/api/charts/maze/1/svg', page.url()).href);
    const svg = await answer.text();
    expect(answer.headers()['content-security-policy']).toContain("default-src 'self'");
    expect(answer.headers()['x-content-type-options']).toBe('nosniff');
    expect(svg).toContain('&lt;img src=x');
    expect(svg).not.toMatch(/<(img|script|a|foreignObject)\b/);
    await page.goto(answer.url());
    expect(await page.evaluate('window.pwned')).toBeUndefined();
  });

  test('a payload that is longer than a page can bear is cut, and says so', async () => {
    const { id } = await house.scheduler.schedule(speak, { words: 'x'.repeat(300_000) });
    await house.scheduler.waitFor(id);
    const page = await house.open(`actors/${id}`);
    await page.getByText('more characters are not shown.').first().waitFor();
    expect((await page.content()).length).toBeLessThan(400_000);
  });
});
