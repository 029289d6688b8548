import type { Arena } from '../arena.ts';
import type { Sizes } from '../sizes.ts';

export type Unit = 'per second' | 'ms' | 'bytes' | 'µs' | 'MB';

export interface Figure {
  readonly key: string;
  readonly title: string;
  readonly unit: Unit;
  readonly better: 'more' | 'less';
}

/** What a system reached in the rows before, as medians by figure. */
export type Reached = (figure: string) => number | undefined;

/** One thing that is done to a system, and the figures that come of it. */
export interface Row {
  /** For `--rows`. */
  readonly name: string;
  /** Measured once more with a million future jobs stored. */
  readonly againWithFuture: boolean;
  /** Only with `--long`. */
  readonly long?: boolean;
  /** Left out by `--quick`. */
  readonly slow?: boolean;
  /** Once a run is enough: it is about what takes its time, or about Carillon alone. */
  readonly once?: boolean;
  /** Takes the same time whoever is measured, so that it says nothing about how slow a system is. */
  readonly fixedTime?: boolean;
  /** No peer has it; says so for each of them. */
  readonly carillonOnly?: string;
  /** Why these systems cannot be measured, by name. */
  readonly unmeasured?: Readonly<Record<string, string>>;
  figures(sizes: Sizes): readonly Figure[];
  /** How long it will take a system that reached this before, where that can be said. */
  expectedMs?(reached: Reached, sizes: Sizes): number | undefined;
  run(arena: Arena): Promise<Readonly<Record<string, number>>>;
}

export function count(n: number): string {
  return n.toLocaleString('en');
}
