/** Measurements as a comparison: one line a figure, a cell for every system, and what Carillon is to the best of its peers. */
import type { Measurements, Store } from './measurements.ts';
import { median } from './measurements.ts';
import type { Figure, Row, Unit } from './rows/row.ts';
import type { Sizes } from './sizes.ts';
import type { BenchedSystem } from './systems.ts';

export interface Line {
  readonly title: string;
  readonly unit: Unit;
  /** By system. */
  readonly cells: ReadonlyMap<string, string>;
  /** Above 1 Carillon is better, whichever way the figure counts. Null without a peer or without Carillon. */
  readonly ratio: {
    readonly value: number;
    readonly peer: string;
    readonly carillon: string;
    readonly best: string;
  } | null;
}

export interface Comparison {
  readonly store: Store;
  readonly lines: readonly Line[];
  /** Failures, jobs that ran twice, timers that fired early: what a number alone would hide. */
  readonly notes: readonly string[];
}

interface Compared {
  readonly rows: readonly Row[];
  readonly systems: readonly BenchedSystem[];
  readonly sizes: Sizes;
}

export function compare(measurements: Measurements, store: Store, { rows, systems, sizes }: Compared): Comparison {
  const notes: string[] = [];
  const lines = rows.flatMap((row) => {
    const measured = systems.filter(({ name }) => measurements.of(row.name, store, name).length > 0);
    if (measured.length === 0) return [];
    for (const { name, title } of measured)
      for (const { round, failed, notes: told = [] } of measurements.of(row.name, store, name))
        for (const text of failed ? [`failed: ${failed}`, ...told] : told)
          notes.push(`${row.name}, ${title}, round ${round}: ${text}`);
    return row.figures(sizes).map((figure) => lineOf(measurements, store, row, figure, systems));
  });
  return { store, lines, notes };
}

function lineOf(
  measurements: Measurements,
  store: Store,
  row: Row,
  figure: Figure,
  systems: readonly BenchedSystem[],
): Line {
  const cells = new Map<string, string>();
  const medians: { system: BenchedSystem; value: number }[] = [];
  for (const system of systems) {
    const all = measurements.of(row.name, store, system.name);
    const values = all.flatMap(({ figures }) => figures?.[figure.key] ?? []);
    const why = all.find(({ failed, skipped }) => failed ?? skipped);
    if (values.length > 0) {
      medians.push({ system, value: median(values) });
      cells.set(system.name, spread(values, figure.unit));
    } else if (why?.failed !== undefined) cells.set(system.name, `failed: ${shortened(why.failed)}`);
    else cells.set(system.name, why?.skipped ?? '–');
  }
  const better = figure.better === 'more' ? 1 : -1;
  const carillon = medians.find(({ system }) => system.name === 'carillon');
  const [best] = medians
    .filter(({ system }) => system.peerPackage !== null)
    .sort((a, b) => better * (b.value - a.value));
  if (!carillon || !best || carillon.value <= 0 || best.value <= 0)
    return { title: figure.title, unit: figure.unit, cells, ratio: null };
  const value = (carillon.value / best.value) ** better;
  const [mine, theirs] = [carillon, best].map((one) => written(one.value, figure.unit));
  return {
    title: figure.title,
    unit: figure.unit,
    cells,
    ratio: { value, peer: best.system.title, carillon: mine ?? '', best: theirs ?? '' },
  };
}

function spread(values: readonly number[], unit: Unit): string {
  const middle = written(median(values), unit);
  if (values.length === 1) return middle;
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) => written(value, unit));
  return `${middle} (${least}–${most})`;
}

function written(value: number, unit: Unit): string {
  if (unit === 'per second' && value >= 10_000) return `${(value / 1_000).toFixed(1)}k`;
  if (unit === 'per second' || value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(1);
}

export function writtenRatio({ ratio }: Line): string {
  return ratio === null ? '–' : `${ratio.value.toFixed(2)}× ${ratio.peer}`;
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
