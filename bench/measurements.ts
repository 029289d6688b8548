/** What was measured so far, written down after every repetition: a run that is cut short goes on where it was. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spreadOf } from './figures.ts';

/** On an empty store, or on one that holds a million future jobs. */
export type Store = 'empty' | 'future';

export interface Measurement {
  readonly row: string;
  readonly store: Store;
  readonly system: string;
  readonly round: number;
  readonly tookMs: number;
  readonly figures?: Readonly<Record<string, number>>;
  readonly notes?: readonly string[];
  /** Why there are no figures. */
  readonly failed?: string;
  /** Why it was not even tried. */
  readonly skipped?: string;
}

export interface Measurements {
  readonly all: readonly Measurement[];
  of(row: string, store: Store, system: string): readonly Measurement[];
  /** Of all rounds so far; undefined where no round has it. */
  median(row: string, store: Store, system: string, figure: string): number | undefined;
  add(measurement: Measurement): Promise<void>;
}

const FILE = path.resolve(import.meta.dirname, '../dist/bench-measurements.json');

/** `of` names what has to be the same for measurements to belong together. With `resume`, those on disk that do are kept. */
export async function openMeasurements(of: string, resume: boolean): Promise<Measurements> {
  const all: Measurement[] = resume ? await read(of) : [];
  const select: Measurements['of'] = (row, store, system) =>
    all.filter((one) => one.row === row && one.store === store && one.system === system);
  return {
    all,
    of: select,
    median(row, store, system, figure) {
      const values = select(row, store, system).flatMap(({ figures }) => figures?.[figure] ?? []);
      return values.length === 0 ? undefined : median(values);
    },
    async add(measurement) {
      all.push(measurement);
      await mkdir(path.dirname(FILE), { recursive: true });
      await writeFile(`${FILE}.new`, JSON.stringify({ of, all }));
      await rename(`${FILE}.new`, FILE);
    },
  };
}

async function read(of: string): Promise<Measurement[]> {
  const text = await readFile(FILE, 'utf8').catch(() => null);
  if (text === null) return [];
  const stored = JSON.parse(text) as { of: string; all: Measurement[] };
  if (stored.of !== of) throw new Error(`The measurements to go on with are of another run: ${stored.of}`);
  // What failed is tried again.
  return stored.all.filter(({ failed }) => failed === undefined);
}

export function median(values: readonly number[]): number {
  return values.length === 2 ? ((values[0] ?? 0) + (values[1] ?? 0)) / 2 : spreadOf(values).p50;
}
