/** Random flows whose children end in random ways, told in random orders and sometimes twice, against a model of their own. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnyEventObject } from 'xstate';
import type { JobOutput } from '../../../machines/job.ts';
import { type Edges, ended, FlowLife } from './flow-life.ts';

interface World {
  readonly edges: Edges;
  readonly onDrop: 'cancelRest' | 'continue';
  /** How each child ends, and how often it recovers before. */
  readonly fates: Readonly<Record<string, { readonly end: JobOutput['status']; readonly recoveries: number }>>;
}

const success = { weight: 6, arbitrary: fc.constant('success' as const) };
const otherwise = fc.constantFrom('failed_dropped' as const, 'expired' as const, 'cancelled' as const);
const fate = fc.record({
  end: fc.oneof(success, { weight: 1, arbitrary: otherwise }),
  recoveries: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) },
  ),
});

/** Edges lead to earlier numbers, and the numbers are dealt to positions at random. */
const world: fc.Arbitrary<World> = fc
  .array(fc.record({ links: fc.array(fc.nat(99), { maxLength: 3 }), fate, place: fc.nat(1e6) }), {
    minLength: 1,
    maxLength: 10,
  })
  .chain((nodes) =>
    fc.constantFrom('cancelRest' as const, 'continue' as const).map((onDrop) => {
      const named = nodes.map((node, index) => ({ ...node, index, key: `k${index}` }));
      const dealt = named.toSorted((a, b) => a.place - b.place || a.index - b.index);
      const earlier = ({ links, index }: (typeof named)[number]): string[] =>
        index === 0 ? [] : [...new Set(links.map((link) => `k${link % index}`))];
      return {
        onDrop,
        edges: Object.fromEntries(dealt.map((node) => [node.key, earlier(node)])),
        fates: Object.fromEntries(dealt.map((node) => [node.key, node.fate])),
      };
    }),
  );

/** What is to be seen of a flow, told from what it heard and nothing else. */
class Model {
  readonly started = new Set<string>();
  readonly ends = new Map<string, JobOutput['status']>();
  readonly recovering = new Set<string>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.#start();
  }

  get running(): string[] {
    return [...this.started].filter((key) => !this.ends.has(key));
  }

  hear({ type, key, status }: AnyEventObject): void {
    if (!this.running.includes(key)) return;
    if (type === 'child.recovering') this.recovering.add(key);
    else this.recovering.delete(key);
    if (type !== 'child.settled') return;
    this.ends.set(key, status);
    this.#start();
  }

  get state(): string {
    const over = this.running.length === 0;
    if (this.#dropped) return over || this.#world.onDrop === 'cancelRest' ? 'dropped' : 'failing';
    if (this.recovering.size > 0) return 'recovering';
    if (!over) return 'running';
    return [...this.ends.values()].includes('cancelled') ? 'cancelled' : 'done';
  }

  get #dropped(): boolean {
    return [...this.ends.values()].some((end) => end === 'failed_dropped' || end === 'expired');
  }

  #start(): void {
    if (this.#dropped && this.#world.onDrop === 'cancelRest') return;
    for (const [key, after] of Object.entries(this.#world.edges))
      if (after.every((earlier) => this.ends.get(earlier) === 'success')) this.started.add(key);
  }
}

/** All that one child has to say, in order. */
function sayings(key: string, { end, recoveries }: World['fates'][string]): AnyEventObject[] {
  const spells = Array.from({ length: recoveries }, () => [
    { type: 'child.recovering', key },
    { type: 'child.resumed', key },
  ]);
  return [...spells.flat(), ended(key, end)];
}

function run(world: World, picks: readonly number[]): void {
  const flow = new FlowLife(world.edges, { onDrop: world.onDrop });
  const model = new Model(world);
  const said: AnyEventObject[] = [];
  const toSay = new Map<string, AnyEventObject[]>();
  let pick = 0;
  let repetitions = 0;
  const choose = (below: number): number => (picks[pick++ % picks.length] ?? 0) % below;
  for (let told = 0; flow.snapshot.status === 'active'; told++) {
    expect(told, 'a flow that never ends').toBeLessThan(500);
    for (const key of model.running)
      if (!toSay.has(key)) toSay.set(key, sayings(key, world.fates[key] as World['fates'][string]));
    const speakers = [...toSay].filter(([, rest]) => rest.length > 0);
    const again = repetitions < 20 && said.length > 0 && choose(4) === 0;
    if (again) repetitions += 1;
    const rest = speakers[choose(Math.max(1, speakers.length))]?.[1];
    const event = again ? said[choose(said.length)] : rest?.shift();
    if (!event) continue;
    said.push(event);
    const before = model.running;
    model.hear(event);
    flow.send(event);
    if (choose(3) === 0 && flow.snapshot.status === 'active') flow.restored();
    expect(flow.state).toBe(model.state);
    // As sets: who starts in one step starts together. As lists of the same length: nobody starts twice.
    expect(flow.started.toSorted()).toEqual([...model.started].toSorted());
    if (flow.state === 'dropped' && world.onDrop === 'cancelRest')
      expect(flow.toldToEnd.toSorted()).toEqual(before.filter((key) => key !== event['key']).toSorted());
    else expect(flow.toldToEnd).toEqual([]);
  }
  expect(flow.children).toMatch(/^[-+!x]+$/);
  expect(flow.record?.status === 'success').toBe(
    Object.keys(world.edges).every((key) => model.ends.get(key) === 'success'),
  );
}

test('whatever happens to its children, and in whatever order it hears of it, a flow is right and ends', {
  timeout: 60_000,
}, () => {
  const picks = fc.array(fc.nat(1000), { minLength: 5, maxLength: 60 });
  fc.assert(fc.property(world, picks, run), { numRuns: 500 });
});
