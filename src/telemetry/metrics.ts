/**
 * What this process does, counted. Plain numbers while it works, because prom-client's own counting cost a twentieth of a
 * job; it only writes them out. Labels are the names of definitions and of queues and nothing finer; of those there may be
 * so many, and what comes after counts together.
 */
/** Beyond this many pairs of name and queue, both are 'other'. */
const MAX_SERIES = 1000;
const LATENESS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];
const DURATION_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

type Labels = Readonly<Record<string, string>>;

/** Lines of the page that belong together. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** As they are now. */
  readonly samples: () => readonly Sample[];
}

/** One line of the page. */
interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

class Tally {
  readonly counts = new Map<string, number>();

  add(key: string): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  samples(labels: Labels, by: string): Sample[] {
    return [...this.counts].map(([key, value]) => ({ labels: { ...labels, [by]: key }, value }));
  }
}

class Spread {
  readonly #bounds: readonly number[];
  /** By bound; one more for what is above the last. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = [...bounds, 0].fill(0);
  }

  add(seconds: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  samples(labels: Labels, name: string): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((more, index) => {
      count += more;
      const le = String(this.#bounds[index] ?? '+Inf');
      return { labels: { ...labels, le }, value: count, metricName: `${name}_bucket` };
    });
    if (count === 0) return [];
    const sum = { labels, value: this.#sum, metricName: `${name}_sum` };
    return [...buckets, sum, { labels, value: count, metricName: `${name}_count` }];
  }
}

/** All that is counted under one name and queue. */
class Series {
  readonly labels: Labels;
  readonly scheduled = new Tally();
  readonly effects = new Tally();
  readonly settled = new Tally();
  readonly lateness = new Spread(LATENESS_SECONDS);
  readonly duration = new Spread(DURATION_SECONDS);
  turns = 0;
  running = 0;
  quarantined = 0;
  lost = 0;

  constructor(labels: Labels) {
    this.labels = labels;
  }
}

export class Metrics {
  readonly families: Family[] = [];
  readonly #series = new Map<string, Map<string, Series>>();
  readonly #others = new Series({ name: 'other', queue: 'other' });
  #count = 0;
  #errors = 0;

  constructor() {
    const one = (value: number, labels: Labels): Sample[] => (value === 0 ? [] : [{ labels, value }]);
    this.#show(
      'scheduled_total',
      'counter',
      'Calls that scheduled, and children that turns bore, by outcome.',
      (each) => each.scheduled.samples(each.labels, 'outcome'),
    );
    this.#show('turns_total', 'counter', 'Turns committed.', ({ turns, labels }) => one(turns, labels));
    this.#show('effects_total', 'counter', 'Handlers and other invoked actors that ended, by outcome.', (each) =>
      each.effects.samples(each.labels, 'outcome'),
    );
    this.#show('settled_total', 'counter', 'Runs settled, by the status of their record.', (each) =>
      each.settled.samples(each.labels, 'status'),
    );
    this.#show('quarantined_total', 'counter', 'Actors set aside.', (each) => one(each.quarantined, each.labels));
    this.#show('lost_total', 'counter', 'Actors that another worker took over.', ({ lost, labels }) =>
      one(lost, labels),
    );
    this.#show('effects_running', 'gauge', 'Handlers and other invoked actors under way.', ({ running, labels }) => [
      { labels, value: running },
    ]);
    this.#show('timer_lateness_seconds', 'histogram', 'From when a timer was due to when it fired.', (each) =>
      each.lateness.samples(each.labels, 'carillon_timer_lateness_seconds'),
    );
    this.#show('effect_duration_seconds', 'histogram', 'How long handlers and other invoked actors ran.', (each) =>
      each.duration.samples(each.labels, 'carillon_effect_duration_seconds'),
    );
    this.#add('errors_total', 'counter', 'What failed outside any run.', () => [{ labels: {}, value: this.#errors }]);
  }

  scheduled(name: string, queue: string, outcome: string): void {
    this.#of(name, queue).scheduled.add(outcome);
  }

  /** `lateMs`: of the timer that fired latest in it. */
  turned(name: string, queue: string, lateMs: number | null): void {
    const series = this.#of(name, queue);
    series.turns += 1;
    if (lateMs !== null) series.lateness.add(lateMs / 1000);
  }

  effectStarted(name: string, queue: string): void {
    this.#of(name, queue).running += 1;
  }

  effectEnded(name: string, queue: string, outcome: 'ok' | 'failed' | 'aborted', tookMs: number): void {
    const series = this.#of(name, queue);
    series.running -= 1;
    series.effects.add(outcome);
    series.duration.add(tookMs / 1000);
  }

  settled(name: string, queue: string, status: string): void {
    this.#of(name, queue).settled.add(status);
  }

  quarantined(name: string, queue: string): void {
    this.#of(name, queue).quarantined += 1;
  }

  lost(name: string, queue: string): void {
    this.#of(name, queue).lost += 1;
  }

  failed(): void {
    this.#errors += 1;
  }

  #of(name: string, queue: string): Series {
    return this.#series.get(name)?.get(queue) ?? this.#begin(name, queue);
  }

  #begin(name: string, queue: string): Series {
    if (this.#count >= MAX_SERIES) return this.#others;
    this.#count += 1;
    const series = new Series({ name, queue });
    const named = this.#series.get(name) ?? new Map<string, Series>();
    this.#series.set(name, named.set(queue, series));
    return series;
  }

  #show(name: string, type: string, help: string, samples: (series: Series) => readonly Sample[]): void {
    this.#add(name, type, help, () => {
      const all = [...this.#series.values()].flatMap((named) => [...named.values()]);
      return [...all, ...(this.#count < MAX_SERIES ? [] : [this.#others])].flatMap(samples);
    });
  }

  #add(name: string, type: string, help: string, samples: () => readonly Sample[]): void {
    this.families.push({ name: `carillon_${name}`, help, type, samples });
  }
}
