/**
 * A statechart as data, made from the configuration that the registry keeps of a definition: no code of that definition is
 * needed to draw it. States are known by their path from the root, '' for the root itself.
 */

export interface Chart {
  readonly root: ChartState;
}

export interface ChartState {
  /** Keys from the root, joined by '.'. */
  readonly id: string;
  readonly key: string;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** The child that is entered first. */
  readonly initial: string | null;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly tags: readonly string[];
  readonly transitions: readonly ChartTransition[];
  readonly children: readonly ChartState[];
}

export interface ChartTransition {
  readonly from: string;
  /** None: it stays where it is. */
  readonly to: readonly string[];
  readonly kind: 'event' | 'after' | 'always' | 'done' | 'error';
  /** What causes it, in a few words: an event type, 'after patience', 'grant done'. */
  readonly cause: string;
  /** Types of events that take it begin so; null for `always`. */
  readonly event: string | null;
  readonly guard: string | null;
  readonly actions: readonly string[];
}

type Config = Readonly<Record<string, unknown>>;

/** How deep states may be nested; a chart is read from the database, and not trusted to end. */
const MAX_DEPTH = 50;

/** The chart behind a stored configuration. Null: it is not one. */
export function readChart(text: string): Chart | null {
  try {
    const config = JSON.parse(text) as unknown;
    if (!isObject(config)) return null;
    return { root: new Reader(config).root };
  } catch {
    // Written by another version; what is known of it besides can still be shown.
    return null;
  }
}

/** All states of a chart, parents before their children. */
export function statesOf({ root }: Chart): readonly ChartState[] {
  const below = (state: ChartState): ChartState[] => [state, ...state.children.flatMap(below)];
  return below(root);
}

class Reader {
  readonly root: ChartState;
  readonly #ids = new Map<string, string>();
  readonly #paths = new Set<string>();
  readonly #machineId: string;

  constructor(config: Config) {
    this.#machineId = typeof config['id'] === 'string' ? config['id'] : '';
    this.#name(config, '', 0);
    this.root = this.#state(config, '', this.#machineId || 'machine', 0);
  }

  /** All ids first: a target may name a state that comes later. */
  #name(config: Config, id: string, depth: number): void {
    if (depth > MAX_DEPTH) throw new Error('nested too deep');
    this.#paths.add(id);
    if (typeof config['id'] === 'string') this.#ids.set(config['id'], id);
    for (const [key, child] of entriesOf(config['states'])) this.#name(child, join(id, key), depth + 1);
  }

  #state(config: Config, id: string, key: string, depth: number): ChartState {
    const children = entriesOf(config['states']).map(([name, child]) =>
      this.#state(child, join(id, name), name, depth + 1),
    );
    const invokes = listOf(config['invoke']).filter(isObject);
    return {
      id,
      key,
      kind: kindOf(config, children.length),
      initial: typeof config['initial'] === 'string' ? join(id, config['initial']) : null,
      entry: namesOf(config['entry']),
      exit: namesOf(config['exit']),
      invokes: invokes.map(sourceOf),
      tags: listOf(config['tags']).map(String),
      transitions: this.#transitions(config, id, invokes),
      children,
    };
  }

  #transitions(config: Config, id: string, invokes: readonly Config[]): readonly ChartTransition[] {
    const take = (value: unknown, how: Pick<ChartTransition, 'kind' | 'cause' | 'event'>): ChartTransition[] =>
      listOf(value).map((one) => this.#transition(id, one, how));
    const events = isObject(config['on']) ? Object.entries(config['on']) : [];
    const delays = isObject(config['after']) ? Object.entries(config['after']) : [];
    const machine = this.#machineId;
    const node = id === '' ? machine : `${machine}.${id}`;
    return [
      ...events.flatMap(([event, value]) => take(value, { kind: 'event', cause: event, event })),
      ...delays.flatMap(([delay, value]) =>
        take(value, { kind: 'after', cause: `after ${delayText(delay)}`, event: `xstate.after.${delay}.${node}` }),
      ),
      ...invokes.flatMap((invoke, index) => {
        const source = sourceOf(invoke);
        const actor = typeof invoke['id'] === 'string' ? invoke['id'] : `${index}.${node}`;
        return [
          ...take(invoke['onDone'], { kind: 'done', cause: `${source} done`, event: `xstate.done.actor.${actor}` }),
          ...take(invoke['onError'], {
            kind: 'error',
            cause: `${source} failed`,
            event: `xstate.error.actor.${actor}`,
          }),
          ...take(invoke['onSnapshot'], {
            kind: 'event',
            cause: `${source} changed`,
            event: `xstate.snapshot.${actor}`,
          }),
        ];
      }),
      ...take(config['onDone'], { kind: 'done', cause: 'all done', event: `xstate.done.state.${node}` }),
      ...take(config['always'], { kind: 'always', cause: 'always', event: null }),
    ];
  }

  #transition(from: string, value: unknown, how: Pick<ChartTransition, 'kind' | 'cause' | 'event'>): ChartTransition {
    const { target, guard, actions } = isObject(value) ? value : { target: value };
    const to = listOf(target).flatMap((one) => (typeof one === 'string' ? (this.#resolve(from, one) ?? []) : []));
    return { ...how, from, to, guard: guard === undefined ? null : nameOf(guard), actions: namesOf(actions) };
  }

  /** Null: it names nothing here. */
  #resolve(from: string, target: string): string | null {
    if (target.startsWith('#')) {
      const named = target.slice(1);
      const [id, at] = [...this.#ids].find(([known]) => named === known || named.startsWith(`${known}.`)) ?? [];
      if (id === undefined || at === undefined) return null;
      return this.#known(named === id ? at : join(at, named.slice(id.length + 1)));
    }
    if (target.startsWith('.')) return this.#known(join(from, target.slice(1)));
    return this.#known(join(parentOf(from), target));
  }

  #known(id: string): string | null {
    return this.#paths.has(id) ? id : null;
  }
}

function kindOf(config: Config, children: number): ChartState['kind'] {
  const { type } = config;
  if (type === 'parallel' || type === 'final' || type === 'history') return type;
  return children > 0 ? 'compound' : 'atomic';
}

function parentOf(id: string): string {
  return id.includes('.') ? id.slice(0, id.lastIndexOf('.')) : '';
}

function join(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`;
}

function delayText(delay: string): string {
  return /^\d+$/.test(delay) ? durationText(Number(delay)) : delay;
}

function durationText(ms: number): string {
  for (const [unit, size] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms >= size && ms % (size / (unit === 's' ? 10 : 1)) === 0) return `${ms / size}${unit}`;
  return `${ms}ms`;
}

function sourceOf({ src, id }: Config): string {
  if (typeof src === 'string' && src !== '(inline)') return src;
  return typeof id === 'string' ? id : 'actor';
}

function namesOf(value: unknown): readonly string[] {
  return listOf(value).map(nameOf);
}

function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value['type'] === 'string' ? value['type'] : '(inline)';
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function entriesOf(value: unknown): readonly (readonly [string, Config])[] {
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => (isObject(child) ? [[key, child] as const] : []));
}

function isObject(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
