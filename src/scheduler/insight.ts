/** What a dashboard may look at besides the public calls of the scheduler it was made for. */
import type { Env } from '../env.ts';
import { InvalidOptionError } from '../errors.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Instant } from '../store/contract.ts';
import type { DefinitionRecord, Population, SettledLately } from '../store/surveying.ts';
import type { Runtime } from './runtime.ts';

export interface Insight {
  readonly env: Env;
  readonly namespace: string;
  /** Paths that nobody is to see. */
  readonly redact: readonly string[];
  /** By the store's clock. */
  now(): Instant;
  definitions(): Promise<readonly DefinitionRecord[]>;
  /** Of actors that are held, the state is the one their handler runs in. */
  population(): Promise<Population>;
  settledLately(windowMs: number): Promise<SettledLately>;
  mark(): Promise<string>;
  /** Whether this process has the code of that version. */
  knows(name: string, version: number): boolean;
  /** Logs what went wrong outside any run. */
  failed(error: unknown): void;
}

/** At most so many rows are read for one answer. */
const BOUND = 10_000;

const insights = new WeakMap<Scheduler, Insight>();

export function grantInsight(scheduler: Scheduler, runtime: Runtime): void {
  const { store, env, options, clock } = runtime;
  const open = <T>(ask: () => Promise<T>): Promise<T> => {
    runtime.assertOpen();
    return ask();
  };
  insights.set(scheduler, {
    env,
    namespace: options.namespace,
    redact: options.redact,
    now: () => clock.now(),
    definitions: async () => open(() => store.definitions()),
    async population() {
      const { counts, exact } = await open(() => store.population(BOUND));
      const byNumber = new Map((await store.definitions()).map((definition) => [definition.id, definition]));
      const stateOf = ({ def, held, state, quarantined }: Population['counts'][number]): string | null => {
        const { name, version } = byNumber.get(def) ?? {};
        const loaded = name === undefined || version === undefined ? undefined : runtime.loaded(name, version);
        return held && !quarantined && loaded?.claimed ? JSON.stringify(loaded.claimed.state) : state;
      };
      return { counts: counts.map((count) => ({ ...count, state: stateOf(count) })), exact };
    },
    settledLately: async (windowMs) => open(() => store.settledLately(windowMs, BOUND)),
    mark: async () => open(() => store.mark()),
    knows: (name, version) => runtime.loaded(name, version) !== undefined,
    failed: (error) => runtime.failed(error),
  });
}

/** @throws InvalidOptionError for anything that `createScheduler` did not make. */
export function insightOf(scheduler: Scheduler): Insight {
  const insight = insights.get(scheduler);
  if (insight) return insight;
  throw new InvalidOptionError('scheduler', 'must be what createScheduler() gave.');
}
