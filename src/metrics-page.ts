import { Gauges } from './gauges.ts';
import type { Runtime } from './runtime.ts';
import { statsOf } from './stats.ts';

/** A look must answer before whoever looks gives up: a store that takes longer counts as away. */
const STORE_PATIENCE_MS = 2_000;

/** All metrics of one scheduler as Prometheus reads them. */
export class MetricsPage {
  readonly #runtime: Runtime;
  readonly #gauges: Gauges;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#gauges = new Gauges(runtime.metrics.registry);
  }

  async text(): Promise<string> {
    const { store, sweep, alarms, metrics, clock, loopLag } = this.#runtime;
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
    return metrics.registry.metrics();
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
