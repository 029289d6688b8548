import { type Metric, Registry } from 'prom-client';
import { statsOf } from '../reading/stats.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { Gauges } from './gauges.ts';
import type { Metrics } from './metrics.ts';

/** A look must answer before whoever looks gives up: a store that takes longer counts as away. */
const STORE_PATIENCE_MS = 2_000;

/** What is counted, where prom-client writes it out. */
export function registryOf({ families }: Metrics): Registry {
  const registry = new Registry();
  for (const { name, help, type, samples } of families) {
    // All that a registry asks of a metric.
    const metric = { name, help, type, get: async () => ({ name, help, type, aggregator: 'sum', values: samples() }) };
    registry.registerMetric(metric as unknown as Metric);
  }
  return registry;
}

/** All metrics of one scheduler as Prometheus reads them. Loaded when somebody first looks, and prom-client with it. */
export class MetricsPage {
  readonly #runtime: Runtime;
  readonly #registry: Registry;
  readonly #gauges: Gauges;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#registry = registryOf(runtime.metrics);
    this.#gauges = new Gauges(this.#registry);
  }

  async text(): Promise<string> {
    const { store, sweep, alarms, clock, loopLag } = this.#runtime;
    const duties = sweep.report();
    const stats = await this.#inTime(store.stats());
    this.#gauges.show({
      stats: stats && statsOf(stats, duties, alarms.state()),
      duties,
      alarms: alarms.state(),
      pool: this.#runtime.pool(),
      nowMs: clock.now(),
      held: this.#runtime.heldCount,
      loopLagMs: loopLag.take(),
    });
    return this.#registry.metrics();
  }

  async #inTime<T>(asked: Promise<T>): Promise<T | null> {
    const answered = new AbortController();
    const enough = this.#runtime.env.sleep(STORE_PATIENCE_MS, answered.signal).then(
      () => null,
      () => null,
    );
    try {
      return await Promise.race([asked, enough]);
    } catch {
      return null;
    } finally {
      answered.abort();
    }
  }
}
