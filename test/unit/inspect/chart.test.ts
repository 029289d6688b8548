import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { jobMachine } from '../../../machines/job.ts';
import { activeStates } from '../../../src/inspect/active-states.ts';
import { graphOf } from '../../../src/inspect/chart-graph.ts';
import { type Chart, readChart, statesOf } from '../../../src/inspect/chart-model.ts';
import { ChartPictures } from '../../../src/inspect/chart-pictures.ts';
import { type Drawing, svgText } from '../../../src/inspect/drawing.ts';
import { prepare } from '../../../src/interpreter/index.ts';

function chartOf(machine: Parameters<typeof prepare>[0]): { chart: Chart; text: string } {
  const { chart: text } = prepare(machine, { name: 'x', version: 1, standard: true });
  const chart = readChart(text);
  if (!chart) throw new Error('no chart');
  return { chart, text };
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

const nested = createMachine({
  id: 'root',
  initial: 'a',
  on: { reset: '.a', note: { actions: 'write' } },
  states: {
    a: { on: { go: { target: 'b.two', guard: 'ready' }, far: '#deep', deeper: '#deep.inner' }, after: { 90_000: 'b' } },
    b: {
      initial: 'one',
      states: {
        one: { on: { next: 'two', up: '#root.a' } },
        two: { always: 'one', on: { inner: { target: undefined } } },
      },
      onDone: 'p',
    },
    p: { type: 'parallel', states: { x: { initial: 'x1', states: { x1: {} } }, y: {} } },
    c: { id: 'deep', initial: 'inner', states: { inner: { on: { self: '.' } } } },
  },
} as never).provide({ guards: { ready: () => true }, actions: { write: () => undefined } });

describe('a chart read from its configuration', () => {
  test('has the transitions of the machine itself', () => {
    const { chart } = chartOf(nested);
    const read = statesOf(chart).flatMap(({ transitions }) =>
      transitions.flatMap(({ from, to, event }) => to.map((target) => `${from} ${event ?? ''} ${target}`)),
    );
    const below = (node: typeof nested.root): (typeof nested.root)[] => [
      node,
      ...Object.values(node.states).flatMap((child) => below(child)),
    ];
    const real = below(nested.root).flatMap((node) =>
      [...node.transitions.values(), node.always ?? []]
        .flat()
        .flatMap(({ eventType, target }) =>
          (target ?? []).map((to) => `${node.path.join('.')} ${eventType} ${to.path.join('.')}`),
        ),
    );
    expect(read.filter((line) => !line.includes(' self ')).toSorted(byText)).toEqual(
      real.filter((line) => !line.includes(' self ')).toSorted(byText),
    );
    expect(read).toHaveLength(9);
  });

  test('has all transitions of a job, and the types of its events', () => {
    const { chart } = chartOf(jobMachine);
    const read = statesOf(chart).flatMap(({ transitions }) =>
      transitions.flatMap(({ from, to, event }) => to.map((target) => `${from} ${event ?? ''} ${target}`)),
    );
    const real = [jobMachine.root, ...Object.values(jobMachine.root.states)].flatMap((node) =>
      [...node.transitions.values()]
        .flat()
        .flatMap(({ eventType, target }) =>
          (target ?? []).map((to) => `${node.path.join('.')} ${eventType} ${to.path.join('.')}`),
        ),
    );
    expect(read.toSorted(byText)).toEqual(real.toSorted(byText));
  });

  test('words what causes a transition', () => {
    const { chart } = chartOf(nested);
    const causes = statesOf(chart).flatMap(({ transitions }) => transitions.map(({ cause }) => cause));
    expect(causes).toEqual(expect.arrayContaining(['after 90s', 'always', 'all done', 'go', 'reset']));
  });

  test.each([
    '',
    'null',
    '[]',
    '7',
    '{',
    '{"states":7}',
    '{"states":{"a":null},"on":[1]}',
    `${'{"states":{"a":'.repeat(80)}{}${'}}'.repeat(80)}`,
  ])('of %s gives none, or an empty one', (text) => {
    const chart = readChart(text);
    expect(chart === null || chart.root.children.length === 0).toBe(true);
  });
});

test('the states of a value are its paths, parents included', () => {
  expect(activeStates(null)).toEqual([]);
  expect(activeStates('a')).toEqual(['a']);
  expect(activeStates({ b: 'one' })).toEqual(['b', 'b.one']);
  expect(activeStates({ p: { x: 'x1', y: {} } })).toEqual(['p', 'p.x', 'p.x.x1', 'p.y']);
});

describe('the picture of a chart', () => {
  const groups = (drawing: Drawing): readonly Drawing[] => [
    drawing,
    ...drawing.children.flatMap((child) => (typeof child === 'string' ? [] : groups(child))),
  ];

  test('has every state once, by its id, and every arrow', async () => {
    const { chart, text } = chartOf(nested);
    const picture = await new ChartPictures().of(text, 'nested');
    const all = groups(picture?.drawing as Drawing);
    const ids = all.flatMap(({ attributes }) =>
      attributes['data-id'] === undefined ? [] : [String(attributes['data-id'])],
    );
    expect(ids.toSorted(byText)).toEqual(
      statesOf(chart)
        .map(({ id }) => id)
        .filter((id) => id !== '')
        .toSorted(byText),
    );
    expect(all.filter(({ attributes }) => attributes['data-from'] !== undefined)).toHaveLength(
      graphOf(chart).arrows.length,
    );
  });

  test('is inside of its frame, and boxes lie inside of their parents', async () => {
    const { text } = chartOf(nested);
    const { drawing } = (await new ChartPictures().of(text, 'nested')) ?? {};
    const { width, height } = (drawing as Drawing).attributes;
    const inside = (outer: Drawing, x: number, y: number, right: number, bottom: number): void => {
      for (const child of outer.children) {
        if (typeof child === 'string' || child.attributes['data-id'] === undefined) continue;
        const box = child.children.find((one): one is Drawing => typeof one !== 'string' && one.tag === 'rect');
        const at = box?.attributes as { x: number; y: number; width: number; height: number };
        expect(at.x).toBeGreaterThanOrEqual(x);
        expect(at.y).toBeGreaterThanOrEqual(y);
        expect(at.x + at.width).toBeLessThanOrEqual(right);
        expect(at.y + at.height).toBeLessThanOrEqual(bottom);
        inside(child, at.x, at.y, at.x + at.width, at.y + at.height);
      }
    };
    inside(drawing as Drawing, 0, 0, Number(width), Number(height));
  });

  test('is the same every time, and made once for all who ask', async () => {
    const { text } = chartOf(jobMachine);
    const pictures = new ChartPictures();
    const [first, second] = await Promise.all([pictures.of(text, 'job'), pictures.of(text, 'job')]);
    expect(second).toBe(first);
    const anew = await new ChartPictures().of(text, 'job');
    expect(svgText(anew?.drawing as Drawing)).toBe(svgText(first?.drawing as Drawing));
  });

  test('escapes whatever it is told to write', () => {
    const text = svgText({
      tag: 'text',
      attributes: { 'data-id': `"><script>'` },
      children: ['</text><script>&\u0000\u0008\ud800'],
    });
    expect(text).toBe('<text data-id="&quot;&gt;&lt;script&gt;&#39;">&lt;/text&gt;&lt;script&gt;&amp;</text>');
  });

  test('keeps no process alive once it is made', async () => {
    const pictures = new URL('../../../src/inspect/chart-pictures.ts', import.meta.url).href;
    const program = `const { ChartPictures } = await import('${pictures}');
      const { drawing } = await new ChartPictures().of('{"initial":"a","states":{"a":{}}}', 'x');
      process.stdout.write(drawing.tag);`;
    const args = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
    expect(stdout).toBe('svg');
  });
});
