/** Row after row, the systems by turns within each round, so that whatever else the machine does meets them all. */
import { openArena } from './arena.ts';
import { killProcesses } from './bench-process.ts';
import { type Databases, databaseName } from './databases.ts';
import type { Measurement, Measurements, Store } from './measurements.ts';
import { count, type Row } from './rows/row.ts';
import type { Sizes } from './sizes.ts';
import type { BenchedSystem } from './systems.ts';

export interface Plan {
  readonly rows: readonly Row[];
  readonly systems: readonly BenchedSystem[];
  /** Systems that cannot be measured on this machine, and why. */
  readonly absent: ReadonlyMap<string, string>;
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly futureRounds: number;
}

/** A row that would take a peer longer is left out for it; the long rows have more time. */
const LIMIT_MS = 30_000;
const LONG_LIMIT_MS = 600_000;
const FUTURE_LIMIT_MS = 180_000;
/** What took a peer longer is not repeated in later rounds. */
const REPEAT_LIMIT_MS = 20_000;

/** What hangs ends as a failure of its own, and the run goes on. */
const DEADLINE_MS = 480_000;
const LONG_DEADLINE_MS = 1_800_000;

export interface Measuring {
  readonly plan: Plan;
  readonly databases: Databases;
  readonly measurements: Measurements;
  readonly say: (line: string) => void;
  /** Aborted: no repetition begins any more, and the one that is cut short does not count. */
  readonly stopped: AbortSignal;
}

type Kept = { readonly name: string; readonly env: Readonly<Record<string, string>> };
type Keep = (system: BenchedSystem) => Promise<Kept>;

export async function measureAll(measuring: Measuring): Promise<void> {
  const { rows, rounds, futureRounds } = measuring.plan;
  await allRounds(measuring, rows, rounds, 'empty');
  const again = rows.filter(({ againWithFuture }) => againWithFuture);
  if (again.length === 0 || futureRounds === 0) return;
  const filled = new Map<string, Promise<Kept>>();
  try {
    await allRounds(measuring, again, futureRounds, 'future', (system) => {
      const kept = filled.get(system.name) ?? fillWithFuture(measuring, system);
      filled.set(system.name, kept);
      return kept;
    });
  } finally {
    for (const system of measuring.plan.systems) {
      const kept = await filled.get(system.name)?.catch(() => null);
      if (kept) await measuring.databases.drop(system, kept.name).catch(() => undefined);
    }
  }
}

async function allRounds(
  measuring: Measuring,
  rows: readonly Row[],
  rounds: number,
  store: Store,
  keep?: Keep,
): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    for (const row of rows) {
      if (row.once && round > 1) continue;
      for (const system of measuring.plan.systems) {
        const earlier = measuring.measurements.of(row.name, store, system.name);
        if (earlier.some((one) => one.round === round)) continue;
        if (earlier.some((one) => isEnough(one, row, system))) continue;
        const measurement = await repetition(measuring, row, system, { store, round }, keep);
        if (measuring.stopped.aborted) return;
        await measuring.measurements.add(measurement);
        const { figures, failed, skipped, notes = [] } = measurement;
        const what = Object.entries(figures ?? {}).map(([key, value]) => `${key} ${Number(value.toPrecision(4))}`);
        const told = failed ? `failed: ${failed}` : skipped ? `skipped: ${skipped}` : [...what, ...notes].join(', ');
        measuring.say(`${round}/${rounds} ${store} ${row.name} ${system.name}: ${told}`);
      }
    }
  }
}

/** Carillon is measured whatever it takes. */
function isEnough({ skipped, tookMs }: Measurement, row: Row, { peerPackage }: BenchedSystem): boolean {
  return skipped !== undefined || (peerPackage !== null && !row.fixedTime && tookMs > REPEAT_LIMIT_MS);
}

async function repetition(
  measuring: Measuring,
  row: Row,
  system: BenchedSystem,
  { store, round }: Pick<Measurement, 'store' | 'round'>,
  keep?: Keep,
): Promise<Measurement> {
  const { plan, databases } = measuring;
  const startedMs = performance.now();
  const result = (what: Pick<Measurement, 'figures' | 'failed' | 'skipped' | 'notes'>): Measurement => ({
    row: row.name,
    store,
    system: system.name,
    round,
    tookMs: Math.round(performance.now() - startedMs),
    ...what,
  });
  const reason =
    plan.absent.get(system.name) ??
    (system.peerPackage === null ? undefined : reasonToSkip(measuring, row, system, keep));
  if (reason !== undefined) return result({ skipped: reason });
  const deadlineMs = row.long ? LONG_DEADLINE_MS : DEADLINE_MS;
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    killProcesses();
  }, deadlineMs);
  try {
    const kept = await keep?.(system);
    const arena = await openArena({ databases, system, sizes: plan.sizes, ...(kept && { kept }) });
    try {
      const figures = await row.run(arena);
      return result({ figures, ...(arena.notes.length > 0 && { notes: arena.notes }) });
    } finally {
      await arena.close();
    }
  } catch (error) {
    if (late) return result({ failed: `took longer than ${deadlineMs / 1_000} s` });
    return result({ failed: error instanceof Error ? error.message : String(error) });
  } finally {
    clearTimeout(deadline);
  }
}

/** Of a peer: that it has no such thing, or would take too long by what it reached before. */
function reasonToSkip(
  { plan, measurements }: Measuring,
  row: Row,
  { name }: BenchedSystem,
  keep: Keep | undefined,
): string | undefined {
  const without = row.carillonOnly ?? row.unmeasured?.[name];
  if (without !== undefined) return without;
  const reached = (figure: string): number | undefined => {
    const [of = '', key = ''] = figure.split('.');
    return measurements.median(of, 'empty', name, key);
  };
  const expectedMs = row.expectedMs?.(reached, plan.sizes);
  if (expectedMs && expectedMs > (row.long ? LONG_LIMIT_MS : LIMIT_MS)) return tooLong(expectedMs);
  const fillMs = (plan.sizes.future / (reached('drain.bulk') ?? Number.POSITIVE_INFINITY)) * 1_000;
  return keep && fillMs > FUTURE_LIMIT_MS ? `${tooLong(fillMs)} to store them` : undefined;
}

function tooLong(ms: number): string {
  return `would take ${Math.round(ms / 1_000)} s`;
}

/** Once a run and system: these jobs stay for all that is measured with them. */
async function fillWithFuture({ plan, databases, say }: Measuring, system: BenchedSystem): Promise<Kept> {
  const name = `${databaseName(system)}_future`;
  const env = await databases.create(system, name);
  const arena = await openArena({ databases, system, sizes: plan.sizes, kept: { name, env } });
  try {
    const before = await arena.storedBytes();
    const tookMs = await arena.producer.ask('future', plan.sizes.future);
    const each = Math.round(((await arena.storedBytes()) - before) / plan.sizes.future);
    say(
      `${system.name} stored ${count(plan.sizes.future)} future jobs in ${Math.round(tookMs)} ms, ${each} bytes each`,
    );
    // What a database in use has had for long: a vacuum, and statistics.
    if (system.store !== 'redis') await databases.postgres.query('vacuum analyze', name);
    return { name, env };
  } finally {
    await arena.close();
  }
}
