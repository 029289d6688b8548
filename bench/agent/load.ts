/** The loads that a producer is put under, the same for every system. */
import { sharedMs, sleep, wallMs } from './clock.ts';
import type { Job, Producer, TimedJob } from './contract.ts';

const BATCH = 1_000;
const MONTH_MS = 30 * 86_400_000;

async function inBatches<T extends Job>(
  count: number,
  job: (i: number) => T,
  add: (jobs: readonly T[]) => Promise<unknown>,
): Promise<number> {
  const startedMs = sharedMs();
  for (let from = 0; from < count; from += BATCH) {
    await add(Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => job(from + n)));
  }
  return sharedMs() - startedMs;
}

/** Each returns the milliseconds it took. */
export function addInBulk(producer: Producer, count: number): Promise<number> {
  return inBatches(
    count,
    (i) => ({ i }),
    (jobs) => producer.addMany(jobs),
  );
}

/** Callers that add one job after the other, as in a busy web server. */
export async function addSingly(producer: Producer, count: number, inFlight: number): Promise<number> {
  const startedMs = sharedMs();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) await producer.add({ i: next++ });
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return sharedMs() - startedMs;
}

/** Jobs that are due in a month: stored, and in nobody's way. */
export function addFuture(producer: Producer, count: number): Promise<number> {
  const baseMs = Math.round(wallMs()) + MONTH_MS;
  return inBatches(
    count,
    (i) => ({ i, dueMs: baseMs + i }),
    (jobs) => producer.addManyAt(jobs),
  );
}

/** One after the other, as those that count will come. */
export async function warmUp(producer: Producer, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await producer.add({ i: -n });
}

export async function addHeld(producer: Producer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await producer.add({ i, held: true });
}

/** At a steady pace, whether or not those before are stored yet. Returns the milliseconds that each add took. */
export async function addPaced(producer: Producer, count: number, perSecond: number): Promise<readonly number[]> {
  const startedMs = sharedMs();
  const tookMs: number[] = [];
  const adds: Promise<unknown>[] = [];
  for (let i = 0; i < count; i++) {
    const waitMs = startedMs + (i * 1_000) / perSecond - sharedMs();
    if (waitMs > 0) await sleep(waitMs);
    const sentMs = sharedMs();
    const add = producer.add({ i, sentMs }).then(() => tookMs.push(sharedMs() - sentMs));
    // One that fails is told of when all are under way, not by the death of this process.
    add.catch(() => undefined);
    adds.push(add);
  }
  await Promise.all(adds);
  return tookMs;
}

/** Due in `leadMs`, spread evenly over `spreadMs` in no order. Returns how long before the first of them all were stored. */
export async function addTimers(
  producer: Producer,
  count: number,
  { leadMs, spreadMs }: { readonly leadMs: number; readonly spreadMs: number },
): Promise<number> {
  const baseMs = Math.round(wallMs() + leadMs);
  const stride = 7_919; // a prime, so that every place is taken once
  const timer = (i: number): TimedJob => ({
    i,
    dueMs: baseMs + Math.round((((i * stride) % count) * spreadMs) / count),
  });
  await inBatches(count, timer, (jobs) => producer.addManyAt(jobs));
  return baseMs - wallMs();
}

/** When nothing waits or runs any more, by what the store says. */
export async function untilDrained(producer: Producer, timeoutMs: number): Promise<number> {
  const startedMs = sharedMs();
  for (;;) {
    const remaining = await producer.remaining();
    if (remaining === 0) return sharedMs();
    if (sharedMs() - startedMs > timeoutMs) throw new Error(`${remaining} jobs still wait or run`);
    await sleep(3);
  }
}
