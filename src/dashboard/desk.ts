/** What all requests of one dashboard share. */

import { ChartPictures } from '../inspect/chart-pictures.ts';
import { type Insight, insightOf } from '../scheduler/insight.ts';
import type { Scheduler } from '../scheduler.ts';
import { type Survey, survey } from './definitions.ts';
import { readHeat } from './heat.ts';
import { Live } from './live.ts';
import type { ResolvedDashboard } from './options.ts';
import { readOverview } from './overview.ts';
import { remembered } from './remembered.ts';
import type { Heat, Overview } from './wire.ts';

/** Heat is of the past: a minute more or less does not matter, and it takes a hundred histories. */
const HEAT_MS = 30_000;

export class Desk {
  readonly scheduler: Scheduler;
  readonly options: ResolvedDashboard;
  readonly insight: Insight;
  readonly pictures = new ChartPictures();
  readonly live: Live;
  readonly overview: () => Promise<Overview>;
  readonly survey: () => Promise<Survey>;
  readonly #heat = new Map<string, { readonly heat: Promise<Heat>; readonly untilMs: number }>();

  constructor(scheduler: Scheduler, options: ResolvedDashboard) {
    this.scheduler = scheduler;
    this.options = options;
    this.insight = insightOf(scheduler);
    this.live = new Live(this.insight);
    this.overview = remembered(this.insight, () => readOverview(scheduler, this.insight));
    this.survey = remembered(this.insight, () => survey(this.insight));
  }

  get redact(): readonly string[] {
    return this.insight.redact;
  }

  heat(name: string, version: number): Promise<Heat> {
    const key = `${name}@${version}`;
    const nowMs = this.insight.env.monotonicMs();
    const known = this.#heat.get(key);
    if (known && known.untilMs > nowMs) return known.heat;
    const heat = readHeat(this.scheduler, name, version);
    heat.catch(() => this.#heat.delete(key));
    for (const [old, { untilMs }] of this.#heat) if (untilMs <= nowMs) this.#heat.delete(old);
    this.#heat.set(key, { heat, untilMs: nowMs + HEAT_MS });
    return heat;
  }
}
